"""Lines of JSON: through polars where it can read a whole chunk, else one by one.

Python's own reader knows NaN, and passes over single lines that are broken. Both give the same: a line that
is no JSON object, or in which a key that is read stands twice, cannot be read, whatever its neighbours are.
"""

import io
import json
import math
import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from conet.base.panics import panics_as_errors
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
from conet.readers.formats.compressed import broken
from conet.readers.formats.line_places import beginnings, in_file
from conet.readers.memory import at_once, longest_line
from conet.readers.values import as_number

if TYPE_CHECKING:
    import polars

LONGEST_LINE = 256 << 20  # bytes
TORN = "torn last lines"
WORD, BLOCK = 8, 1 << 18  # bytes that are compared, and looked through, at once
SHORT = 1 << 20  # bytes of a line that is read without asking what it takes
# Bytes that Python takes, about, for what begins here: a list, an object, a value, a pair of key and value.
TAKEN = {b"[": 80, b"{": 240, b",": 60, b":": 180}


def peek(path: Path) -> dict[str, Numbers]:
    """Return the columns, and which numbers each holds in the first rows."""
    found: dict[str, Numbers] = {}
    in_twice: dict[str, Numbers] = {}  # in lines with a key that may not be read
    rows, nothing = 0, True
    with open_binary(path) as file:
        for number, line in enumerate(_lines(file)):
            if number == 0 and line.lstrip().startswith(b"["):
                raise Unusable("holds a JSON array, and not one object a line")
            row = object_of(line)
            if row is not None:
                seen = in_twice if isinstance(row, _Twice) else found
                seen |= {name: max(seen.get(name, Numbers.NONE), numbers_in(row[name])) for name in row}
                rows += seen is found
                nothing = False
            if number >= 10 * PEEK_ROWS or rows >= PEEK_ROWS:
                break
        why = broken(file)
    if nothing and why:
        raise Unusable(why)
    if nothing and size(path):
        raise Unusable("holds no JSON object a line")
    return found if rows else in_twice


def numbers_in(value: Any) -> Numbers:
    """Which number a value of JSON is, or can be read as."""
    if isinstance(value, float):
        return Numbers.FLOATING
    whole = isinstance(value, int) or (isinstance(value, str) and as_number(value) is not None)
    return Numbers.WHOLE if whole else Numbers.NONE


def _lines(file: BinaryIO) -> Iterator[bytes]:
    while line := file.readline(_longest_line()):
        yield line


def _longest_line() -> int:
    return min(LONGEST_LINE, longest_line())


