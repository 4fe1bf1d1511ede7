"""Parquet files, some columns, batch by batch."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from conet.readers.formats.chunk import Chunk, Numbers, counted
from conet.readers.memory import batch_bytes, chunk_bytes, longest_text

if TYPE_CHECKING:
    import pyarrow

CHUNK_ROWS = 65_536
PREFIXED = "DELTA_BYTE_ARRAY"  # of a text only what differs from the one before is in the file


def peek(path: Path) -> dict[str, Numbers]:
    """Return the columns, and which numbers each holds in the first rows."""
    import pyarrow.parquet as pq
    from pyarrow import types

    def numbers(kind: "pyarrow.DataType") -> Numbers:
        if types.is_floating(kind) or types.is_decimal(kind):
            return Numbers.FLOATING
        return Numbers.WHOLE if types.is_integer(kind) or types.is_boolean(kind) else Numbers.NONE

    found = pq.read_metadata(path)
    if not found.num_rows:  # columns alone say nothing of the values
        return {}
    schema = found.schema.to_arrow_schema()
    return {name: numbers(kind) for name, kind in zip(schema.names, schema.types)}


def chunks(path: Path, columns: Sequence[str]) -> Iterator[Chunk]:
    """Read some columns chunk by chunk."""
    import pyarrow.parquet as pq

    with pq.ParquetFile(path, buffer_size=1 << 20) as file:
        yield from _chunks(file, path, columns, list(range(file.metadata.num_row_groups)))


def parts(path: Path, columns: Sequence[str], wanted: Sequence[int]) -> Iterator[tuple[int, Chunk]]:
    """Read the row groups in which wanted rows are; yields chunks with the numbers of their first rows."""
    import pyarrow.parquet as pq

    with pq.ParquetFile(path, buffer_size=1 << 20) as file:
        last = 0
        for number in range(file.metadata.num_row_groups):
            first, last = last, last + file.metadata.row_group(number).num_rows
            if any(first <= row < last for row in wanted):
                for before, chunk in counted(_chunks(file, path, columns, [number])):
                    yield first + before, chunk


def _chunks(
    file: "pyarrow.parquet.ParquetFile", path: Path, columns: Sequence[str], groups: list[int]
) -> Iterator[Chunk]:
    known = set(file.schema_arrow.names)  # which is made anew whenever it is asked for
    there = [name for name in columns if name in known]
    total = sum(file.metadata.row_group(number).num_rows for number in groups)
    waiting: list[Any] = []
    read, rows, held = 0, 0, 0
    most = _rows_at_a_time(path, file.metadata, there, groups)
    for batch in _batches(file, most, there, groups):
        waiting.append(batch)
        rows, held = rows + batch.num_rows, held + batch.nbytes
        if rows >= CHUNK_ROWS or held >= chunk_bytes():
            read += rows
            yield _chunk(waiting, columns, there, read / max(total, 1))
            waiting, rows, held = [], 0, 0
    if waiting:
        yield _chunk(waiting, columns, there, 1.0)


def _batches(
    file: "pyarrow.parquet.ParquetFile",
    most: int,
    columns: Sequence[str],
    groups: Sequence[int] | None = None,
) -> "Iterator[pyarrow.RecordBatch]":
    """Read few rows first, then as many as fit by what the last ones took: a file says only the mean."""
    rows = 1
    for batch in file.iter_batches(rows, row_groups=groups, columns=list(columns)):
        yield batch
        takes = -(-batch.nbytes // max(batch.num_rows, 1))
        rows = max(min(most, 2 * rows, batch_bytes() // max(takes, 1)), 1)
        file.reader.set_batch_size(rows)  # asked for anew before each batch


def _chunk(batches: "list[Any]", columns: Sequence[str], there: Sequence[str], done: float) -> Chunk:
    import polars as pl
    import pyarrow as pa

    from conet.readers.formats.arrow import readable

    parts = [
        pa.RecordBatch.from_arrays(
            [readable(name, column) for name, column in zip(there, batch.columns)], names=list(there)
        )
        for batch in batches
    ]
    frame = pl.from_arrow(pa.Table.from_batches(parts)) if there else None
    if frame is None:  # a table without columns has no height
        frame = pl.DataFrame({"": pl.repeat(None, sum(batch.num_rows for batch in batches), eager=True)})
    assert isinstance(frame, pl.DataFrame)
    lacking = dict.fromkeys(columns).keys() - set(there)
    missing = [pl.lit(None, pl.String).alias(name) for name in columns if name in lacking]
    return Chunk(frame.with_columns(missing).select(columns) if missing else frame, done=done)


def _rows_at_a_time(
    path: Path,
    metadata: "pyarrow.parquet.FileMetaData",
    columns: Sequence[str],
    groups: Sequence[int] | None = None,
) -> int:
    """Return how many rows may be unpacked at once.

    A value takes what it takes in the mean, or as much as the longest text in the dictionary of its column:
    of a text that comes again and again the file holds one, and memory all. Where only differences are in the
    file, nothing says how long a text is: then so few that all may be as long as a text may be, and take half
    of what reading may take.
    """
    most, wanted = CHUNK_ROWS, set(columns)
    for number in range(metadata.num_row_groups) if groups is None else groups:
        group = metadata.row_group(number)
        rows = max(group.num_rows, 1)
        row, in_dictionaries = 0, {}
        for column in map(group.column, range(group.num_columns)):
            name = column.path_in_schema
            parts = name.split(".")  # of what is in objects and lists
            if not any(".".join(parts[:end]) in wanted for end in range(1, len(parts) + 1)):
                continue
            row += -(-column.total_uncompressed_size // rows)
            if column.total_uncompressed_size * column.num_values <= batch_bytes() // 8:
                continue
            if column.physical_type == "BYTE_ARRAY" and column.has_dictionary_page:
                in_dictionaries[name] = -(-column.num_values // rows)
            if PREFIXED in column.encodings:
                row += min(longest_text() // 8, column.total_uncompressed_size) * -(
                    -column.num_values // rows
                )
        longest = _longest_entries(path, metadata, number, list(in_dictionaries))
        row += sum(count * longest[name] for name, count in in_dictionaries.items())
        most = min(most, batch_bytes() // max(row, 1))
    return max(most, 1)


def _longest_entries(
    path: Path, metadata: "pyarrow.parquet.FileMetaData", group: int, names: list[str]
) -> dict[str, int]:
    """Return the length of the longest text in the dictionary of columns, by reading their first row."""
    import pyarrow.parquet as pq

    if not names or not metadata.row_group(group).num_rows:
        return dict.fromkeys(names, 0)
    found: dict[str, int] = {}
    with pq.ParquetFile(path, read_dictionary=names, buffer_size=1 << 16, metadata=metadata) as file:
        known = set(file.schema_arrow.names)
        flat = [name for name in names if name in known]
        for some in [flat, *([name] for name in names if name not in known)]:
            if some:
                batch = next(file.iter_batches(1, row_groups=[group], columns=some))
                found |= dict(zip(some, map(_longest_entry, batch.select(flat) if some is flat else batch)))
    return found


def _longest_entry(column: Any) -> int:
    import pyarrow as pa
    import pyarrow.compute as pc

    while hasattr(column, "values"):  # lists
        column = column.values
    while column.type.num_fields:  # objects, of which only the wanted field was read
        column = column.field(0)
    entries = getattr(column, "dictionary", column)
    try:
        return pc.max(pc.binary_length(entries)).as_py() or 0
    except pa.ArrowNotImplementedError:  # numbers that are written as bytes
        return 0
