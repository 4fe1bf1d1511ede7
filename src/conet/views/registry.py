"""Which views there are of what: one line each. One's own file needs no line: ``path/to/file.py:name``."""

import importlib
from collections.abc import Callable, Mapping
from typing import Any

from conet.base.registry import resolve
from conet.views.schema import View

# Name of a view, and where its function is: from the data of that kind to a View. In the order of a report.
WALKS = {
    "concept-web": "conet.views.walks.concept_web:concept_web",
    "learning-curve": "conet.views.walks.learning_curve:learning_curve",
    "correct-length": "conet.views.walks.correct_length:correct_length",
    "islands": "conet.views.walks.islands:islands",
    "average-degree": "conet.views.walks.average_degree:average_degree",
    "problems": "conet.views.walks.problems:problems",
    "pass-at-k": "conet.views.walks.pass_at_k:pass_at_k",
    "entropy": "conet.views.walks.entropy:entropy",
}
ROLLOUTS = {
    "learning-curve": "conet.views.rollouts.learning_curve:learning_curve",
    "correct-length": "conet.views.rollouts.correct_length:correct_length",
    "problems": "conet.views.rollouts.problems:problems",
    "groups": "conet.views.rollouts.groups:groups",
    "diversity": "conet.views.rollouts.diversity:diversity",
    "frustration": "conet.views.rollouts.frustration:frustration",
}
COMPARISON = {
    "differences": "conet.views.comparison.differences:differences",
    "measures": "conet.views.comparison.means:measures",
    "accuracy": "conet.views.comparison.curves:accuracy",
    "correct-length": "conet.views.comparison.curves:correct_length",
    "islands": "conet.views.comparison.curves:islands",
    "mean-degree": "conet.views.comparison.curves:mean_degree",
    "policy-entropy": "conet.views.comparison.curves:policy_entropy",
    "groups-without-signal": "conet.views.comparison.curves:groups_without_signal",
    "truncated-share": "conet.views.comparison.curves:truncated_share",
    "distinct-share": "conet.views.comparison.curves:distinct_share",
    "same-problems": "conet.views.comparison.problems:same_problems",
    "last-webs": "conet.views.comparison.webs:last_webs",
}


def make(name: str, known: Mapping[str, str | Callable[[Any], View]], data: Any) -> View:
    """Return one view of some data.

    Parameters
    ----------
    name
        A registered name, or ``path/to/file.py:name`` of a function from the data to a :class:`View`.
    known
        A table as those of this module.
    data
        What the functions of that table take.

    Raises
    ------
    ConetError
        For an unknown name; the nearest is named.
    """
    found: str | Callable[[Any], View] = resolve(name, known, "figure")
    return load(found)(data) if isinstance(found, str) else found(data)


def load(place: str) -> Callable[[Any], View]:
    """Import ``module:function``."""
    module, function = place.split(":")
    made: Callable[[Any], View] = getattr(importlib.import_module(module), function)
    return made
