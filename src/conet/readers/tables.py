"""Parquet, JSON lines and CSV in chunks of bounded size; what cannot be read is counted, never guessed.

The kind of a file is told by its name, and a parquet file by its first bytes. Lines of JSON go through
polars where it can read a whole chunk, else through Python's own reader line by line, which knows NaN.
CSV is read as text; numbers are made of it later.
"""

import io
import json
import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

if TYPE_CHECKING:
    import polars
    import pyarrow

ROWS = 65_536  # of a chunk of parquet
BYTES = 16 << 20  # of a chunk of lines
LONGEST_LINE = 256 << 20
PEEK = 200  # rows looked at to learn the columns
SUFFIXES = {
    ".parquet": "parquet",
    ".jsonl": "lines",
    ".ndjson": "lines",
    ".json": "lines",
    ".csv": "csv",
    ".tsv": "csv",
}
TORN, UNREADABLE = "torn last lines", "lines that cannot be read"


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


def is_table(path: Path) -> bool:
    """Whether the name is that of a file which can be read here."""
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".")


def peek(path: Path) -> dict[str, bool]:
    """Return the columns of a file, in order, and whether each holds numbers as far as one can see.

    Raises
    ------
    Unusable
        When it is not of the kind that its name says.
    """
    return _call(_PEEK, path, path)


def chunks(path: Path, columns: Sequence[str]) -> Iterator[Chunk]:
    """Read some columns of a file chunk by chunk.

    Raises
    ------
    Unusable
        When the file is not of its kind, or breaks off; the chunks before that are good.
    """
    try:
        yield from _call(_CHUNKS, path, path, columns)
    except Unusable:
        raise
    except Exception as error:
        raise _unusable(error) from None


def _call(table: dict[str, Callable[..., Any]], path: Path, *arguments: Any) -> Any:
    kind = SUFFIXES.get(path.suffix.lower(), "lines")
    try:
        with path.open("rb") as file:
            start = file.read(4)
        if start == b"PAR1":
            kind = "parquet"
        elif kind == "parquet":
            raise Unusable("is not a parquet file, or not yet complete")
        return table[kind](*arguments)
    except Unusable:
        raise
    except Exception as error:
        raise _unusable(error) from None


def _unusable(error: Exception) -> Unusable:
    if isinstance(error, OSError) and error.strerror:
        return Unusable(error.strerror.lower())
    text = " ".join(f"{error}".split())
    return Unusable(f"cannot be read ({text[:120]})")


# Parquet -----------------------------------------------------------------------------------------------


def _parquet_peek(path: Path) -> dict[str, bool]:
    import pyarrow.parquet as pq
    from pyarrow import types

    def numeric(kind: "pyarrow.DataType") -> bool:
        return (
            types.is_integer(kind)
            or types.is_floating(kind)
            or types.is_boolean(kind)
            or types.is_decimal(kind)
        )

    schema = pq.read_schema(path)
    return {name: numeric(kind) for name, kind in zip(schema.names, schema.types)}


def _parquet_chunks(path: Path, columns: Sequence[str]) -> Iterator[Chunk]:
    import polars as pl
    import pyarrow as pa
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        there = [name for name in columns if name in file.schema_arrow.names]
        read = 0
        for batch in file.iter_batches(ROWS, columns=there):
            frame = pl.from_arrow(pa.Table.from_batches([batch]))
            assert isinstance(frame, pl.DataFrame)
            missing = [pl.lit(None, pl.String).alias(name) for name in columns if name not in there]
            read += frame.height
            done = read / max(file.metadata.num_rows, 1)
            yield Chunk(frame.with_columns(missing).select(columns), done=done)


# Lines of JSON -----------------------------------------------------------------------------------------


def _lines_peek(path: Path) -> dict[str, bool]:
    rows: list[dict[str, Any]] = []
    with path.open("rb") as file:
        for number, line in enumerate(_lines(file)):
            if number == 0 and line.lstrip().startswith(b"["):
                raise Unusable("holds a JSON array, and not one object a line")
            row = _object(line)
            if row is not None:
                rows.append(row)
            if number >= 10 * PEEK or len(rows) >= PEEK:
                break
    if not rows and number_of_bytes(path):
        raise Unusable("holds no JSON object a line")
    names = dict.fromkeys(name for row in rows for name in row)
    return {
        name: all(isinstance(row.get(name), int | float | None) for row in rows)
        and any(row.get(name) is not None for row in rows)
        for name in names
    }


