"""From rollouts to counts of each step and problem, and to steps: the one place where rollouts are summed."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import polars

SUMMED = ("samples", "correct_count", "correct_length_sum", "truncated_count", "truncation_known")
CREDITED = ("correct_count", "correct_length_sum")  # sums of credit where rewards give partial credit
STRAY = 0.01  # of the rewards may lie far from all others
SMALLEST_GROUP = 2  # samples: with one there is nothing to compare it with


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
    partial = table.collect_schema()["correct"].is_float()
    solved = pl.col("correct") if partial else pl.col("correct").cast(pl.Int64)
    text = next((pl.col(name) for name in ("text_hash", "text") if name in columns), None)
    distinct = pl.lit(None) if text is None else pl.when(text.count() > 0).then(text.n_unique())
    counted = {
        "samples": pl.len(),
        "correct_count": solved.sum(),
        "correct_length_sum": (solved * pl.col("length").cast(pl.Int64)).sum(),
        "truncated_count": pl.col("truncated").sum(),
        "truncation_known": pl.col("truncated").count(),
        "distinct_texts": distinct,
    }
    return (
        table.filter(pl.col("split").is_in(list(splits)))
        .group_by("step", "problem")
        .agg(
            **{
                name: value if partial and name in CREDITED else value.cast(pl.Int64)
                for name, value in counted.items()
            }
        )
        .sort("step", "problem")
        .collect()
    )


def credit(rollouts: "polars.DataFrame") -> "polars.Expr":
    """Return rewards as credit from 0 to 1: as they are, or between the ends of :func:`credit_range`."""
    import polars as pl

    low, high = credit_range(rollouts)
    return (pl.col("reward").cast(pl.Float64).clip(low, high) - low) / (high - low)


def credit_range(rollouts: "polars.DataFrame") -> tuple[float, float]:
    """Return the rewards that are the credits 0 and 1; what lies beyond counts as they do.

    A few stray rewards must not make all others alike: the range ends as far from the middle 99 % of the
    rewards as these are wide (our choice).
    """
    known = rollouts["reward"].drop_nulls().to_numpy().astype(np.float64)
    known = known[np.isfinite(known)]
    if not len(known) or (known.min() >= 0 and known.max() <= 1):
        return 0.0, 1.0
    low, high = float(known.min()), float(known.max())
    inner_low, inner_high = np.quantile(known, [STRAY / 2, 1 - STRAY / 2])
    width = float(inner_high - inner_low)
    if width > 0:
        low, high = max(low, float(inner_low) - width), min(high, float(inner_high) + width)
    return low, high if high > low else low + 1.0


def without_signal(correct_count: Any, samples: Any) -> Any:
    """Say which groups have rollouts that are all correct, or all wrong; a group has two samples or more.

    A baseline of the group's own, as GRPO has, learns nothing from them.

    Parameters
    ----------
    correct_count, samples
        Of each visit of a problem, int: arrays, or expressions of columns.

    Returns
    -------
    array or expression of bool
        False where there is no group, too: take the mean over those that :func:`is_group` names.
    """
    return is_group(samples) & ((correct_count == 0) | (correct_count == samples))


def is_group(samples: Any) -> Any:
    """Say which visits are groups: those with two samples or more."""
    return samples >= SMALLEST_GROUP


def group_size(table: "polars.DataFrame") -> int:
    """Return the most frequent number of samples of a visit (of equal ones, the largest); 0 of none."""
    return int(table["samples"].mode().max() or 0)  # type: ignore[arg-type]


def per_step(table: "polars.DataFrame", has_lengths: bool = True) -> "polars.DataFrame":
    """Sum counts up to steps.

    Parameters
    ----------
    table
        As :func:`per_problem` returns it.
    has_lengths
        Whether the lengths of the rollouts are known.

    Returns
    -------
    polars.DataFrame
        One row a step, sorted: ``step``, ``problems``, ``samples``, ``correct_count``, ``accuracy``,
        ``correct_length_sum``, ``correct_length``, ``groups`` (visits with two samples or more),
        ``all_right`` and ``all_wrong`` (shares of them), ``groups_without_signal`` (both together),
        ``truncated_share``, ``distinct_share`` (different answers over answers, in groups),
        ``pass_at_group`` (share of the groups of the usual size with a correct answer). Null where unknown.
    """
    import polars as pl

    group = is_group(pl.col("samples"))
    right, wrong = pl.col("correct_count") == pl.col("samples"), pl.col("correct_count") == 0
    silent = without_signal(pl.col("correct_count"), pl.col("samples"))
    sums = (
        table.group_by("step")
        .agg(
            pl.col(*SUMMED).sum(),
            problems=pl.len(),
            groups=group.sum(),
            all_right=right.filter(group).mean(),
            all_wrong=wrong.filter(group).mean(),
            groups_without_signal=silent.filter(group).mean(),
            distinct=pl.col("distinct_texts").filter(group).sum(),
            texts=pl.col("samples").filter(group & pl.col("distinct_texts").is_not_null()).sum(),
            pass_at_group=(~wrong).filter(pl.col("samples") == group_size(table)).mean(),
        )
        .sort("step")
    )
    length, count = pl.col("correct_length_sum"), pl.col("correct_count")
    return sums.select(
        "step",
        "problems",
        "samples",
        "correct_count",
        accuracy=count / pl.col("samples"),
        correct_length_sum=pl.when(pl.lit(has_lengths)).then(length),
        correct_length=pl.when(pl.lit(has_lengths) & (count > 0)).then(length / count),
        groups="groups",
        all_right="all_right",
        all_wrong="all_wrong",
        groups_without_signal="groups_without_signal",
        truncated_share=(pl.col("truncated_count") / pl.col("truncation_known")).fill_nan(None),
        distinct_share=(pl.col("distinct") / pl.col("texts")).fill_nan(None),
        pass_at_group="pass_at_group",
    )
