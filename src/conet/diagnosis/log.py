"""The log of a run, and what the findings ask of it again and again."""

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from conet.base.digests import directory_of, is_run
from conet.diagnosis.answers import answers, from_scalars
from conet.diagnosis.visits import Visits, visits
from conet.diagnosis.words import length_unit
from conet.rollouts import Counts, RolloutRecord, bundle, per_step
from conet.runs.events import heatings
from conet.runs.files import kind_of
from conet.runs.run import Run

if TYPE_CHECKING:
    import polars

    from conet.config import Config

ONE_EPOCH = "each prompt was seen once (one epoch)"
UNKNOWN = "the log does not say which problem a group is of: problems cannot be followed"
UNITS = {"recipe.json": "tokens", "config.json": "hops"}  # of lengths, by the settings of a run of ours
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
        """One row a step; see :func:`conet.rollouts.per_step`."""
        return per_step(self.visits.table, self.visits.measured)

    @cached_property
    def answers(self) -> "polars.DataFrame":
        """What the answers were like at each step; see :func:`conet.diagnosis.answers.answers`."""
        if not self.has_rollouts and self.scalars is not None:
            return from_scalars(self.scalars)
        return answers(self.record, self.split)

    @property
    def length_unit(self) -> str:
        """What lengths are counted in; the empty text where another trainer's column does not say it."""
        path = directory_of(self.record.path)
        ours = (unit for name, unit in UNITS.items() if path is not None and (path / name).is_file())
        return next(ours, "") or length_unit(self.record.sources)

    @property
    def seen_once(self) -> bool:
        """Whether no problem was visited at more than one step: one epoch."""
        return bool((self.visits.table["visit"] == 0).all())

    @property
    def once(self) -> str:
        """Why nothing can be told of single problems where no one was visited at two steps."""
        if self.steps.height == 1:
            return f"only one {'evaluation' if self.split == 'eval' else 'step'} was logged"
        return ONE_EPOCH if self.record.follows else UNKNOWN

    @cached_property
    def validation(self) -> "polars.DataFrame | None":
        """The same of the evaluation beside the training; None where there is none."""
        if self.split != "train" or not (self.record.rows["split"] == "eval").any():
            return None
        return per_step(self.record.per_problem("eval"), self.record.has_lengths)

    @property
    def scalars(self) -> "polars.DataFrame | None":
        """What the trainer logged by step, under one name for each quantity; None where it logged nothing.

        One row a logged step, ascending; see :class:`conet.rollouts.RolloutRecord`.
        """
        return self.record.scalars

    @property
    def has_rollouts(self) -> bool:
        """Whether there are rollouts, and not scalars alone."""
        return self.record.has_rollouts

    @property
    def partial_credit(self) -> bool:
        """Whether nothing is called correct, and counts are sums of rewards from 0 to 1."""
        return self.record.partial_credit

    @cached_property
    def walks(self) -> "Config | None":
        """The settings, where this is a run of ``conet run``; else None.

        Raises
        ------
        ConetError
            When its settings are missing or damaged.
        """
        path = directory_of(self.record.path)
        return Run(path).config if path is not None and kind_of(path) == "walks" else None

    @cached_property
    def heated(self) -> list[int]:
        """Steps at which the run was heated, ascending."""
        rows = self.record.rows
        drawn = rows.filter(rows["phase"] != "rlvr")["step"].unique().to_list()
        return sorted({*drawn, *(each["step"] for each in self.heatings)})

    @cached_property
    def heatings(self) -> list[dict[str, Any]]:
        """What the run's own events say of its heatings; see :func:`conet.runs.events.heatings`.

        Empty for a log that is no run of ours: other trainers write no such events. What they say of later
        steps than there are rollouts of is left out: they are written sooner.

        Raises
        ------
        ConetError
            When a file of the run is damaged: without its events the diagnosis would say something else.
        """
        path = directory_of(self.record.path)
        if path is None or not is_run(path):
            return []
        events, steps = Run(path).events(), self.record.rows["step"].to_list()
        if not steps:
            return heatings(events)
        return heatings(event for event in events if event["step"] <= max(steps) + 1)  # the next is begun

    @property
    def fifth(self) -> int:
        """How many steps a fifth of the run has, at least one."""
        return fifth(self.steps.height)


def fifth(rows: int) -> int:
    """How many of so many rows are a fifth, at least one."""
    return max(1, round(FIFTH * rows))


def ratio(table: "polars.DataFrame", name: str) -> float:
    """Sum of a column over the number of samples."""
    return float(table[name].to_numpy().sum() / table["samples"].to_numpy().sum())


def per_step_values(table: "polars.DataFrame", name: str) -> np.ndarray:
    """Return a column as float64, NaN where it has no value, or is not there."""
    import polars as pl

    if name not in table.columns:
        return np.full(table.height, np.nan)
    return table[name].cast(pl.Float64).fill_null(float("nan")).to_numpy()


def ends(values: np.ndarray) -> dict[str, float | None]:
    """Return the means of the first and of the last fifth of the steps, of what is known."""
    rows = fifth(len(values))
    parts = {"start": values[:rows], "end": values[len(values) - rows :]}
    return {
        name: float(np.nanmean(part)) if np.isfinite(part).any() else None for name, part in parts.items()
    }


def mean_of(values: "polars.Series") -> float | None:
    """Mean of what is known; None where nothing is."""
    known = values.fill_nan(None).mean() if values.dtype.is_float() else values.mean()
    return None if known is None else float(known)  # type: ignore[arg-type]


def weighted(steps: "polars.DataFrame", shares: "polars.Series") -> float | None:
    """Mean over steps of a share of the groups, by the number of groups; None where there are none."""
    groups = steps["groups"].to_numpy()
    return float((shares.fill_null(0).to_numpy() * groups).sum() / groups.sum()) if np.any(groups) else None
