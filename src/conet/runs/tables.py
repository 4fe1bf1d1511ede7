"""The tables of a run: rows that come one by one, and the whole."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import polars

# Files that grow while a run goes on; those of metrics and evaluations become parquet files at its end.
GROWING = {"metrics": "metrics.jsonl", "evaluations": "evaluations.jsonl", "events": "events.jsonl"}


def table(rows: list[dict[str, Any]]) -> "polars.DataFrame":
    """Turn rows of the same keys into a table; a column's type looks at all rows."""
    import polars as pl

    return pl.DataFrame(rows, infer_schema_length=None)


def evaluation_table(rows: list[dict[str, Any]]) -> "polars.DataFrame":
    """Turn rows of step, name, k and value into a table, which has its columns also when it is empty."""
    import polars as pl

    return pl.DataFrame(rows, {"step": pl.Int64, "name": pl.String, "k": pl.Int64, "value": pl.Float64})
