"""The common record of rollouts, for walks and for language models alike.

One row a rollout. Columns: ``step`` (updates done before it was drawn), ``problem``, ``sample``,
``reward``, ``correct``, ``length`` (steps or tokens), ``truncated`` (ended by the length limit),
``split`` ("train", "eval", "harvest") and ``phase`` ("rlvr", "heat", "sft"). Language models add
``text``, walks may add ``walk``.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import polars

    from conet.engine.sample import Walks

SPLITS = ("train", "eval", "harvest")
PHASES = ("rlvr", "heat", "sft")


def schema() -> "dict[str, polars.DataType | type[polars.DataType]]":
    """Columns of the record with their types."""
    import polars as pl

    return {
        "step": pl.Int32,
        "problem": pl.Int32,
        "sample": pl.Int32,
        "reward": pl.Float32,
        "correct": pl.Boolean,
        "length": pl.Int32,
        "truncated": pl.Boolean,
        "split": pl.Enum(SPLITS),
        "phase": pl.Enum(PHASES),
    }


def record(walks: "Sequence[tuple[int, str, str, Walks]]") -> "polars.DataFrame":
    """Turn sampled walks into rows of the record.

    Parameters
    ----------
    walks
        Tuples of step, split, phase and the walks drawn there.
    """
    import polars as pl

    if not walks:
        return pl.DataFrame(schema=schema())
    sizes = [len(batch.length) for *_, batch in walks]
    length = np.concatenate([batch.length for *_, batch in walks])
    correct = np.concatenate([batch.correct for *_, batch in walks])
    limits = np.repeat([batch.edges.shape[1] for *_, batch in walks], sizes)
    columns = {
        "step": np.repeat(np.array([step for step, *_ in walks], np.int32), sizes),
        "problem": np.concatenate([batch.problem for *_, batch in walks]),
        "sample": np.concatenate(
            [np.tile(np.arange(batch.rollouts, dtype=np.int32), len(batch.problems)) for *_, batch in walks]
        ),
        "reward": correct.astype(np.float32),
        "correct": correct,
        "length": length,
        "truncated": ~correct & (length >= limits),
    }
    batch = np.repeat(np.arange(len(walks)), sizes)
    split = pl.Series([split for _, split, *_ in walks], dtype=pl.Enum(SPLITS))
    phase = pl.Series([phase for _, _, phase, _ in walks], dtype=pl.Enum(PHASES))
    return pl.DataFrame(columns).with_columns(split=split.gather(batch), phase=phase.gather(batch))


def per_problem(rollouts: "polars.LazyFrame", splits: Sequence[str] = ("train",)) -> "polars.DataFrame":
    """Aggregate the record to one row a step and problem.

    Returns
    -------
    polars.DataFrame
        ``step``, ``problem``, ``samples``, ``correct`` (count), ``length_sum`` (of correct ones),
        ``truncated`` (count), sorted by step and problem.
    """
    import polars as pl

    return (
        rollouts.filter(pl.col("split").is_in(list(splits)))
        .group_by("step", "problem")
        .agg(
            samples=pl.len(),
            correct=pl.col("correct").sum(),
            length_sum=pl.col("length").filter(pl.col("correct")).sum().cast(pl.Int64),
            truncated=pl.col("truncated").sum(),
        )
        .sort("step", "problem")
        .collect()
    )
