"""Results of cells on disk."""

import json
from pathlib import Path

from conet.base.arrays import read_arrays, write_arrays
from conet.base.errors import ConetError
from conet.cells.cell import Arrays, Cell


def check_place(out: Path) -> None:
    """Refuse a folder that holds something else, before anything in it is overwritten.

    Raises
    ------
    ConetError
        For a folder that is not empty and has no ``cells``.
    """
    try:
        taken = out.is_dir() and any(out.iterdir()) and not (out / "cells").is_dir()
    except OSError as error:
        raise ConetError(
            f"{out}: {error.strerror}", "a folder that can be read", "choose another --out"
        ) from None
    if taken:
        raise ConetError(
            f"{out}: not empty, and no cells in it",
            "an empty folder, or one to go on in",
            "choose another --out",
        )


class Cache:
    """Results on disk, one file a cell, atomic.

    Parameters
    ----------
    place
        The folder; made where it is missing.
    """

    def __init__(self, place: Path) -> None:
        self.place = place
        try:
            place.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConetError(
                f"{place}: {error.strerror}", "a place that can be written", "choose another --out"
            ) from None

    def _path(self, cell: Cell) -> Path:
        return self.place / f"{cell.key}.safetensors"

    def get(self, cell: Cell) -> Arrays | None:
        """Return a cell's result, or None; a damaged file, or one of another cell, counts as none."""
        path = self._path(cell)
        try:
            arrays, metadata = read_arrays(path) if path.exists() else ({}, {})
        except ConetError:
            return None
        return arrays if metadata.get("key") == cell.key else None

    def put(self, cell: Cell, arrays: Arrays) -> None:
        """Keep a cell's result."""
        label = json.dumps({"function": cell.function, "arguments": dict(cell.arguments)}, sort_keys=True)
        write_arrays(self._path(cell), arrays, {"cell": label, "key": cell.key})
