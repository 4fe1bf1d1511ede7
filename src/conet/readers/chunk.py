"""What a file gives: chunks of rows, or the reason why it cannot be used."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars

BYTES = 16 << 20  # of a chunk of text
PEEK = 200  # rows looked at to learn the columns
UNREADABLE = "lines that cannot be read"
NO_NUMBERS, WHOLE, FLOATING = range(3)  # what a column holds; whole numbers and truth values are alike


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
    """

    frame: "polars.DataFrame"
    unreadable: Counter = field(default_factory=Counter)
    done: float = 1.0


def size(path: Path) -> int:
    """Bytes of a file; 0 where it is gone."""
    try:
        return path.stat().st_size
    except OSError:
        return 0
