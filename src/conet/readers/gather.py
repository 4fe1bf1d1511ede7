"""From files to pieces: a large file chunk by chunk, small ones many at a time.

Some trainers write a file for each episode. To turn a table into rollouts takes as long for one row as for
thousands, so the rows of small files are put together first; what comes out is the same.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from conet.base.panics import Panic, panics_as_errors
from conet.readers.choose_columns import ColumnMapping
from conet.readers.formats import unusable
from conet.readers.formats.chunk import Chunk, Format, Unusable, most_bytes
from conet.readers.formats.together import together
from conet.readers.pieces import Names, Piece
from conet.readers.repeats import fingerprints
from conet.readers.rows import columns, take
from conet.readers.yielded import Batch, Yielded

if TYPE_CHECKING:
    import polars

SMALL = 1 << 20  # bytes of a file that is read together with others (our choice)
MOST_FILES = 5000  # that are read together (our choice)


def groups(sizes: Sequence[int]) -> Iterator[range]:
    """Yield which files are read together, given their sizes in bytes: small ones beside each other."""
    first, held = 0, 0
    for place, large in enumerate(sizes):
        full = held + large > most_bytes() or place - first == MOST_FILES
        if place > first and (full or large > SMALL):
            yield range(first, place)
            first, held = place, 0
        held += large if large <= SMALL else most_bytes()
    if first < len(sizes):
        yield range(first, len(sizes))


def fill(
    pieces: list[Piece],
    source: Format,
    mapping: ColumnMapping,
    names: Names,
    progress: Callable[[float], None] = lambda share: None,
) -> None:
    """Read files into their pieces; of each what can be read before it breaks off stays.

    Parameters
    ----------
    pieces
        Of one file, or of small ones; nothing is in them.
    progress
        Told about which share of them has been read.
    """
    import polars as pl

    filling = _Filling(pieces, mapping, names)
    try:
        for chunk in _chunks(pieces, source, mapping.needed, progress):
            filling.add(chunk)
        filling.take()
    except (Panic, MemoryError, pl.exceptions.PolarsError) as error:  # one file ends no watch
        if len(pieces) > 1:
            for piece in pieces:
                piece.skipped, piece.why = Counter(), ""
                fill([piece], source, mapping, names)
            return
        pieces[0].why = str(unusable(error))
    filling.hand_out()


class _Filling:
    """Puts chunks together, turns them into rollouts, and gives each file its own.

    Parameters
    ----------
    pieces, mapping, names
        As in :func:`fill`.
    """

    def __init__(self, pieces: list[Piece], mapping: ColumnMapping, names: Names) -> None:
        self.pieces, self.mapping, self.names = pieces, mapping, names
        self.waiting: list[Chunk] = []
        self.made: list[polars.DataFrame] = []
        self.lines: list[list[np.ndarray | None]] = [[] for _ in pieces]
        self.held, self.rows = 0, 0
        self.heights = np.zeros(len(pieces), np.int64)

    def add(self, chunk: Chunk) -> None:
        """Take in a chunk; rows of a file that has another chunk are turned into rollouts at once."""
        assert chunk.files is not None
        if self.waiting:
            last = self.waiting[-1]
            again = last.files is not None and bool(np.isin(chunk.files[:1], last.files).any())
            if again or last.frame.schema != chunk.frame.schema or self.held >= most_bytes():
                self.take()
        for file, rows in _by_file(chunk.files):
            self.lines[file].append(None if chunk.lines is None else chunk.lines[rows])
        if chunk.frame.height:
            self.waiting.append(chunk)
            self.held += int(chunk.frame.estimated_size())

    def take(self) -> None:
        """Turn what is waiting into rollouts."""
        import polars as pl

        if not self.waiting:
            return
        frames, files = zip(*((chunk.frame, chunk.files) for chunk in self.waiting))
        self.waiting, self.held = [], 0
        part = np.concatenate(files)
        with panics_as_errors():
            frame = pl.concat(frames).with_columns(
                row=pl.Series(np.arange(self.rows, self.rows + len(part)), dtype=pl.UInt32),
                part=pl.Series(part, dtype=pl.UInt32),
            )
            self.rows += len(part)
            self.heights += np.bincount(part, minlength=len(self.pieces))
            parts = [piece.part for piece in self.pieces if piece.part]
            skipped = [piece.skipped for piece in self.pieces]
            self.made.append(self.names.replace(take(frame, self.mapping, parts, skipped)))

    def hand_out(self) -> None:
        """Give each piece its rows, which count from the beginning of its file."""
        import polars as pl

        for piece, found in zip(self.pieces, self.lines):
            known = [lines for lines in found if lines is not None]
            piece.lines = np.concatenate(known) if known and len(known) == len(found) else None
        if not self.made:
            return
        table = pl.concat(self.made)
        part = table["part"].to_numpy()
        begins = np.cumsum(self.heights) - self.heights
        row = table["row"].to_numpy() - begins[part]
        table = table.with_columns(row=pl.Series(row, dtype=columns()["row"])).select(list(columns()))
        ends = np.cumsum(np.bincount(part, minlength=len(self.pieces))).tolist()
        for piece, start, end, blocks in zip(self.pieces, [0, *ends], ends, fingerprints(table, ends)):
            piece.rows, piece.blocks = table[start:end], blocks


def _by_file(files: np.ndarray) -> Iterator[tuple[int, slice]]:
    """Yield of each file, by its number, which rows of a chunk are its own."""
    starts = np.flatnonzero(np.diff(files, prepend=-1)).tolist()
    for start, end in zip(starts, [*starts[1:], len(files)]):
        yield int(files[start]), slice(start, end)


def _chunks(
    pieces: list[Piece], source: Format, wanted: Sequence[str], progress: Callable[[float], None]
) -> Iterator[Chunk]:
    """Yield chunks of which each row has its file; what is no row is noted in the pieces."""
    paths = [piece.part.path for piece in pieces if piece.part]
    whole = [] if isinstance(source, Yielded) or len(paths) == 1 else together(paths, wanted)
    if whole:
        yield from whole
        return
    batch = Batch(wanted)
    for number, (piece, path) in enumerate(zip(pieces, paths)):
        try:
            for chunk in _of_file(source, path, wanted, batch, number):
                piece.skipped.update(chunk.unreadable)
                yield chunk
                progress((number + chunk.done) / len(paths))
        except Unusable as error:
            piece.why = str(error)
        piece.skipped.update(batch.skipped)
        batch.skipped = Counter()
    if batch.rows:
        yield batch.chunk()


def _of_file(source: Format, path: Path, wanted: Sequence[str], batch: Batch, number: int) -> Iterator[Chunk]:
    """Yield the chunks of a file; what a function yields stays in the batch until that is full."""
    if isinstance(source, Yielded):
        batch.file = number
        yield from source.into(batch, path)
        return
    for chunk in source.chunks(path, wanted):
        height = chunk.frame.height
        if not height:
            chunk = replace(chunk, lines=np.empty(0, np.int64))
        yield replace(chunk, files=np.full(height, number, np.int64))
