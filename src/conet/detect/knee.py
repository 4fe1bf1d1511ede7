"""The knee of the reward curve: where it is, and how much steeper the curve is before it."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from conet.base.intervals import FEWEST_PROBLEMS, RESAMPLES, Interval, percentiles, resampled
from conet.rollouts import Counts

MARGIN = 5  # rows on either side of a knee
FEWEST_ROWS = 20
SMALLEST_RISE = 0.05  # of the fitted accuracy


class Hinge(NamedTuple):
    """Two joined straight lines; each field has the shape of the curves.

    Attributes
    ----------
    row : ndarray of int64
        Where they meet.
    before, after : ndarray of float64
        Slopes a row.
    error : ndarray of float64
        Sum of squared residuals.
    rise : ndarray of float64
        Highest less lowest fitted value.
    """

    row: np.ndarray
    before: np.ndarray
    after: np.ndarray
    error: np.ndarray
    rise: np.ndarray


def hinge(curves: np.ndarray, times: np.ndarray | None = None) -> Hinge:
    """Fit two joined lines to each curve, by least squares over every place for the knee.

    Every sum that the normal equations need is a prefix sum, so all places cost one pass.

    Parameters
    ----------
    curves : ndarray of float64, shape (rows,) or (rows, draws)
        Finite values, at least 11 rows.
    times : ndarray of float64, shape (rows,), optional
        0, 1, 2, … where absent.
    """
    curves = np.asarray(curves, np.float64)
    rows = len(curves)
    clock = np.arange(rows) if times is None else np.asarray(times, np.float64)
    span = clock[-1] - clock[0]
    time = ((clock - clock[0]) / span).reshape(-1, *[1] * (curves.ndim - 1))
    level = curves.mean(axis=0)
    value = curves - level
    place = np.arange(MARGIN, rows - MARGIN)
    at = time[place]
    one, first, second = (np.cumsum(time**power, axis=0) for power in (0, 1, 2))
    plain, moment = np.cumsum(value, axis=0), np.cumsum(time * value, axis=0)

    def arm(pick: "slice | np.ndarray", whole: bool) -> tuple[np.ndarray, ...]:
        sums = [
            (total[-1] - total[pick]) if whole else total[pick]
            for total in (one, first, second, plain, moment)
        ]
        count, line, square, height, lean = sums
        return line - at * count, square - 2 * at * line + at**2 * count, lean - at * height

    left, right = arm(place, False), arm(place, True)
    # Basis: 1, min(t - knee, 0), max(t - knee, 0); the last two never overlap.
    offset = plain[-1] - left[0] * left[2] / left[1] - right[0] * right[2] / right[1]
    offset = offset / (rows - left[0] ** 2 / left[1] - right[0] ** 2 / right[1])
    before = (left[2] - left[0] * offset) / left[1]
    after = (right[2] - right[0] * offset) / right[1]
    error = (value**2).sum(axis=0) - (offset * plain[-1] + before * left[2] + after * right[2])
    best = error.argmin(axis=0)
    picked = [np.take_along_axis(part, best[None], 0)[0] for part in (before, after, error, at + 0 * error)]
    before, after, error, at = picked
    ends = np.stack([-before * at, 0 * at, after * (1 - at)])
    return Hinge(place[best], before / span, after / span, error, np.ptp(ends, axis=0))


def knee(accuracy: np.ndarray) -> int | None:
    """Where two joined straight lines fit the curve best, if the first is the steeper one.

    Parameters
    ----------
    accuracy : ndarray of float64, shape (steps,)

    Returns
    -------
    int or None
        None below 20 steps, for a rise below 0.05, and where the second line is the steeper one.
    """
    row, _ = _knee(np.asarray(accuracy, np.float64), np.arange(len(accuracy)))
    return row


def _knee(accuracy: np.ndarray, steps: np.ndarray) -> tuple[int | None, float]:
    seen = np.isfinite(accuracy)
    if seen.sum() < FEWEST_ROWS:
        return None, np.nan
    fit = hinge(accuracy[seen], steps[seen])
    if fit.rise < SMALLEST_RISE or fit.before <= fit.after or fit.before <= 0:
        return None, np.nan
    return int(steps[seen][fit.row]), float(_ratio(fit.before, fit.after))


@dataclass(frozen=True)
class Knee:
    """The knee and the first row of evidence for two stages.

    Attributes
    ----------
    step : Interval or None
        None where there is no knee (see :func:`knee`).
    slope_ratio : Interval or None
        Mean slope before the knee over mean slope after it, both of the fitted lines; infinite
        where the curve does not rise after it. Every curve that saturates has a large one, and the
        longer the run the larger: it is evidence for two stages only together with
        :func:`conet.detect.curve_models`. Of few problems the interval is too narrow, since the knee is
        put where the curve bends most (``docs/intervals.md``); a diagnosis tells it from 64 problems on.
    """

    step: Interval | None
    slope_ratio: Interval | None


def find_knee(counts: Counts, *, resamples: int = RESAMPLES, level: float = 0.95, seed: int = 0) -> Knee:
    """Find the knee with intervals from resampling problems.

    Parameters
    ----------
    counts
        See :class:`Counts`.
    resamples, level, seed
        Of the percentile bootstrap. Fewer than 8 problems give NaN ends.
    """
    step, ratio = _knee(counts.accuracy(), counts.steps)
    if step is None:
        return Knee(None, None)
    nothing = Interval(step, np.nan, np.nan), Interval(ratio, np.nan, np.nan)
    if counts.problems < FEWEST_PROBLEMS:
        return Knee(*nothing)
    curves = counts.accuracy(resampled(counts.problems, resamples, seed))
    seen = np.isfinite(curves).all(axis=1)
    if seen.sum() < FEWEST_ROWS:
        return Knee(*nothing)
    fit = hinge(curves[seen], counts.steps[seen])
    ratios = np.where(fit.before > fit.after, _ratio(fit.before, fit.after), np.nan)
    return Knee(
        percentiles(step, counts.steps[seen][fit.row].astype(float), level), percentiles(ratio, ratios, level)
    )


def _ratio(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    return np.where(after > 0, before / np.where(after > 0, after, 1.0), np.inf)
