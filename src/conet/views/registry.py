"""Which views there are of what: one line each. A file of one's own needs no line: ``path/to/file.py:name``."""

import importlib
from collections.abc import Callable, Mapping
from typing import Any

from conet.base.registry import resolve
from conet.views.schema import View

# Name of a view, and where its function is: from the data of that kind to a View. In the order of a report.
WALKS = {
    "learning-curve": "conet.views.walks.learning_curve:learning_curve",
}


def make(name: str, known: Mapping[str, str], data: Any) -> View:
    """Return one view of some data.

    Parameters
    ----------
    name
        A registered name, or ``path/to/file.py:name`` of a function from the data to a :class:`View`.
    known
        A table of this module.
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
