"""Whether the accuracy of a run falls: from its best level, for good, or back up again.

Everything is told by levels: means over windows of a tenth of the rows. The best of many noisy levels is too
high by chance, so the best window is chosen on one random half of the problems and measured on the other; it
is a fall when the whole 95 % interval of that difference lies above zero. Fewer than 8 problems are all in
both halves, each with half of its visits; a level then holds 8 visits at least.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from conet.base.intervals import (
    FEWEST_PROBLEMS,
    Interval,
    few_interval,
    halves,
    percentiles,
    resampled,
    visit_halves,
)
from conet.rollouts import Counts

FEWEST_ROWS = 10
SHORTEST_WINDOW = 3  # rows of a level at least
FEWEST_VISITS = 8  # of a level at least, where problems are few (our choice)
SMALLEST_FALL = 0.05  # of the accuracy that counts as falling, as for a rise (our choice)
COLLAPSED = 0.25  # of the best level, at most this is left after a collapse (our choice)
FEWEST_RIGHT = 20  # rollouts that a level must have had right, for its loss to be sure (our choice)
DEEPEST = 0.5  # of an earlier level, at most this is left at the bottom of a dip that is recovered from
BACK = 0.8  # of the earlier level, at least this is a recovery (our choice)
LEFT = 0.15  # of a fall: so far below the best level the fall has begun
QUICK = 6  # rows that show a collapse which is younger than a level
DRAWS = 400  # of halves, and of the bootstrap for the step


@dataclass(frozen=True, kw_only=True)
class Trend:
    """How the accuracy ends, beside its best level.

    Attributes
    ----------
    kind : str
        "falling", "collapsed", "recovered", or "" where there is no fall.
    step : Interval
        Since when: where the accuracy left its best level, or of a recovery where it was back.
    best : float
        The best level before; of a recovery the best before the dip.
    bottom : float
        The lowest level after it.
    last : float
        The level of the last rows.
    fall : Interval
        Best less last level; of a recovery best less bottom.
    row, window : int
        First row of the best level, and rows of the last one.
    """

    kind: str
    step: Interval
    best: float
    bottom: float
    last: float
    fall: Interval
    row: int = 0
    window: int = 0


def find_trend(counts: Counts) -> Trend | None:
    """Say whether the accuracy falls; None with fewer than 10 rows.

    Parameters
    ----------
    counts
        Correct rollouts and all rollouts, of each step and problem.
    """
    rows = len(counts.steps)
    if rows < FEWEST_ROWS:
        return None
    window = window_of(counts)
    whole = levels(counts, window)[:, 0]
    first, second = (levels(counts, window, half) for half in _halves(counts))
    best, fall = _highest(whole), _interval(_at(second, _highest(first)) - second[-1], counts, window)
    last = float(whole[-1])
    if (gone := _gone(counts, window, whole, best)) is not None:
        return gone
    lost = last <= COLLAPSED * whole[best] and _lost(counts, window, float(whole[best]), first, second)
    if fall.low > 0 and (lost or fall.estimate >= SMALLEST_FALL):
        moment = _left(counts, window, best)
        kind = "collapsed" if last <= COLLAPSED * whole[best] else "falling"
        bottom = float(np.nanmin(whole[best:]))
        return Trend(
            kind=kind,
            step=moment,
            best=float(whole[best]),
            bottom=bottom,
            last=last,
            fall=fall,
            row=int(best),
            window=window,
        )
    return _recovery(counts, window, whole, first, second) or Trend(
        kind="",
        step=Interval(np.nan, np.nan, np.nan),
        best=float(whole[best]),
        bottom=float(np.nanmin(whole[best:])),
        last=last,
        fall=fall,
    )


def _lost(counts: Counts, window: int, best: float, first: np.ndarray, second: np.ndarray) -> bool:
    """Whether nearly all of a level is surely lost, however low it was: at 5 % a fall to 0 is a collapse."""
    rows = slice(len(counts.steps) - window, None)
    if best * counts.samples[rows].sum() < FEWEST_RIGHT:
        return False
    return _interval(COLLAPSED * _at(second, _highest(first)) - second[-1], counts, window).low > 0


def _gone(counts: Counts, window: int, whole: np.ndarray, best: int) -> Trend | None:
    """Return a collapse that is younger than a level: by the mean of the last 6 rows, for whoever watches.

    The best level is chosen on one half of the problems, and compared on the other, as for any fall.
    """
    if window <= QUICK or whole[-1] <= COLLAPSED * whole[best]:
        return None
    quick = float(levels(counts, QUICK)[-1, 0])
    if not quick <= COLLAPSED * whole[best] or whole[best] - quick < 2 * SMALLEST_FALL:
        return None
    parts = [(levels(counts, window, half), levels(counts, QUICK, half)) for half in _halves(counts)]
    (first, _), (second, now) = parts
    fall = _interval(_at(second, _highest(first)) - now[-1], counts, QUICK)
    if not fall.low > 0:
        return None
    step = _left(counts, window, best, quick)
    return Trend(
        kind="collapsed",
        step=step,
        best=float(whole[best]),
        bottom=quick,
        last=quick,
        fall=fall,
        row=int(best),
        window=QUICK,
    )


def levels(counts: Counts, window: int, weights: np.ndarray | None = None) -> np.ndarray:
    """Accuracy over windows of so many rows, from the first whole one to the last.

    Parameters
    ----------
    weights : ndarray, shape (problems, draws) or (rows, problems, draws), optional
        How often each problem, or each visit, counts.

    Returns
    -------
    ndarray of float64, shape (rows - window + 1, draws)
        NaN where nothing was drawn.
    """
    sums = []
    for values in (counts.correct_count, counts.samples):
        if weights is not None and weights.ndim == 3:
            pooled = np.einsum("rp,rpd->rd", values, weights)
        else:
            pooled = counts.pooled(values, weights).reshape(len(counts.steps), -1)
        running = np.concatenate([np.zeros((1, pooled.shape[1])), np.cumsum(pooled, axis=0)])
        sums.append(running[window:] - running[:-window])
    return np.divide(sums[0], sums[1], out=np.full(sums[0].shape, np.nan), where=sums[1] > 0)


def window_of(counts: Counts) -> int:
    """Rows of a level: a tenth of them, at least 3, and of few problems enough for 8 visits."""
    rows = len(counts.steps)
    window = max(SHORTEST_WINDOW, round(rows / 10))
    if counts.problems >= FEWEST_PROBLEMS:
        return window
    needed = np.ceil(FEWEST_VISITS / max(visits_of(counts, 1), 1e-9))
    return int(max(window, min(needed, rows // 3)))


def visits_of(counts: Counts, window: int) -> float:
    """How many visits of problems so many rows have on average."""
    return float(np.count_nonzero(counts.samples)) / max(len(counts.steps), 1) * window


def _halves(counts: Counts) -> tuple[np.ndarray, np.ndarray]:
    """Return random halves of the problems and their complements; of few problems halves of their visits."""
    few = counts.problems < FEWEST_PROBLEMS
    half = visit_halves(counts.samples > 0, DRAWS) if few else halves(counts.problems, DRAWS)
    return half.astype(np.float64), (~half).astype(np.float64)


def _highest(values: np.ndarray) -> Any:
    """Return the place of the largest value along the first axis; NaN counts as smallest."""
    return np.where(np.isnan(values), -np.inf, values).argmax(axis=0)


def _at(values: np.ndarray, rows: np.ndarray) -> np.ndarray:
    return np.take_along_axis(values, np.asarray(rows)[None], axis=0)[0]


def _interval(drawn: np.ndarray, counts: Counts, window: int) -> Interval:
    """Make an interval of a difference of two levels that was measured on random halves."""
    if counts.problems < FEWEST_PROBLEMS:
        return few_interval(drawn, visits_of(counts, window) / 2)
    known = drawn[np.isfinite(drawn)]
    return percentiles(float(known.mean()) if len(known) else float("nan"), drawn)


def _recovery(
    counts: Counts, window: int, whole: np.ndarray, first: np.ndarray, second: np.ndarray
) -> Trend | None:
    """Return a dip that the accuracy came back from; None where there is none."""
    top, bottom = _dip(whole[:, None])
    best, low, last = (float(whole[row]) for row in (top[0], bottom[0], -1))
    if low > DEEPEST * best or best - low < 2 * SMALLEST_FALL or last < BACK * best:
        return None
    tops, bottoms = _dip(first)
    depth = np.minimum(_at(second, tops), second[-1]) - _at(second, bottoms)
    found = _interval(depth, counts, window)
    if not found.low > 0:
        return None

    def back(curves: np.ndarray, high: np.ndarray, deep: np.ndarray) -> np.ndarray:
        above = curves >= BACK * high
        above[: int(bottom[0]) + window // 2] = False
        return above.argmax(axis=0)

    step = _moment(counts, window, int(top[0]), int(bottom[0]), back)
    return Trend(kind="recovered", step=step, best=best, bottom=low, last=last, fall=found)


def _dip(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows of the top before the deepest dip and of its bottom, in each column."""
    filled = np.where(np.isnan(values), -np.inf, values)
    before = np.maximum.accumulate(filled, axis=0)
    with np.errstate(invalid="ignore"):
        depth = np.minimum(before, filled[-1]) - filled
    bottom = np.where(np.isfinite(depth), depth, -np.inf).argmax(axis=0)
    ahead = np.arange(len(values))[:, None] <= bottom
    return np.where(ahead, filled, -np.inf).argmax(axis=0), bottom


