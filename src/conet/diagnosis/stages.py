"""Which stage a run is in, from its rollouts: flat, fast, slow, falling, collapsed, or recovered."""

from dataclasses import dataclass, replace

import numpy as np

from conet.base.intervals import (
    FEWEST_PROBLEMS,
    Interval,
    few_interval,
    for_few,
    percentiles,
    resampled,
    visit_halves,
)
from conet.base.text import counted
from conet.detect import Counts, CurveModels, Knee, curve_models, find_knee
from conet.detect.composition import NOTHING_LEFT, Composition, easier_problems, other_problems
from conet.detect.knee import FEWEST_ROWS, SMALLEST_RISE
from conet.detect.models import STRONG
from conet.detect.trend import FEWEST_ROWS as FEWEST_STEPS
from conet.detect.trend import Trend, find_trend, visits_of
from conet.diagnosis.log import fifth
from conet.diagnosis.words import with_ends

ONCE = "; each prompt was seen once, so whether later ones are harder cannot be told"
STEEPER = 2.0  # times steeper before the knee than after it, with the whole interval (our choice)
FEWEST_FOR_RATIO = 64  # problems; of 16 the interval of the slope ratio holds it in 76 % (docs/intervals.md)


@dataclass(frozen=True, kw_only=True)
class Stage:
    """The stage of a run and the evidence.

    Attributes
    ----------
    stage : str or None
        "flat", "fast", "slow", "falling", "collapsed" or "recovered"; None where that is not known.
    why : str
    step : Interval or None
        Since when: the knee of "slow", the first step of "flat" and "fast", else where the accuracy left its
        best level, or was back at it.
    knee : Interval or None
        None unless the curve bends: twice as steep before as after with the whole interval, and two
        lines beat one by a BIC of 6.
    slope_ratio : Interval or None
        Slope before the knee over slope after it; without ends of fewer than 64 problems.
    rise : Interval
        Accuracy of the last fifth of the steps less that of the first.
    models : CurveModels or None
    trend : Trend or None
    """

    stage: str | None
    why: str
    step: Interval | None = None
    knee: Interval | None = None
    slope_ratio: Interval | None = None
    rise: Interval
    models: CurveModels | None = None
    trend: Trend | None = None


@dataclass(frozen=True)
class Unit:
    """What the shares that are looked at stand for: ``zero + scale`` times the share.

    Attributes
    ----------
    zero, scale : float
        Of an accuracy 0 and 1.
    """

    zero: float = 0.0
    scale: float = 1.0

    def change(self, difference: Interval) -> Interval:
        """Return a difference of shares in this unit."""
        return Interval(*(self.scale * end for end in (difference.estimate, difference.low, difference.high)))

    def trend(self, found: Trend) -> Trend:
        """Return a trend with its levels in this unit."""
        levels = {name: self.zero + self.scale * getattr(found, name) for name in ("best", "bottom", "last")}
        return replace(found, fall=self.change(found.fall), **levels)


SHARE = Unit()


def find_stage(counts: Counts, unit: Unit = SHARE) -> Stage:
    """Say which stage a run is in.

    Parameters
    ----------
    counts
        Correct rollouts and all rollouts; or sums of rewards as shares, which ``unit`` explains.
    unit
        In which levels and changes are told; all thresholds are shares of it.
    """
    rise, trend = unit.change(_rise(counts)), find_trend(counts)
    rows = len(counts.steps)
    if trend is None:
        why = f"{counted(rows, 'step')}, and a stage needs at least {FEWEST_STEPS}"
        return Stage(stage=None, why=why, rise=rise)
    shares = trend
    start, trend = Interval(float(counts.steps[0]), np.nan, np.nan), unit.trend(trend)
    if (others := _others(counts, shares)) is not None:
        return Stage(stage=None, why=_harder(trend, others), rise=rise, trend=trend)
    if trend.kind:
        kind, why = _kind(trend, shares, counts)
        return Stage(stage=kind, why=why, step=trend.step, rise=rise, trend=trend)
    if rise.low > 0 and (easier := easier_problems(counts, fifth(rows), rise.estimate / unit.scale)):
        return Stage(stage=None, why=_easier(rise, easier), rise=rise, trend=trend)
    if rows >= FEWEST_ROWS:
        found, models = find_knee(counts), curve_models(counts)
        if rise.estimate > 0 and bends(found, models):
            return Stage(
                stage="slow",
                why=knee_in_words(found),
                step=found.step,
                knee=found.step,
                slope_ratio=told_ratio(found, counts.problems),
                rise=rise,
                models=models,
                trend=trend,
            )
    else:
        models = None
    if rise.estimate >= SMALLEST_RISE * unit.scale and rise.low > 0:
        stage, why = "fast", f"the accuracy has risen by {with_ends(rise)}, without a knee so far"
    else:
        stage, why = "flat", _flat(rise, SMALLEST_RISE * unit.scale)
    return Stage(stage=stage, why=why, step=start, rise=rise, models=models, trend=trend)


