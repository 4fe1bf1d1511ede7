"""Paired differences between arms, with intervals: over seeds, or over the problems that two runs share."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeVar

import numpy as np

from conet.base.intervals import interval, mean_interval
from conet.diagnosis.comparison.arms import Arm
from conet.diagnosis.comparison.sides import Side

if TYPE_CHECKING:
    import polars

SAME = ".same_problems"  # ending of the measures that compare problem by problem
PairedBy = Literal["seed", "problem", "run"]
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Difference:
    """A measure of one arm less that of another.

    Attributes
    ----------
    arm, against : str
        Names of the arms.
    difference : float
        Mean over the pairs.
    low, high : float or None
        95 % interval; None for a single pair.
    n : int
        Number of pairs.
    paired_by : "seed", "problem" or "run"
        "run": one run against another, which no interval is known of.
    values : tuple of float
        One a pair, by seed; empty for problems.
    """

    arm: str
    against: str
    difference: float
    low: float | None
    high: float | None
    n: int
    paired_by: PairedBy
    values: tuple[float, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Mean:
    """Mean over the seeds of an arm with its 95 % interval (Student's t); no ends for one seed."""

    arm: str
    mean: float
    low: float | None
    high: float | None
    n: int


@dataclass(frozen=True)
class Measure:
    """One number of every side, its means over the seeds, and how much the arms differ in it."""

    name: str
    values: dict[str, float | None]
    means: tuple[Mean, ...]
    differences: tuple[Difference, ...]


def measures_of(arms: Sequence[Arm], chosen: Sequence[str] | None = None) -> list[Measure]:
    """Compare every arm with the first in all numbers that two sides have, problem by problem if possible.

    Parameters
    ----------
    chosen
        Which numbers; all where absent.
    """
    sides = [side for arm in arms for side in arm.sides]
    names = dict.fromkeys(name for side in sides for name in side.numbers) if chosen is None else chosen
    found = []
    for name in names:
        values = {side.name: side.numbers.get(name) for side in sides}
        if sum(value is not None for value in values.values()) > 1 or len(sides) == 1:
            means = [_mean(name, arm) for arm in arms]
            differences = [_of_numbers(name, arm, arms[0]) for arm in arms[1:]]
            found.append(Measure(name, values, _known(means), _known(differences)))
    return found + _of_problems(arms)


def _known(found: Sequence[T | None]) -> tuple[T, ...]:
    return tuple(one for one in found if one is not None)


def _ends(low: float, high: float) -> tuple[float | None, float | None]:
    return (low, high) if np.isfinite(low) and np.isfinite(high) else (None, None)


def _mean(name: str, arm: Arm) -> Mean | None:
    values = [side.numbers[name] for side in arm.sides if name in side.numbers]
    if not values:
        return None
    mean, low, high = mean_interval(np.array(values))
    ends = _ends(low, high)
    return Mean(arm=arm.name, mean=mean, low=ends[0], high=ends[1], n=len(values))


def _of_numbers(name: str, arm: Arm, base: Arm) -> Difference | None:
    pairs = pairs_of(arm, base)
    known = [(one, other) for one, other in pairs if name in one.numbers and name in other.numbers]
    values = [one.numbers[name] - other.numbers[name] for one, other in known]
    if not values:
        return None
    low, high = _ends(*interval(np.array(values)))
    by_seed = all(one.seed is not None and one.seed == other.seed for one, other in pairs)
    return Difference(
        arm=arm.name,
        against=base.name,
        difference=float(np.mean(values)),
        low=low,
        high=high,
        n=len(values),
        paired_by="seed" if by_seed else "run",
        values=tuple(values),
    )


def pairs_of(arm: Arm, base: Arm) -> list[tuple[Side, Side]]:
    """Return the sides that pair: those of equal seeds, or two single ones."""
    ours, theirs = arm.by_seed(), base.by_seed()
    common = [seed for seed in ours if seed in theirs]
    if common:
        return [(ours[seed], theirs[seed]) for seed in sorted(common)]
    return [(arm.sides[0], base.sides[0])] if len(arm.sides) == len(base.sides) == 1 else []


def _of_problems(arms: Sequence[Arm]) -> list[Measure]:
    """Compare problem by problem, where an arm and the first have a pair of runs with common problems."""
    found: dict[str, tuple[dict[str, float | None], list[Difference]]] = {}
    for arm in arms[1:]:
        pairs = pairs_of(arm, arms[0])
        if len(pairs) != 1:
            continue
        both = shared_problems(*pairs[0])
        if both is None:
            continue
        for name in ("accuracy", "correct_length"):
            known = both.select(name, f"{name}_base").drop_nulls()
            if not known.height:
                continue
            ours, theirs = known[name].to_numpy(), known[f"{name}_base"].to_numpy()
            values, differences = found.setdefault(name + SAME, ({}, []))
            values |= {pairs[0][1].name: float(theirs.mean()), pairs[0][0].name: float(ours.mean())}
            differences.append(_by_problem(arm, arms[0], ours - theirs))
    return [Measure(name, values, (), tuple(differences)) for name, (values, differences) in found.items()]


def _by_problem(arm: Arm, base: Arm, gains: np.ndarray) -> Difference:
    estimate, low, high = mean_interval(gains)
    ends = _ends(low, high)
    return Difference(
        arm=arm.name,
        against=base.name,
        difference=estimate,
        low=ends[0],
        high=ends[1],
        n=len(gains),
        paired_by="problem",
    )


def shared_problems(side: Side, base: Side) -> "polars.DataFrame | None":
    """Return the common problems of two sides, the columns of ``base`` with the ending ``_base``."""
    if side.problems is None or base.problems is None:
        return None
    both = side.problems.join(base.problems, on="problem", suffix="_base")
    return both if both.height else None


def unpaired(arms: Iterable[Arm], base: Arm) -> list[str]:
    """Names of the arms that have no pair with the first."""
    return [arm.name for arm in arms if arm is not base and not pairs_of(arm, base)]
