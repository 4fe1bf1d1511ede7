"""Files of which a reader's function ``rows`` yields the rollouts, as if they were tables."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from conet.base.errors import ConetError
from conet.readers.base import Rows, Skipped
from conet.readers.formats import unusable
from conet.readers.formats.chunk import PEEK_ROWS, Chunk, Numbers, Unusable, most_bytes
from conet.readers.formats.json_lines import frame_of, numbers_in

if TYPE_CHECKING:
    import polars

CHUNK_ROWS = 5000
OBJECT = 64  # bytes that any value takes in Python, about


@dataclass(frozen=True)
class Yielded:
    """The format of files that only a function can read.

    Attributes
    ----------
    rows : callable
        See :class:`conet.readers.base.Reader`.
    """

    rows: Rows

    def peek(self, path: Path) -> dict[str, Numbers]:
        """Return the columns, in order, and which numbers each holds in the first rollouts."""
        found: dict[str, Numbers] = {}
        try:
            for item in islice(self._items(path), PEEK_ROWS):
                if isinstance(item, Skipped):
                    continue
                for row in [item] if isinstance(item, Mapping) else item.head(PEEK_ROWS).to_dicts():
                    for name, value in row.items():
                        found[name] = max(found.get(name, Numbers.NONE), numbers_in(_plain(value)))
        except Unusable:
            if not found:
                raise
        return found

    def chunks(self, path: Path, columns: Sequence[str]) -> Iterator[Chunk]:
        """Read some columns chunk by chunk; of how much has been read, nothing is known before the end."""
        batch = Batch(columns)
        try:
            yield from self.into(batch, path)
        except Unusable as error:
            yield batch.chunk()
            raise error
        yield batch.chunk()

    def into(self, batch: "Batch", path: Path) -> Iterator[Chunk]:
        """Read a file into a batch, and yield chunks when it is full; the last rows stay in it."""
        for item in self._items(path):
            if isinstance(item, Mapping):
                batch.add({name: _plain(item[name]) for name in batch.columns if name in item})
            elif isinstance(item, Skipped):
                batch.skipped[item.reason] += 1
            else:
                yield batch.chunk()  # so that rows stay in order
                yield Chunk(_columns(item, batch.columns), done=0.0, files=np.full(item.height, batch.file))
            if len(batch.rows) >= CHUNK_ROWS or batch.held >= batch.most:
                yield batch.chunk()

    def _items(self, path: Path) -> "Iterator[Mapping[str, Any] | polars.DataFrame | Skipped]":
        import polars as pl

        try:
            for item in self.rows(path):
                if not isinstance(item, Mapping | pl.DataFrame | Skipped):
                    raise Unusable(f"gives {type(item).__name__} in the place of a rollout")
                yield item
        except (Unusable, ConetError):
            raise
        except SystemExit:
            raise Unusable("its reader calls sys.exit") from None
        except Exception as error:
            raise unusable(error) from None


class Batch:
    """Rollouts that are waiting to be made a chunk.

    Attributes
    ----------
    file : int
        Of which file those are that come in, where files are read together.
    """

    def __init__(self, columns: Sequence[str]) -> None:
        self.columns = columns
        self.rows: list[dict[str, Any]] = []
        self.files: list[int] = []
        self.file = 0
        self.skipped: Counter[str] = Counter()
        self.held, self.most = 0, most_bytes()  # bytes, about

    def add(self, row: dict[str, Any]) -> None:
        """Take in a rollout."""
        self.rows.append(row)
        self.files.append(self.file)
        self.held += _weight(row, self.most)

    def chunk(self) -> Chunk:
        """Return what is waiting, and wait for more."""
        files = np.array(self.files, np.int64)
        made = Chunk(frame_of(self.rows, self.columns), self.skipped, done=0.0, files=files)
        self.rows, self.files, self.skipped, self.held = [], [], Counter(), 0
        return made


def _weight(row: Mapping[str, Any], most: int) -> int:
    """Return about how many bytes the values of a rollout take, with all inside them, up to where it is much.

    So a list that is inside itself has an end.
    """
    weight, waiting = 0, list(row.values())
    while waiting and weight < most:
        value = waiting.pop()
        if isinstance(value, str | bytes | bytearray):
            weight += len(value)
        elif isinstance(value, Mapping):
            waiting += [*value.keys(), *value.values()]
        elif isinstance(value, list | tuple | set | frozenset):
            waiting += value
        takes = getattr(value, "nbytes", OBJECT)
        weight += takes if isinstance(takes, int) else OBJECT
    return weight


def _plain(value: Any) -> Any:
    """Turn a number of numpy or torch into one of Python."""
    return value.item() if hasattr(value, "item") and getattr(value, "ndim", None) == 0 else value


def _columns(frame: "polars.DataFrame", columns: Sequence[str]) -> "polars.DataFrame":
    """Some columns of a table, those that it lacks as nulls."""
    import polars as pl

    return frame.select(
        pl.col(name) if name in frame.columns else pl.lit(None, pl.String).alias(name) for name in columns
    )
