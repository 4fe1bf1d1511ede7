"""Results of cells on disk."""

import json
from pathlib import Path

from conet.base.arrays import read_arrays, write_arrays
from conet.base.errors import ConetError
from conet.base.places import make_folder
from conet.cells.cell import Arrays, Cell


class Cache:
    """Results on disk, one file a cell, atomic.

    Parameters
    ----------
    place
        The folder; made where it is missing.
    """

    def __init__(self, place: Path) -> None:
        self.place = place
        make_folder(place)

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
