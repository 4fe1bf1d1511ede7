"""Which views there are of what: one line each. One's own file needs no line: ``path/to/file.py:name``."""

import importlib
from collections.abc import Callable, Mapping
from typing import Any, get_type_hints

from conet.base.errors import ConetError
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
    "answers": "conet.views.rollouts.answers:answers",
    "problems": "conet.views.rollouts.problems:problems",
    "groups": "conet.views.rollouts.groups:groups",
    "diversity": "conet.views.rollouts.diversity:diversity",
    "frustration": "conet.views.rollouts.frustration:frustration",
}
OF_REWARDS = ("learning-curve",)  # that need nothing to be called correct
SCALARS = {  # beside those of rollouts, or where there are none
    "scalars": "conet.views.rollouts.scalars:scalars",
}
LANGUAGE_MODEL = {  # beside those of its rollouts
    "trainer-metrics": "conet.views.rollouts.trainer_metrics:trainer_metrics",
}
TRACES = {
    "trace-web": "conet.views.traces.web:trace_web",
    "trace-observables": "conet.views.traces.through_time:through_time",
}


def of_comparison() -> dict[str, str | Callable[[Any], View]]:
    """Return the views of a comparison; those of curves come from the table of their quantities."""
    from conet.views.comparison.curves import CURVES

    return {
        "differences": "conet.views.comparison.differences:differences",
        "measures": "conet.views.comparison.means:measures",
        **CURVES,
        "same-problems": "conet.views.comparison.problems:same_problems",
        "last-webs": "conet.views.comparison.webs:last_webs",
    }


OF = {"WalksData": "a run of walks", "Diagnosis": "the rollouts of a log", "Comparison": "several runs"}


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
        For an unknown name (the nearest is named), or a function of the user's own that fails or is for
        something else.
    """
    found: str | Callable[[Any], View] = resolve(name, known, "figure")
    if isinstance(found, str) and ".py:" in found:
        found = resolve(found, {}, "figure")
    if isinstance(found, str):
        return load(found)(data)
    view = _own(name, found, data)
    if name in known and view.name in known and view.name != name:
        got = f"figure {name!r}, which calls itself {view.name!r}"
        raise ConetError(got, "a name that no figure of the report has", "rename it")
    return view


def _own(name: str, function: Callable[[Any], View], data: Any) -> View:
    """Call a function that may be the user's own, and say what is wrong with it."""
    kind = type(data).__name__
    expected = f"a function from a {kind} ({OF.get(kind, 'what is drawn')}) to a View"
    remedy = "docs/skeletons/figure.py shows one for each"
    takes = _takes(function)
    if takes is not None and not isinstance(data, takes):
        got = f"figure {name!r}, which is for a {takes.__name__} ({OF.get(takes.__name__, 'something else')})"
        raise ConetError(got, expected, remedy)
    try:
        view = function(data)
    except (ConetError, MemoryError):
        raise
    except (Exception, SystemExit) as error:
        got = f"figure {name!r}: {type(error).__name__}: {error}"
        raise ConetError(got, expected, f"mend it; {remedy}") from error
    if not isinstance(view, View):
        raise ConetError(f"figure {name!r}: {type(view).__name__}", expected, "return a View")
    return view


def _takes(function: Callable[[Any], View]) -> type | None:
    """Return the class that the function says its argument is of; None where it does not say."""
    try:
        hints = get_type_hints(function)
    except (NameError, TypeError, AttributeError):
        return None
    taken = next((hint for parameter, hint in hints.items() if parameter != "return"), None)
    return taken if isinstance(taken, type) else None


def load(place: str) -> Callable[[Any], View]:
    """Import ``module:function``."""
    module, function = place.split(":")
    made: Callable[[Any], View] = getattr(importlib.import_module(module), function)
    return made
