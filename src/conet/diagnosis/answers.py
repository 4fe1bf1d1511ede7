"""What answers were like at each step: length and truncation of right and wrong ones, rewards, words."""

from typing import TYPE_CHECKING

from conet.readers.measures import TEXT_MEASURES
from conet.rollouts import RolloutRecord

if TYPE_CHECKING:
    import polars

COMPONENT = "reward of "


def answers(record: RolloutRecord, split: str) -> "polars.DataFrame":
    """Average over the rollouts of each step.

    Returns
    -------
    polars.DataFrame
        One row a step, sorted: ``step``; ``length`` and ``truncated`` (a share) of all, and with ``_right``
        and ``_wrong`` of those answers; ``reward``, and ``reward of NAME`` of each component; the shares of
        ``TEXT_MEASURES`` and ``answer_marked``. Null where unknown.
    """
    import polars as pl

    right = pl.col("correct")
    asked: dict[str, pl.Expr] = {}
    for name in ("length", "truncated"):
        value = pl.col(name).cast(pl.Float64)
        asked |= {
            name: value.mean(),
            f"{name}_right": value.filter(right).mean(),
            f"{name}_wrong": value.filter(~right).mean(),
        }
    asked["reward"] = pl.col("reward").cast(pl.Float64).mean()
    for place, name in enumerate(record.components):
        value = pl.col("components").list.get(place, null_on_oob=True)
        asked[COMPONENT + name] = value.cast(pl.Float64).mean()
    rows = record.rows.lazy().filter(pl.col("split") == split)
    there = rows.collect_schema().names()
    for name in (*TEXT_MEASURES, "answer_marked"):
        asked[name] = pl.col(name).cast(pl.Float64).mean() if name in there else pl.lit(None, pl.Float64)
    return rows.group_by("step").agg(**asked).sort("step").collect()


FROM_SCALARS = {
    "length": "length",
    "length_right": "correct_length",
    "length_wrong": "wrong_length",
    "truncated": "truncated_share",
    "reward": "reward",
    "distinct_share": "distinct_share",
}


def from_scalars(scalars: "polars.DataFrame") -> "polars.DataFrame":
    """Return what a trainer logged of its answers under the names of :func:`answers`."""
    import polars as pl

    there = {
        name: pl.col(quantity) if quantity in scalars.columns else pl.lit(None, pl.Float64)
        for name, quantity in FROM_SCALARS.items()
    }
    nothing = dict.fromkeys(
        ("truncated_right", "truncated_wrong", *TEXT_MEASURES, "answer_marked"), pl.lit(None, pl.Float64)
    )
    return scalars.select("step", **there, **nothing)