class _Twice(dict[str, Any]):
    """An object in which some keys stand twice."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        counts = Counter(key for key, _ in pairs)
        self.keys_twice = {key for key, count in counts.items() if count > 1}


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    return found if len(found) == len(pairs) else _Twice(pairs)


def object_of(line: bytes, columns: Collection[str] = ()) -> dict[str, Any] | None:
    """Return the object of a line; None where there is none, or one of these keys stands twice in it.

    Raises
    ------
    Unusable
        When it would take more memory than reading may.
    """
    if len(line) > SHORT and taken(line) > at_once():
        raise Unusable(f"has a line of {len(line) >> 20} MB that takes too much; raise --memory")
    try:
        row = json.loads(line, object_pairs_hook=_pairs)
    except (ValueError, RecursionError):
        return None
    if isinstance(row, _Twice) and not row.keys_twice.isdisjoint(columns):
        return None
    return row if isinstance(row, dict) else None


def taken(line: bytes) -> int:
    """Return about how many bytes Python takes for what a line holds; more if texts have such marks."""
    return 2 * len(line) + sum(takes * line.count(mark) for mark, takes in TAKEN.items())


def chunks(path: Path, columns: Sequence[str]) -> Iterator[Chunk]:
    """Read some columns chunk by chunk."""
    with open_binary(path) as file:
        rest, begun = b"", 0  # where the rest begins
        while True:
            block = file.read(most_bytes())
            rest += block
            if not block:
                break
            end = rest.rfind(b"\n") + 1
            if end:
                chunk = parse_lines(rest[:end], columns)
                chunk.done = min(file.tell() / max(size(path), 1), 1.0)  # of a compressed file, too soon
                yield in_file(chunk, file, begun)
                rest, begun = rest[end:], begun + end
            elif len(rest) > _longest_line():
                raise Unusable(f"has a line of more than {_longest_line() >> 20} MB; raise --memory")
        if rest.strip():
            # Whole, only the newline is missing; or torn, as while a training runs.
            if object_of(rest) is None:
                yield Chunk(frame_of([], columns), Counter({TORN: 1}))
            else:
                yield in_file(parse_lines(rest, columns), file, begun)
        if why := broken(file):
            raise Unusable(why)


def parse_lines(data: bytes, columns: Sequence[str]) -> Chunk:
    """Parse whole lines: at once where polars reads them all, else one by one."""
    import polars as pl

    escapes = b"\\u" in data
    # Halves of a surrogate pair, of which a lone one is read as something else by polars.
    if _fit() and not (escapes and (b"\\ud" in data or b"\\uD" in data)):
        try:
            with panics_as_errors():
                frame = pl.read_ndjson(io.BytesIO(data), schema=dict.fromkeys(columns, pl.String))
            whole = frame.height == data.count(b"\n") or frame.height == len(_written_lines(data))
            if whole and not _nested(frame) and not _twice(data, frame, escapes):
                return Chunk(frame, lines=beginnings(data))
        except Exception:
            pass  # line by line, then
    lines = _written_lines(data)
    # Of each object only what is asked for is kept, since all the rest may be far more.
    rows = ((place, object_of(line, columns)) for place, line in enumerate(lines))
    found = [(at, [_written(row.get(name)) for name in columns]) for at, row in rows if row is not None]
    lost = len(lines) - len(found)
    kept = beginnings(data)[[at for at, _ in found]]
    return Chunk(
        _frame([row for _, row in found], columns), Counter({UNREADABLE: lost} if lost else {}), lines=kept
    )


@cache
def _fit() -> bool:
    """Whether this version of polars turns numbers and truth values into text; older ones lose them."""
    import polars as pl

    frame = pl.read_ndjson(io.BytesIO(b'{"a": 1.5, "b": true}\n'), schema={"a": pl.String, "b": pl.String})
    return frame.row(0) == ("1.5", "true")


def _nested(frame: "polars.DataFrame") -> bool:
    """Whether a value may be a list or an object, which polars writes without escaping what is in it."""
    import polars as pl

    return any(frame.select(pl.all().str.contains(r"^[\[{]").any()).row(0)) if frame.width else False


def _twice(data: bytes, frame: "polars.DataFrame", escapes: bool) -> bool:
    """Whether a key stands twice in a line; polars takes the first of them.

    The key of every value stands there at least once. So there are as many keys as values and none is twice,
    or else lines are looked at one by one.
    """
    values = sum(frame.height - frame[name].null_count() for name in frame.columns)
    if not escapes and _count(data, frame.columns) == values:
        return False
    keys = _keys(tuple(frame.columns), escapes)
    if len(keys.findall(data)) == values:
        return False
    for line in _written_lines(data):
        found = keys.findall(line)
        doubtful = len(set(found)) < len(found) or b"" in found
        if doubtful and object_of(line, frame.columns) is None:
            return True
    return False


def _count(data: bytes, names: Sequence[str]) -> int | None:
    """Count keys as :func:`_keys` finds them, from colon to colon and eight bytes at a time: twice as fast.

    None where a space stands before a colon, so that a key may be written in another way.
    """
    texts = [f"{json.dumps(name, ensure_ascii=False)}:".encode() for name in set(names)]
    before = -(-max(map(len, texts), default=1) // WORD) * WORD  # bytes before a colon that are looked at
    counts = [_count_behind(part, texts, before) for part in (b"x" * before + data[:before], data)]
    return None if None in counts else sum(filter(None, counts))


def _count_behind(data: bytes, texts: Sequence[bytes], before: int) -> int | None:
    """Count texts whose colons stand behind so many bytes, as :func:`_count`."""
    if len(data) <= before:
        return 0
    letters = np.frombuffer(data, np.uint8)
    words = np.ndarray((len(data) - WORD + 1,), "<u8", data, 0, (1,))  # one at every byte
    blocks = range(before, len(letters), BLOCK)
    found = [np.flatnonzero(letters[start : start + BLOCK] == ord(":")) + start for start in blocks]
    colons = np.concatenate(found)
    ends = words[colons - WORD + 1]
    if (((ends >> np.uint64(48)) & np.uint64(255)) <= ord(" ")).any():  # the letter before a colon
        return None
    return sum(len(_preceded(words, colons, ends, text)) for text in texts)


def _preceded(words: np.ndarray, colons: np.ndarray, ends: np.ndarray, text: bytes) -> np.ndarray:
    """Return the colons that end this text; ``ends`` are the words that end with them."""
    read = WORD
    while True:
        piece = text[-WORD:]
        value = int.from_bytes(piece.rjust(WORD, b"\0"), "little")
        mask = int.from_bytes((b"\xff" * len(piece)).rjust(WORD, b"\0"), "little")
        colons = colons[(ends & np.uint64(mask)) == np.uint64(value)]
        text, read = text[:-WORD], read + WORD
        if not text:
            return colons
        ends = words[colons - read + 1]


@cache
def _keys(names: tuple[str, ...], escapes: bool) -> re.Pattern[bytes]:
    """A pattern of keys with these names; its group is empty for what may be one with escaped letters."""
    known = b"|".join(re.escape(json.dumps(name, ensure_ascii=False).encode()[1:-1]) for name in names)
    if not escapes:
        return re.compile(rb'"(' + known + rb')"\s*:')
    escaped = rb"\\u00[2-7]" if all(map(str.isascii, names)) else rb"\\u"
    return re.compile(rb'"(?:(' + known + rb')"\s*:|[^"\\]{0,99}' + escaped + b")")


def _written_lines(data: bytes) -> list[bytes]:
    return [line for line in data.split(b"\n") if line.strip()]


def frame_of(rows: list[dict[str, Any]], columns: Sequence[str]) -> "polars.DataFrame":
    """Return some values of JSON objects as a table of texts."""
    return _frame([[_written(row.get(name)) for name in columns] for row in rows], columns)


def _frame(rows: list[list[str | None]], columns: Sequence[str]) -> "polars.DataFrame":
    import polars as pl

    return pl.DataFrame(
        {name: pl.Series([row[place] for row in rows], dtype=pl.String) for place, name in enumerate(columns)}
    )


def _written(value: Any) -> str | None:
    """A JSON value as the text that polars makes of it."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, float) and math.isfinite(value):
        return format(Decimal(repr(value)), "f").removesuffix(".0")
    return json.dumps(value, ensure_ascii=False, default=str).encode("utf-8", "replace").decode("utf-8")
