"""CSV and TSV, read as text; numbers are made of it later."""

import csv
import io
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from conet.readers.chunk import NO_NUMBERS, PEEK, UNREADABLE, WHOLE, Chunk, Unusable, size
from conet.readers.columns import as_number

if TYPE_CHECKING:
    import polars

ROWS = 50_000  # of a chunk
LONGEST_FIELD = 64 << 20


def peek(path: Path) -> dict[str, int]:
    """Return the columns, and which numbers each holds in the first rows."""
    with _rows(path) as (names, rows, _):
        first = [row for row in islice(rows, PEEK) if row is not None]
    return {
        name: WHOLE if any(_numeric(row[place]) for row in first) else NO_NUMBERS
        for place, name in enumerate(names)
    }


def _numeric(text: str) -> bool:
    return as_number(text) is not None or text.strip().lower() == "nan"


def chunks(path: Path, columns: Sequence[str]) -> Iterator[Chunk]:
    """Read some columns chunk by chunk."""
    with _rows(path) as (names, rows, file):
        places = [names.index(name) if name in names else None for name in columns]
        while some := list(islice(rows, ROWS)):
            whole = [row for row in some if row is not None]
            lost = len(some) - len(whole)
            done = min(file.tell() / max(size(path), 1), 1.0)
            yield Chunk(_frame(whole, columns, places), Counter({UNREADABLE: lost} if lost else {}), done)


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
    with path.open("rb") as file:
        # What is no UTF-8 becomes a sign of its own; it is only in texts that this can matter.
        text = io.TextIOWrapper(file, encoding="utf-8-sig", errors="replace", newline="")
        reader = csv.reader(text, delimiter="\t" if path.suffix.lower() == ".tsv" else ",", strict=True)
        names = next(_parsed(reader), None) or []
        if "\0" in "".join(names):
            raise Unusable("is a binary file")
        if len(set(names)) < len(names):
            raise Unusable(f"has two columns of one name: {', '.join(names)[:100]}")
        yield names, (row if row and len(row) == len(names) else None for row in _parsed(reader)), file


def _parsed(reader: Any) -> Iterator[list[str] | None]:
    """Rows as far as they can be parsed, None for others; empty lines are passed over."""
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error:
            yield None
        else:
            if row:
                yield row
