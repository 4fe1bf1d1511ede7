"""What Python gave a run in place of what its config names, in its provenance and as its settings."""

import hashlib
from collections.abc import Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import numpy as np

from conet.config import flatten
from conet.learners import Learner
from conet.runs.objects import OLD_NAMES

if TYPE_CHECKING:
    from conet.runs.run import Run

# The setting that says which one, of each part of the config.
SAYS_WHICH = {
    "graph": "graph.kind",
    "problems": "problems.kind",
    "learner": "learner.name",
    "schedule": "schedule.name",
}


def noted(objects: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return what a run keeps of the objects that it is given.

    Parameters
    ----------
    objects
        By keyword of :func:`conet.run`; None for those that are not given.

    Returns
    -------
    dict
        By keyword: ``name``, that of a function or class, for graphs and problems with a digest of their
        numbers; and ``options`` of a learner.
    """
    found: dict[str, dict[str, Any]] = {}
    for part, value in objects.items():
        if value is None:
            continue
        found[part] = {"name": _name(value)}
        if isinstance(value, Learner):
            found[part]["options"] = value.model_dump(mode="json", fallback=repr)
        elif part in ("graph", "problems"):
            found[part]["name"] += f" {_digest(value)}"
    return found


def _digest(value: Any) -> str:
    """Return the beginning of the hash of a graph's or of problems' numbers."""
    numbers = hashlib.sha256()
    for field in fields(value):
        one = getattr(value, field.name)
        numbers.update(one.tobytes() if isinstance(one, np.ndarray) else repr(one).encode())
    return numbers.hexdigest()[:8]


def _name(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(value)
    if isinstance(value, list | tuple):
        return ", ".join(one if isinstance(one, str) else _name(one) for one in value)
    named = getattr(value, "__name__", None) or getattr(value, "name", None)
    return named if isinstance(named, str) else type(value).__name__


def given_of(run: "Run") -> dict[str, dict[str, Any]]:
    """Return which objects a run was given, by keyword; of older runs the names are not known."""
    comes_from = run.provenance()
    parts = [OLD_NAMES.get(part, part) for part in comes_from.get("objects", ())]
    return {part: {} for part in parts} | comes_from.get("given", {})


def settings_of(run: "Run") -> dict[str, Any]:
    """Return the settings of a run of walks by dotted name, with those of objects that it was given."""
    settings = flatten(run.config.model_dump(mode="json"))
    for part, known in given_of(run).items():
        if part not in SAYS_WHICH:
            continue
        if part != "schedule":  # which may ask for the settings of its section
            settings = {name: value for name, value in settings.items() if not name.startswith(f"{part}.")}
        settings[SAYS_WHICH[part]] = f"an object ({known['name']})" if known else "an object"
        options = {f"{part}.{name}": value for name, value in known.get("options", {}).items()}
        settings |= flatten(options)
    return settings
