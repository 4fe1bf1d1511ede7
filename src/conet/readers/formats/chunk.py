"""What a file gives: chunks of rows, or the reason why it cannot be used."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol

from conet.readers.formats.compressed import open_plain
from conet.readers.memory import chunk_bytes

if TYPE_CHECKING:
    import numpy as np
    import polars

CHUNK_BYTES = 16 << 20  # of a chunk of text
PEEK_ROWS = 200  # rows looked at to learn the columns
UNREADABLE = "lines that cannot be read"


def most_bytes() -> int:
    """Most bytes of a chunk of text, as far as memory allows."""
    return min(CHUNK_BYTES, chunk_bytes())


class Numbers(IntEnum):
    """Which numbers a column holds; truth values count as whole numbers."""

    NONE = 0
    WHOLE = 1
    FLOATING = 2


class Unusable(Exception):
    """A file that cannot be read at all, or not to its end; says why."""


@dataclass
class Chunk:
    """Some rows of a file.

    Attributes
    ----------
    frame : polars.DataFrame
        The columns asked for, those that the file lacks as nulls; of text files all as text.
    unreadable : Counter
        Lines that were passed over, by reason.
    done : float
        About which share of the file has been read.
    lines : numpy.ndarray or None
        Byte of the file at which the line of each row begins, int64, where a row is a line and the file
        can be read from any byte on.
    files : numpy.ndarray or None
        Of which file each row is, by number, int64, where files are read together.
    """

    frame: "polars.DataFrame"
    unreadable: Counter[str] = field(default_factory=Counter)
    done: float = 1.0
    lines: "np.ndarray | None" = None
    files: "np.ndarray | None" = None


class Format(Protocol):
    """How rows are got out of a file; a module of this package, or :class:`conet.readers.yielded.Yielded`."""

    def peek(self, path: Path) -> dict[str, Numbers]:
        """Return the columns, in order, and which numbers each holds, as far as the first rows tell.

        Raises
        ------
        Unusable
            When the file is not of this format.
        """

    def chunks(self, path: Path, columns: Sequence[str]) -> Iterator[Chunk]:
        """Read some columns chunk by chunk.

        Raises
        ------
        Unusable
            When the file is not of this format, or breaks off; the chunks before that are good.
        """


def counted(chunks: Iterator[Chunk]) -> Iterator[tuple[int, Chunk]]:
    """Yield chunks with the number of their first row, counted from 0."""
    first = 0
    for chunk in chunks:
        yield first, chunk
        first += chunk.frame.height


def open_binary(path: Path) -> BinaryIO:
    """Open a file for reading its bytes, unpacked where it is compressed."""
    return open_plain(path)


def size(path: Path) -> int:
    """Bytes of a file; 0 where it is gone."""
    try:
        return path.stat().st_size
    except OSError:
        return 0