def number_of_bytes(path: Path) -> int:
    """Size of a file; 0 where it is gone."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _lines(file: BinaryIO) -> Iterator[bytes]:
    while line := file.readline(LONGEST_LINE):
        yield line


def _object(line: bytes) -> dict[str, Any] | None:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return row if isinstance(row, dict) else None


def _lines_chunks(path: Path, columns: Sequence[str]) -> Iterator[Chunk]:
    with path.open("rb") as file:
        rest = b""
        while True:
            block = file.read(BYTES)
            rest += block
            if not block:
                break
            end = rest.rfind(b"\n") + 1
            if end:
                chunk = _parse_lines(rest[:end], columns)
                chunk.done = file.tell() / max(number_of_bytes(path), 1)
                yield chunk
                rest = rest[end:]
            elif len(rest) > LONGEST_LINE:
                raise Unusable(f"has a line of more than {LONGEST_LINE >> 20} MB")
        if rest.strip():
            # Whole, only the newline is missing; or torn, as while a training runs.
            if _object(rest) is None:
                yield Chunk(_frame([], columns), Counter({TORN: 1}))
            else:
                yield _parse_lines(rest, columns)


def _parse_lines(data: bytes, columns: Sequence[str]) -> Chunk:
    """Parse whole lines: at once where polars reads them all, else one by one."""
    import polars as pl

    written = [line for line in data.split(b"\n") if line.strip()]
    if b"\\ud" not in data.lower():  # halves of a surrogate pair, which polars reads as something else
        try:
            frame = pl.read_ndjson(io.BytesIO(data), schema=dict.fromkeys(columns, pl.String))
            if frame.height == len(written):
                return Chunk(frame.select(columns))
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
            pass
    rows = [_object(line) for line in written]
    kept = [row for row in rows if row is not None]
    lost = len(rows) - len(kept)
    return Chunk(_frame(kept, columns), Counter({UNREADABLE: lost} if lost else {}))


def _frame(rows: list[dict[str, Any]], columns: Sequence[str]) -> "polars.DataFrame":
    import polars as pl

    return pl.DataFrame(
        {name: pl.Series([_written(row.get(name)) for row in rows], dtype=pl.String) for name in columns}
    )


def _written(value: Any) -> str | None:
    """A JSON value as the text that polars makes of it."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, float) and math.isfinite(value) and value == int(value):
        return str(int(value))
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "replace").decode("utf-8")


# CSV ---------------------------------------------------------------------------------------------------


def _csv_reader(path: Path, columns: Sequence[str] | None, lost: Counter) -> Any:
    """Open a CSV file with all columns as text."""
    from pyarrow import csv, string

    def skip(_: Any) -> str:
        lost[UNREADABLE] += 1
        return "skip"

    delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
    names = _header(path, delimiter)
    return csv.open_csv(
        path,
        read_options=csv.ReadOptions(block_size=BYTES, use_threads=False),
        parse_options=csv.ParseOptions(delimiter=delimiter, newlines_in_values=True, invalid_row_handler=skip),
        convert_options=csv.ConvertOptions(
            column_types=dict.fromkeys(names, string()), strings_can_be_null=True, null_values=[""],
            quoted_strings_can_be_null=False,
            include_columns=None if columns is None else [name for name in columns if name in names],
        ),
    )  # fmt: skip


def _header(path: Path, delimiter: str) -> list[str]:
    import csv

    with path.open("rb") as file:
        line = file.readline(1 << 20)
    if b"\0" in line:
        raise Unusable("is a binary file")
    names = next(csv.reader([line.decode("utf-8-sig")], delimiter=delimiter), [])
    if len(set(names)) < len(names):
        raise Unusable(f"has two columns of one name: {', '.join(names)[:100]}")
    return names


def _csv_peek(path: Path) -> dict[str, bool]:
    from conet.readers.columns import as_number

    if not number_of_bytes(path):
        return {}
    lost: Counter = Counter()
    with _csv_reader(path, None, lost) as reader:
        try:
            first = reader.read_next_batch().slice(0, PEEK)
        except StopIteration:
            return dict.fromkeys(reader.schema.names, False)
    return {
        name: all(as_number(text) is not None or text.lower() == "nan" for text in filled) and bool(filled)
        for name, filled in (
            (name, [text for text in first[name].to_pylist() if text]) for name in first.schema.names
        )
    }


def _csv_chunks(path: Path, columns: Sequence[str]) -> Iterator[Chunk]:
    import polars as pl
    import pyarrow as pa

    if not number_of_bytes(path):
        return
    lost: Counter = Counter()
    read = 0
    with _csv_reader(path, columns, lost) as reader:
        for batch in reader:
            read += batch.nbytes
            frame = pl.from_arrow(pa.Table.from_batches([batch]))
            assert isinstance(frame, pl.DataFrame)
            missing = [pl.lit(None, pl.String).alias(name) for name in columns if name not in frame.columns]
            found, lost_here = frame.with_columns(missing), Counter(lost)
            lost.clear()
            yield Chunk(found.select(columns), lost_here, min(read / max(number_of_bytes(path), 1), 1.0))
    if lost:
        yield Chunk(_frame([], columns), lost)


_PEEK = {"parquet": _parquet_peek, "lines": _lines_peek, "csv": _csv_peek}
_CHUNKS = {"parquet": _parquet_chunks, "lines": _lines_chunks, "csv": _csv_chunks}


def natural(path: Path) -> list[Any]:
    """Key that sorts names as people do: part-2 before part-10."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", path.name)]
