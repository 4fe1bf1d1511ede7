"""The rows of any file as objects of Python, one by one: for readers to which no column mapping is enough."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

from conet.base.panics import panics_as_errors
from conet.readers.base import Skipped
from conet.readers.formats import json_lines, parquet, peek, separated
from conet.readers.formats.chunk import UNREADABLE, Unusable, open_binary
from conet.readers.formats.compressed import broken, plain_suffix
from conet.readers.memory import at_once, longest_line

PARQUET, ZIP = b"PAR1", b"PK\x03\x04"
START = 4096  # bytes of the beginning of a file
LOOKED_AT = 4  # rows at the beginning
TAKEN = 8  # times as many bytes as a JSON document has that Python takes for what is in it
SMALL = 1 << 22  # bytes of a JSON document that is read to know what it is


@dataclass(frozen=True, kw_only=True)
class Head:
    """How a file begins.

    Attributes
    ----------
    path : Path
    start : bytes
        Its first bytes, unpacked.
    rows : list of dict
        Its first rows; of a JSON document the document, or the first objects of its list.
    document : bool
        Whether it is one JSON document, and not an object a line.
    """

    path: Path
    start: bytes = b""
    rows: list[dict[str, Any]] = field(default_factory=list)
    document: bool = False

    @cached_property
    def names(self) -> set[str]:
        """The names of all columns in the first rows."""
        return {name for row in self.rows for name in row}

    def has(self, *names: str) -> bool:
        """Whether there are rows, and all these columns in them."""
        return bool(self.rows) and self.names.issuperset(names)


def head(path: Path) -> Head:
    """Look at the beginning of a file; without rows where it cannot be read, or holds none."""
    try:
        with open_binary(path) as file:
            start = file.read(START)
            if not start or start[:4] == ZIP:
                return Head(path=path, start=start)
        document = plain_suffix(path) == ".json" and _is_document(path)
        if document and len(start) == START and path.stat().st_size > SMALL:
            return Head(path=path, start=start, document=True)
        with panics_as_errors():
            found = list(islice((row for row in records(path) if isinstance(row, dict)), LOOKED_AT))
        return Head(path=path, start=start, rows=found, document=document)
    except Exception:  # whoever reads it says why
        return Head(path=path)


def records(path: Path) -> Iterator[dict[str, Any] | Skipped]:
    """Yield the rows of a file: Parquet, CSV, an object a line, or a JSON document (a list, or one).

    Raises
    ------
    Unusable
        When it cannot be read, or breaks off.
    """
    with open_binary(path) as file:
        start = file.read(len(PARQUET))
    suffix = plain_suffix(path)
    if start == PARQUET or suffix in (".csv", ".tsv"):
        source = parquet if start == PARQUET else separated
        for chunk in source.chunks(path, list(peek(path))):
            yield from chunk.frame.iter_rows(named=True)
            for reason, count in chunk.unreadable.items():
                yield from (Skipped(reason) for _ in range(count))
    elif suffix == ".json" and _is_document(path):
        found = document(path)
        yield from (row for row in (found if isinstance(found, list) else [found]) if isinstance(row, dict))
    else:
        yield from lines(path)


def lines(path: Path) -> Iterator[dict[str, Any] | Skipped]:
    """Yield the object of each line."""
    most = longest_line()
    with open_binary(path) as file:
        while line := file.readline(most + 1):
            if len(line) > most:
                raise Unusable(f"has a line of more than {most >> 20} MB; raise --memory")
            if not line.strip():
                continue
            row = json_lines.object_of(line)
            if row is None:
                yield Skipped(UNREADABLE if line.endswith(b"\n") else json_lines.TORN)
            else:
                yield row
        if why := broken(file):
            raise Unusable(why)


def document(path: Path) -> Any:
    """Return a JSON document.

    Raises
    ------
    Unusable
        When it takes more memory than reading may, or is none.
    """
    most = at_once() // TAKEN
    with open_binary(path) as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise Unusable(f"is a JSON document of more than {most >> 20} MB; raise --memory")
    if json_lines.taken(data) > at_once():
        raise Unusable("is a JSON document that takes too much; raise --memory")
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        raise Unusable("holds no JSON, or not yet to its end") from None


def _is_document(path: Path) -> bool:
    """Whether its first line is no object by itself, or nothing follows it."""
    with open_binary(path) as file:
        first, rest = file.readline(START * 256), file.readline(START)
    if not rest.strip():
        return True
    return json_lines.object_of(first) is None


def first_of(row: Mapping[str, Any], *names: str) -> Any:
    """Return the first value that is there under some names; None where none is."""
    return next((row[name] for name in names if row.get(name) is not None), None)


def known(**values: Any) -> dict[str, Any]:
    """Return what is not None."""
    return {name: value for name, value in values.items() if value is not None}