def _left(counts: Counts, window: int, best: int, now: float | None = None) -> Interval:
    """Return the step after the last row that was still near the best level.

    ``now`` stands for the last level, where that is not what the accuracy has fallen to.
    """

    def left(curves: np.ndarray, high: np.ndarray, last: np.ndarray) -> np.ndarray:
        near = curves >= high - LEFT * (high - (last if now is None else now))
        row = len(curves) - 1 - near[::-1].argmax(axis=0)
        return np.minimum(np.where(near.any(axis=0), row, best) + 1, len(curves) - 1)

    return _moment(counts, window, best, -1, left)


def _moment(
    counts: Counts,
    window: int,
    top: int,
    other: int,
    row_of: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray],
) -> Interval:
    """Return the step of a row that is found in the curve, with its interval over problems.

    Parameters
    ----------
    top, other
        The windows between whose levels the curve moves.
    row_of
        From smoothed curves and the levels at both to rows; each has one column a draw.
    """

    def rows(weights: np.ndarray | None) -> np.ndarray:
        level, curve = levels(counts, window, weights), levels(counts, SHORTEST_WINDOW, weights)
        edge = SHORTEST_WINDOW // 2  # a row stands in the middle of its window
        curve = np.pad(curve, ((edge, edge), (0, 0)), mode="edge")
        found = row_of(np.where(np.isnan(curve), -np.inf, curve), level[top], level[other])
        return counts.steps[found].astype(np.float64)

    step = float(rows(None)[0])
    if counts.problems < FEWEST_PROBLEMS:
        return Interval(step, np.nan, np.nan)
    return percentiles(step, rows(resampled(counts.problems, DRAWS)))
