"""Kinds of output folders, and what a folder holds: told by what its files say, never by names alone."""

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path

from conet.base.leftovers import is_temporary

LOCK = ".lock"  # of a folder that one process at a time may write into
PROVENANCE = "provenance.json"  # of every run
UNFINISHED = ".unfinished"  # stands in a new folder until the first output in it is whole
CELL = re.compile(r"[0-9a-f]{32}\.safetensors")
HEXADECIMAL = "[0-9a-f]"
RECIPE = "recipe.json"  # the settings of a run of a language model


def resume_command(place: Path, directory: int | None = None) -> str:
    """Return what goes on with a run.

    Parameters
    ----------
    place
        Its directory, or a file in it.
    directory
        The directory, where it is open: it may stand elsewhere by now.
    """
    run = next((folder for folder in (place, *place.parents[:3]) if (folder / PROVENANCE).is_file()), place)
    try:
        os.stat(run / RECIPE if directory is None else RECIPE, dir_fd=directory)
    except OSError:
        return "conet resume"
    return "conet llm resume"


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of output folder.

    Attributes
    ----------
    name : str
        What one is called, such as "a diagnosis".
    mark : str
        A JSON file that every whole one holds.
    keys : tuple of str
        Keys that this file has.
    before : tuple of str
        Patterns of files with these keys that an interrupted one holds.
    cells : bool
        Whether a folder ``cells`` of results is the beginning of one.
    first : tuple of str
        What may stand beside the cells: the files that are written first, in this order.
    """

    name: str
    mark: str
    keys: tuple[str, ...]
    before: tuple[str, ...] = ()
    cells: bool = False
    first: tuple[str, ...] = ()


SWEEP = Kind(
    name="a sweep",
    mark="sweep.json",
    keys=("definition", "runs"),
    cells=True,
    first=("table.parquet", "table.csv", "curves.parquet", "sweep.json"),
)
CLAIMS = Kind(
    name="pages of `conet reproduce`",
    mark="verdicts.json",
    keys=("verdicts",),
    cells=True,
)
DIAGNOSIS = Kind(name="a diagnosis", mark="diagnosis.json", keys=("heat_now", "samples"))
CAPACITY = Kind(
    name="a search of `conet capacity`", mark="capacity.json", keys=("problems", "solved", "bound")
)
TRACES = Kind(name="a concept web of traces", mark="web.json", keys=("concepts", "significant_edges"))
COMPARISON = Kind(name="a comparison", mark="comparison.json", keys=("runs", "measures"))
EVALUATION = Kind(
    name="evaluations",
    mark="evaluation.json",
    keys=("problems", "samples"),
    before=("asked.json", f"{HEXADECIMAL * 16}/asked.json"),
)
# A folder with the marks of several is what stands first: the page of a sweep is a comparison too.
KINDS = (SWEEP, CLAIMS, DIAGNOSIS, COMPARISON, CAPACITY, EVALUATION, TRACES)


def kind_of(path: Path) -> Kind | None:
    """Return what a folder holds, by the marks in it."""
    return next((kind for kind in KINDS if has_mark(path, kind)), None)


def is_of(path: Path, kind: Kind) -> bool:
    """Whether a folder holds an output of this kind: a whole one, or the beginning of one."""
    held = kind_of(path)
    if held is not None:
        return held is kind
    note = _note(path)
    return note == kind.name or (kind.cells and not note and _begins_with_cells(path, kind))


def has_mark(path: Path, kind: Kind) -> bool:
    """Whether a folder has the mark of a kind, by what stands in it."""
    places = [path / kind.mark, *(place for pattern in kind.before for place in path.glob(pattern))]
    return any(_has_keys(place, kind.keys) for place in places)


def _has_keys(place: Path, keys: tuple[str, ...]) -> bool:
    try:
        content = json.loads(place.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(content, dict) and set(keys) <= set(content)


def _note(path: Path) -> str:
    try:
        return (path / UNFINISHED).read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        return ""


def _begins_with_cells(path: Path, kind: Kind) -> bool:
    """Whether a folder holds nothing but results of cells, and the first of what is made of them."""
    cells = path / "cells"
    if not cells.is_dir():
        return False
    beside = {entry.name for entry in os.scandir(path) if not is_temporary(entry.name)}
    beside -= {"cells", LOCK, UNFINISHED}
    return beside == set(kind.first[: len(beside)]) and all(
        CELL.fullmatch(entry.name) or is_temporary(entry.name) for entry in os.scandir(cells)
    )
