"""From rollouts to counts of each step and problem: the one place where rollouts are summed."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars


def per_problem(
    rollouts: "polars.LazyFrame | polars.DataFrame", splits: Sequence[str] = ("train",)
) -> "polars.DataFrame":
    """Count the rollouts of each step and problem.

    Parameters
    ----------
    rollouts
        Columns as in :func:`conet.rollouts.schema.schema`.
    splits
        Which splits are counted.

    Returns
    -------
    polars.DataFrame
        One row a step and problem, sorted by both: ``step`` and ``problem`` (int32), and as int64
        ``samples``, ``correct_count``, ``correct_length_sum`` (total length of the correct ones),
        ``truncated_count`` and ``truncation_known`` (rollouts of which it is known), ``distinct_texts``
        (different completions; null where there are none).
    """
    import polars as pl

    table = rollouts.lazy()
    columns = table.collect_schema().names()
    text = next((pl.col(name) for name in ("text_hash", "text") if name in columns), None)
    distinct = pl.lit(None) if text is None else pl.when(text.count() > 0).then(text.n_unique())
    counted = {
        "samples": pl.len(),
        "correct_count": pl.col("correct").sum(),
        "correct_length_sum": pl.when(pl.col("correct")).then(pl.col("length")).cast(pl.Int64).sum(),
        "truncated_count": pl.col("truncated").sum(),
        "truncation_known": pl.col("truncated").count(),
        "distinct_texts": distinct,
    }
    return (
        table.filter(pl.col("split").is_in(list(splits)))
        .group_by("step", "problem")
        .agg(**{name: value.cast(pl.Int64) for name, value in counted.items()})
        .sort("step", "problem")
        .collect()
    )