def _kind(trend: Trend, shares: Trend, counts: Counts) -> tuple[str, str]:
    """Return the stage of a fall or a recovery, and why; of prompts seen once no more than it falls."""
    why = _told(trend)
    some_left = shares.last > NOTHING_LEFT * shares.best
    if trend.kind in ("falling", "collapsed") and some_left and _seen_once(counts):
        return "falling", why + ONCE
    return trend.kind, why


def _others(counts: Counts, trend: Trend) -> Composition | None:
    """Return what a fall between different problems looks like; None where there is none."""
    if trend.kind not in ("falling", "collapsed"):
        return None
    fall, left = trend.best - trend.last, trend.last / trend.best
    return other_problems(counts, trend.row, trend.window, fall, left)


def _of_their_own(others: Composition, move: str) -> str:
    """Say why a move of the whole is none of the problems that were seen before and after."""
    if not others.recur:
        return "none of the last problems was seen before"
    return f"problems that were seen before and after did not {move} themselves"


def _harder(trend: Trend, others: Composition) -> str:
    """Say that a fall may be one of other problems."""
    own = _of_their_own(others, "fall")
    return (
        f"the accuracy went from {trend.best:.2f} to {trend.last:.2f}, but the problems changed at step "
        f"{others.step}; {own}, so harder problems may explain it"
    )


def _easier(rise: Interval, others: Composition) -> str:
    """Say that a rise may be one of other problems."""
    own = _of_their_own(others, "rise")
    return (
        f"the accuracy rose by {rise.estimate:.2f}, but the problems changed at step {others.step}; {own}, "
        "so easier problems may explain it"
    )


def _seen_once(counts: Counts) -> bool:
    """Whether each problem was seen once."""
    if counts.whole is None:
        return bool(((counts.samples > 0).sum(axis=0) <= 1).all())
    return bool(counts.whole["problem"].is_unique().all())


def _told(trend: Trend) -> str:
    """Say how far the accuracy fell, or came back."""
    if trend.kind == "recovered":
        return f"it fell from {trend.best:.2f} to {trend.bottom:.2f}, and is at {trend.last:.2f} again"
    return (
        f"it was {trend.best:.2f} at its best and is {trend.last:.2f} now, a fall of {with_ends(trend.fall)}"
    )


def knee_in_words(found: Knee) -> str:
    """Say how much faster the accuracy rose before the knee."""
    assert found.step is not None
    assert found.slope_ratio is not None
    times, step = found.slope_ratio.estimate, found.step.estimate
    if not np.isfinite(times):
        return f"the accuracy rose before step {step:.0f} (the knee) only"
    return f"the accuracy rose {times:.0f} times as fast before step {step:.0f} (the knee) as after it"


def _flat(rise: Interval, smallest: float) -> str:
    """Say that nothing happened, and what could still have been seen."""
    change = f"the accuracy changed by {rise.estimate:+.3f} from the first to the last fifth of the steps"
    if np.isnan(rise.low):
        return f"{change}, and of so few visits no noise can be told"
    if rise.low <= 0 <= rise.high:
        return f"{change}, which is noise: a rise above {max(rise.high, smallest):.3f} would have been seen"
    small = abs(rise.estimate) < smallest
    what = f"less than the {smallest:.2g} that counts" if small else "hardly more than noise"
    return f"{change} [{rise.low:+.3f}, {rise.high:+.3f}], {what}"


def told_ratio(found: Knee, problems: int) -> Interval | None:
    """Return the slope ratio of a knee, without the ends where they are known to hold it too seldom."""
    if found.slope_ratio is None or problems >= FEWEST_FOR_RATIO:
        return found.slope_ratio
    return Interval(found.slope_ratio.estimate, np.nan, np.nan)


def bends(found: Knee, models: CurveModels | None) -> bool:
    """Whether a knee is sure: twice as steep before it, and two lines beat one."""
    if found.step is None or found.slope_ratio is None or models is None:
        return False
    sure = found.slope_ratio.low if np.isfinite(found.step.low) else found.slope_ratio.estimate / 2
    return sure >= STEEPER and models.bic["line"] - models.bic["segments"] >= STRONG


def _rise(counts: Counts) -> Interval:
    rows = fifth(len(counts.steps))
    first_and_last = slice(0, rows), slice(len(counts.steps) - rows, None)

    def rise(weights: np.ndarray | None) -> np.ndarray:
        parts = []
        for chosen in first_and_last:
            correct, samples = (
                counts.pooled(values[chosen].sum(axis=0, keepdims=True), weights)
                if weights is None or weights.ndim == 2
                else np.einsum("rp,rpd->d", values[chosen], weights[chosen])[None]
                for values in (counts.correct_count, counts.samples)
            )
            parts.append(correct / np.where(samples > 0, samples, np.nan))
        return (parts[1] - parts[0])[0]

    whole = float(rise(None))
    if counts.problems < FEWEST_PROBLEMS:
        half = visit_halves(counts.samples > 0).astype(np.float64)
        around = few_interval(rise(half), visits_of(counts, rows) / 2)
        return Interval(whole, around.low, around.high)
    return for_few(percentiles(whole, rise(resampled(counts.problems))), counts.problems)
