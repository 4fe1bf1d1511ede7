"""The stage of a run of which only a curve is known: the accuracy or the mean reward that a trainer logged.

There are no problems to resample, so a change counts where it is beyond the noise between neighbouring steps.
"""

from dataclasses import dataclass

import numpy as np

from conet.base.intervals import Interval
from conet.base.text import counted
from conet.detect import Counts, curve_models, find_knee
from conet.detect.knee import FEWEST_ROWS as FEWEST_FOR_KNEE
from conet.detect.shift import LEFT, SIGMAS, find_shift, noise_of, running_mean, running_median
from conet.detect.trend import (
    BACK,
    COLLAPSED,
    DEEPEST,
    FEWEST_ROWS,
    QUICK,
    SHORTEST_WINDOW,
    SMALLEST_FALL,
    Trend,
)
from conet.diagnosis.log import Log, per_step_values
from conet.diagnosis.stages import Stage, bends, knee_in_words

CURVES = {"accuracy": "accuracy", "reward": "mean reward"}  # of what the first that was logged counts


@dataclass(frozen=True)
class Curve:
    """What a trainer logged of how well it does.

    Attributes
    ----------
    name : str
        In words.
    steps, values : ndarray, shape (rows,)
        Where it is known.
    """

    name: str
    steps: np.ndarray
    values: np.ndarray


def curve_of(log: Log) -> Curve | None:
    """Return the accuracy that the trainer logged, else the mean reward; None where it logged neither."""
    for quantity, name in CURVES.items():
        values = np.zeros(0) if log.scalars is None else per_step_values(log.scalars, quantity)
        known = np.isfinite(values)
        if known.any() and log.scalars is not None:
            return Curve(name, log.scalars["step"].to_numpy()[known].astype(np.int64), values[known])
    return None


def stage_of(curve: Curve | None) -> Stage:
    """Say which stage a curve is in, as ``find_stage`` does of rollouts."""
    nothing = Interval(np.nan, np.nan, np.nan)
    if curve is None:
        return Stage(stage=None, why="neither an accuracy nor a mean reward was logged", rise=nothing)
    rows = len(curve.steps)
    if rows < FEWEST_ROWS:
        why = f"{counted(rows, 'step')}, and a stage needs at least {FEWEST_ROWS}"
        return Stage(stage=None, why=why, rise=nothing)
    low = min(0.0, float(curve.values.min()))
    scale = max(1.0, float(curve.values.max()) - low)
    share = (curve.values - low) / scale
    window = max(SHORTEST_WINDOW, round(rows / 10))
    levels = running_mean(share, window)
    rise = Interval(float(levels[-1] - levels[0]) * scale, np.nan, np.nan)
    if (trend := _trend(curve.steps, share)) is not None:
        was, now = (level * scale + low for level in (trend.best, trend.last))
        why = f"it was {was:.2f} at its best and is {now:.2f} now"
        if trend.kind == "recovered":
            why = f"it fell from {was:.2f} to {trend.bottom * scale + low:.2f}, and is at {now:.2f} again"
        return Stage(stage=trend.kind, why=why, step=trend.step, rise=rise, trend=trend)
    counts = Counts.of(share[:, None], np.zeros((rows, 1)), 1.0, curve.steps)
    start = Interval(float(curve.steps[0]), np.nan, np.nan)
    up = find_shift(curve.steps, share, True)
    risen = up is not None and up.after - up.before >= SMALLEST_FALL
    if risen and rows >= FEWEST_FOR_KNEE:
        knee, models = find_knee(counts), curve_models(counts)
        if bends(knee, models):
            why, ratio = knee_in_words(knee), knee.slope_ratio
            return Stage(stage="slow", why=why, step=knee.step, knee=knee.step, slope_ratio=ratio, rise=rise)
    if risen:
        why = f"the accuracy has risen by {rise.estimate:.2f}, without a knee so far"
        return Stage(stage="fast", why=why, step=start, rise=rise)
    seen = SIGMAS * noise_of(share) / np.sqrt(window) * scale
    why = (
        f"the accuracy changed by {rise.estimate:+.3f} from the first to the last tenth of the steps, which "
        f"is noise: a rise above {max(seen, SMALLEST_FALL * scale):.3f} would have been seen"
    )
    return Stage(stage="flat", why=why, step=start, rise=rise)


def _trend(steps: np.ndarray, share: np.ndarray) -> Trend | None:
    """Return a fall or a dip of a curve between 0 and 1; None where there is none beyond its noise."""
    window = max(SHORTEST_WINDOW, round(len(share) / 10))
    levels = running_mean(share, window)
    limit = max(SIGMAS * noise_of(share) / np.sqrt(window), SMALLEST_FALL)
    last, bottom = float(levels[-1]), int(levels.argmin())
    down = find_shift(steps, share, False)
    if down is not None and down.before - down.after >= limit:
        kind = "collapsed" if down.after <= COLLAPSED * down.before else "falling"
        step, fall = _at(down.step), _at(down.before - down.after)
        return Trend(kind=kind, step=step, best=down.before, bottom=float(levels.min()), last=last, fall=fall)
    now, best = float(share[-QUICK:].mean()), float(levels.max())
    unsure = limit * np.sqrt(max(1.0, window / QUICK))
    if now <= COLLAPSED * best and best - now >= max(unsure, 2 * SMALLEST_FALL):
        near = np.flatnonzero(running_median(share) >= best - LEFT * (best - now))
        step = _at(float(steps[min(int(near[-1]) + 1, len(steps) - 1)]))
        return Trend(kind="collapsed", step=step, best=best, bottom=now, last=now, fall=_at(best - now))
    before = float(levels[: bottom + 1].max())
    depth = min(before, last) - float(levels[bottom])
    if levels[bottom] > DEEPEST * before or depth < 2 * limit or last < BACK * before:
        return None
    back = np.flatnonzero((levels >= BACK * before) & (np.arange(len(levels)) > bottom))
    step = _at(float(steps[min(int(back[0]) + window // 2, len(steps) - 1)]))
    low = float(levels[bottom])
    return Trend(kind="recovered", step=step, best=before, bottom=low, last=last, fall=_at(before - low))


def _at(value: float) -> Interval:
    return Interval(float(value), np.nan, np.nan)
