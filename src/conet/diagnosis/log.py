"""The log of a run, and what the findings ask of it again and again."""

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from conet.diagnosis.visits import Visits, visits
from conet.rollouts import Counts, RolloutRecord, bundle

if TYPE_CHECKING:
    import polars

FIFTH = 0.2  # share of the steps that count as the start of a run, and as its end


class Log:
    """What is diagnosed. Each part is worked out when it is first asked for; read it, change nothing.

    Parameters
    ----------
    record
        As a reader returns it.
    other
        Returns the ``detail`` of another finding by its name.

    Attributes
    ----------
    record : RolloutRecord
    split : str
        Which rollouts are diagnosed: "train", or where there are none what there is.
    """

    def __init__(self, record: RolloutRecord, other: Callable[[str], Any] = lambda name: None) -> None:
        self.record, self.other = record, other
        self.split = record.main_split

    @cached_property
    def visits(self) -> Visits:
        """The rollouts by step and problem; see :class:`conet.diagnosis.visits.Visits`."""
        return visits(self.record, self.split)

    @cached_property
    def counts(self) -> Counts:
        """Correct rollouts, their lengths and all rollouts as matrices, steps by problems."""
        return bundle(self.visits.table)

    @cached_property
    def steps(self) -> "polars.DataFrame":
        """One row a step; see :func:`steps_table`."""
        return steps_table(self.visits)

    @cached_property
    def validation(self) -> "polars.DataFrame | None":
        """The same of the evaluation beside the training; None where there is none."""
        if self.split != "train" or not (self.record.rows["split"] == "eval").any():
            return None
        return steps_table(visits(self.record, "eval"))

    @cached_property
    def heated(self) -> list[int]:
        """Steps at which the run was heated, ascending."""
        rows = self.record.rows
        return sorted(rows.filter(rows["phase"] != "rlvr")["step"].unique().to_list())

    @property
    def fifth(self) -> int:
        """How many steps a fifth of the run has, at least one."""
        return fifth(self.steps.height)


def fifth(rows: int) -> int:
    """How many of so many rows are a fifth, at least one."""
    return max(1, round(FIFTH * rows))


def steps_table(found: Visits) -> "polars.DataFrame":
    """Aggregate visits to steps.

    Returns
    -------
    polars.DataFrame
        ``step``, ``problems``, ``samples``, ``correct_count``, ``accuracy``, ``correct_length_sum``,
        ``correct_length``, ``groups`` (visits with two samples or more), ``all_right`` and
        ``all_wrong`` (shares of them: groups without signal), ``truncated_share``, ``distinct_share``
        (different answers over answers, in groups), ``pass_at_group`` (share of the groups of the
        usual size with a correct answer). Null where unknown.
    """
    import polars as pl

    group = pl.col("samples") >= 2
    right, wrong = pl.col("correct_count") == pl.col("samples"), pl.col("correct_count") == 0
    usual = pl.col("samples") == found.group
    return (
        found.table.group_by("step")
        .agg(
            problems=pl.len(),
            samples=pl.col("samples").sum(),
            correct_count=pl.col("correct_count").sum(),
            accuracy=pl.col("correct_count").sum() / pl.col("samples").sum(),
            correct_length_sum=pl.col("correct_length_sum").sum(),
            groups=group.sum(),
            all_right=right.filter(group).mean(),
            all_wrong=wrong.filter(group).mean(),
            truncated_share=pl.col("truncated_count").sum() / pl.col("truncation_known").sum(),
            distinct_share=pl.col("distinct_texts").filter(group).sum()
            / pl.col("samples").filter(group & pl.col("distinct_texts").is_not_null()).sum(),
            pass_at_group=(~wrong).filter(usual).mean(),
        )
        .with_columns(
            correct_length=pl.when(pl.lit(found.measured) & (pl.col("correct_count") > 0)).then(
                pl.col("correct_length_sum") / pl.col("correct_count")
            ),
            truncated_share=pl.col("truncated_share").fill_nan(None),
            distinct_share=pl.col("distinct_share").fill_nan(None),
        )
        .sort("step")
    )


def ratio(table: "polars.DataFrame", name: str) -> float:
    """Sum of a column over the number of samples."""
    return float(table[name].to_numpy().sum() / table["samples"].to_numpy().sum())


def mean_of(values: "polars.Series") -> float | None:
    """Mean of what is known; None where nothing is."""
    known = values.fill_nan(None).mean() if values.dtype.is_float() else values.mean()
    return None if known is None else float(known)  # type: ignore[arg-type]


def weighted(steps: "polars.DataFrame", shares: "polars.Series") -> float | None:
    """Mean over steps of a share of the groups, by the number of groups; None where there are none."""
    groups = steps["groups"].to_numpy()
    return float((shares.fill_null(0).to_numpy() * groups).sum() / groups.sum()) if np.any(groups) else None
