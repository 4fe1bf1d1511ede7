"""Parquet files, some columns, batch by batch."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from conet.readers.formats.chunk import Chunk, Numbers

if TYPE_CHECKING:
    import pyarrow

CHUNK_ROWS = 65_536


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
    import polars as pl
    import pyarrow as pa
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        there = [name for name in columns if name in file.schema_arrow.names]
        read = 0
        for batch in file.iter_batches(CHUNK_ROWS, columns=there):
            frame = pl.from_arrow(pa.Table.from_batches([batch]))
            assert isinstance(frame, pl.DataFrame)
            if len(there) < len(columns):
                missing = [pl.lit(None, pl.String).alias(name) for name in columns if name not in there]
                frame = frame.with_columns(missing)
            read += frame.height
            done = read / max(file.metadata.num_rows, 1)
            yield Chunk(frame, done=done)
