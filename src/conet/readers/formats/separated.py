"""CSV and TSV, read as text; numbers are made of it later."""

import csv
import io
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from conet.readers.formats.chunk import (
    PEEK_ROWS,
    UNREADABLE,
    Chunk,
    Numbers,
    Unusable,
    most_bytes,
    open_binary,
    size,
)
from conet.readers.formats.compressed import broken, plain_suffix
from conet.readers.values import as_number

if TYPE_CHECKING:
    import polars

CHUNK_ROWS = 50_000
LONGEST_FIELD = 64 << 20  # characters
LONGEST_ROW = 16 << 20  # characters of several lines that may be held while the end of a row is sought


def peek(path: Path) -> dict[str, Numbers]:
    """Return the columns, and which numbers each holds in the first rows."""
    with _rows(path) as (names, rows, _):
        some = list(islice(rows, PEEK_ROWS))
    first = [row for row in some if row is not None]
    if not some:  # a header alone says nothing of the values
        return {}
    if not first:
        raise Unusable("holds no row with as many fields as its header")
    return {
        name: Numbers.WHOLE if any(_numeric(row[place]) for row in first) else Numbers.NONE
        for place, name in enumerate(names)
    }


def _numeric(text: str) -> bool:
    return as_number(text) is not None or text.strip().lower() == "nan"


def chunks(path: Path, columns: Sequence[str]) -> Iterator[Chunk]:
    """Read some columns chunk by chunk."""
    with _rows(path) as (names, rows, file):
        there = {name: place for place, name in enumerate(names)}
        places = [there.get(name) for name in columns]
        while some := _some(rows):
            whole = [row for row in some if row is not None]
            lost = len(some) - len(whole)
            done = min(file.tell() / max(size(path), 1), 1.0)
            yield Chunk(_frame(whole, columns, places), Counter({UNREADABLE: lost} if lost else {}), done)
        if why := broken(file):
            raise Unusable(why)


def _some(rows: Iterator[list[str] | None]) -> list[list[str] | None]:
    """Take rows for a chunk: so many, or so many characters."""
    taken: list[list[str] | None] = []
    held, most = 0, most_bytes()
    for row in islice(rows, CHUNK_ROWS):
        taken.append(row)
        held += sum(map(len, row or ()))
        if held >= most:
            break
    return taken


def _frame(rows: list[list[str]], columns: Sequence[str], places: list[int | None]) -> "polars.DataFrame":
    import polars as pl

    def column(place: int | None) -> "polars.Series":
        return pl.Series([None if place is None else row[place] or None for row in rows], dtype=pl.String)

    return pl.DataFrame({name: column(place) for name, place in zip(columns, places)})


@contextmanager
def _rows(path: Path) -> Iterator[tuple[list[str], Iterator[list[str] | None], Any]]:
    """Open a file: names of its columns, its rows (None for one that does not fit), and the file.

    Raises
    ------
    Unusable
        When it is no text, or two columns have the same name.
    """
    csv.field_size_limit(LONGEST_FIELD)
    with open_binary(path) as file:
        # What is not UTF-8 becomes a character of its own; only in texts can this matter.
        text = io.TextIOWrapper(file, encoding="utf-8-sig", errors="replace", newline="")
        rows = _Rows(text, "\t" if plain_suffix(path) == ".tsv" else ",")
        names = next(rows, None) or []
        if "\0" in "".join(names):
            raise Unusable("is a binary file")
        if len(set(names)) < len(names):
            raise Unusable(f"has two columns of one name: {', '.join(names)[:100]}")
        rows.fields = len(names)
        yield names, rows, file


class _Rows:
    """Rows of a text, None for a line that is lost; empty lines are passed over.

    A quote that is never closed, as of a line torn by the end of a trainer, makes one row of all that
    follows. So a row of several lines that cannot be used costs its first line only: reading goes on
    with its second one.

    Attributes
    ----------
    fields : int or None
        How many a row must have; None where it is the header that comes.
    """

    def __init__(self, text: Iterator[str], delimiter: str) -> None:
        self.text = text
        self.delimiter = delimiter
        self.fields: int | None = None
        self.again: deque[str] = deque()  # lines put back
        self.taken: list[str] = []  # lines of the row that is being read
        self.held = 0  # characters of these
        self.spare = LONGEST_ROW  # characters that may be put back, so that the work grows with the file only
        self.lost = 0  # further lines to be given as lost
        self.reader = self._reader()

    def _reader(self) -> Any:
        return csv.reader(self._lines(), delimiter=self.delimiter, strict=True)

    def _lines(self) -> Iterator[str]:
        while (line := self.again.popleft() if self.again else next(self.text, None)) is not None:
            self.taken.append(line)
            self.held += len(line)
            if self.held > LONGEST_ROW and len(self.taken) > 1:
                raise csv.Error("a row without an end")
            yield line

    def __iter__(self) -> Iterator[list[str] | None]:
        return self

    def __next__(self) -> list[str] | None:
        if self.lost:
            self.lost -= 1
            return None
        row: list[str] | None = []
        while row == []:
            self.taken, self.held = [], 0
            try:
                row = next(self.reader)
            except csv.Error:
                row = None
        if row is not None and self.fields in (None, len(row)):
            self.spare += self.held
            return row
        self._put_back()
        return None

    def _put_back(self) -> None:
        """Go on behind the first line of the row; or, where that was done too often, behind its last one."""
        rest = self.taken[1:]
        size = self.held - len(self.taken[0])
        if size > self.spare:
            self.lost = len(rest)
        else:
            self.again.extendleft(reversed(rest))
            self.spare += len(self.taken[0]) - size
        self.reader = self._reader()
