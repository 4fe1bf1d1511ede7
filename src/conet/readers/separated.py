"""CSV and TSV, read as text; numbers are made of it later."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from conet.readers.chunk import BYTES, PEEK, UNREADABLE, Chunk, Unusable, size
from conet.readers.columns import as_number
from conet.readers.lines import frame_of


def _reader(path: Path, columns: Sequence[str] | None, lost: Counter) -> Any:
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


def peek(path: Path) -> dict[str, bool]:
    """Return the columns, and whether each holds numbers as far as the first rows tell."""
    if not size(path):
        return {}
    lost: Counter = Counter()
    with _reader(path, None, lost) as reader:
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


def chunks(path: Path, columns: Sequence[str]) -> Iterator[Chunk]:
    """Read some columns chunk by chunk."""
    import polars as pl
    import pyarrow as pa

    if not size(path):
        return
    lost: Counter = Counter()
    read = 0
    with _reader(path, columns, lost) as reader:
        for batch in reader:
            read += batch.nbytes
            frame = pl.from_arrow(pa.Table.from_batches([batch]))
            assert isinstance(frame, pl.DataFrame)
            missing = [pl.lit(None, pl.String).alias(name) for name in columns if name not in frame.columns]
            found, lost_here = frame.with_columns(missing), Counter(lost)
            lost.clear()
            yield Chunk(found.select(columns), lost_here, min(read / max(size(path), 1), 1.0))
    if lost:
        yield Chunk(frame_of([], columns), lost)
