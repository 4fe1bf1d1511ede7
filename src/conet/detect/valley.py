"""The V of the correct length: where its bottom is, whether it is one, and what its right arm is."""

from dataclasses import dataclass

import numpy as np

from conet.base.intervals import FEWEST_PROBLEMS, RESAMPLES, Interval, halves, percentiles, resampled
from conet.observables.length import (
    END_STEPS,
    START_STEPS,
    WINDOW,
    length_decomposition,
    windowed_correct_length,
)
from conet.rollouts import Counts

RISE = 1.1  # a shorter right arm is no V worth the name
SOLVED = 0.5


def v_bottom(correct_length_sum: np.ndarray, correct_count: np.ndarray, rise: float = RISE) -> int | None:
    """Where the pooled correct length is shortest, if it ends at least ``rise`` times as long.

    The plain reading of one curve; :func:`find_valley` says how sure that is.

    Parameters
    ----------
    correct_length_sum, correct_count : ndarray, shape (steps,)
        Total length and number of the correct rollouts.

    Returns
    -------
    int or None
        None where nothing was correct, where the end is not long enough, and where the shortest is
        the first or the last step.
    """
    correct_length_sum, correct_count = np.asarray(correct_length_sum), np.asarray(correct_count)
    curve = windowed_correct_length(correct_length_sum, correct_count)
    if not np.isfinite(curve).any():
        return None
    bottom = int(np.nanargmin(curve))
    tail = correct_count[-END_STEPS:].sum()
    end = correct_length_sum[-END_STEPS:].sum() / tail if tail else np.nan
    return bottom if end >= rise * curve[bottom] and 0 < bottom < len(curve) - 1 else None


@dataclass(frozen=True)
class Valley:
    """The V, its intervals, and the verdict on it.

    Attributes
    ----------
    verdict : str
        "V": both arms are there (both intervals lie above 1) and the end is at least 1.1 times as
        long as the bottom; "no V": the left arm or the right one lies below 1.1 with its whole
        interval, or the shortest is at the edge; else "undecided".
    bottom : Interval
        Step of the shortest length; the ends from resampling problems.
    length : float
        Pooled correct length there.
    start_ratio, end_ratio : Interval
        Start over bottom (the left arm) and end over bottom (the right one), cross-fitted, see
        :func:`find_valley`.
    plain_end_ratio : float
        End over bottom on the same rollouts; too large by the luck of the shortest step.
    change, within, composition : Interval
        Change of the pooled length from bottom to end and its exact parts
        (:func:`conet.observables.length.length_decomposition`); ends from resampling problems, the
        two windows kept.
    within_ratio : Interval
        End over bottom of the mean length of the problems that were solved at the bottom and have
        correct rollouts in both windows, each with the same weight: the V within problems.
    """

    verdict: str
    bottom: Interval
    length: float
    start_ratio: Interval
    end_ratio: Interval
    plain_end_ratio: float
    change: Interval
    within: Interval
    composition: Interval
    within_ratio: Interval


def find_valley(
    counts: Counts,
    *,
    rise: float = RISE,
    window: int = WINDOW,
    resamples: int = RESAMPLES,
    level: float = 0.95,
    seed: int = 0,
) -> Valley | None:
    """Find the bottom of the V and test whether there is one.

    The least of a noisy curve lies too low, so every curve that flattens seems to rise afterwards.
    Hence the arms are cross-fitted: half of the problems, drawn at random, choose the bottom, the
    other half measures start, bottom and end there; the estimate is the median over the draws, the
    interval their percentiles (half-sample replication). With fewer than 8 problems, rows are drawn
    in the place of problems, one of each neighbouring pair: then the interval knows the noise of
    sampling, not that of other problems, and bottom and parts get no ends.

    Parameters
    ----------
    counts
        See :class:`Counts`.
    rise
        Smallest right arm.
    window
        Rows of the centred window; start and end are the first 5 and the last 20 rows. Where a
        problem is seen once an epoch, a window of an epoch keeps the parts meaningful.
    resamples, level, seed
        Of the resampling.

    Returns
    -------
    Valley or None
        None where nothing was ever correct.
    """
    pooled = counts.pooled(counts.correct_length_sum), counts.pooled(counts.correct_count)
    curve = windowed_correct_length(*pooled, window)
    if not np.isfinite(curve).any():
        return None
    row = int(np.nanargmin(curve))
    start_ratio, end_ratio = _arms(counts, window, resamples, level, seed)
    inside = 0 < row < len(curve) - 1
    parts = _parts(counts, row, window, resamples, level, seed)
    return Valley(
        _verdict(inside, start_ratio, end_ratio, rise),
        _bottom(counts, row, window, resamples, level, seed),
        float(curve[row]), start_ratio, end_ratio,
        float(_mean_length(pooled[0][-END_STEPS:], pooled[1][-END_STEPS:]) / curve[row]), *parts,
    )  # fmt: skip


def _verdict(inside: bool, start: Interval, end: Interval, rise: float) -> str:
    if not inside or start.high < rise or end.high < rise:
        return "no V"
    return "V" if start.low > 1 and end.low > 1 and end.estimate >= rise else "undecided"


def _bottom(counts: Counts, row: int, window: int, resamples: int, level: float, seed: int) -> Interval:
    step = float(counts.steps[row])
    if counts.problems < FEWEST_PROBLEMS:
        return Interval(step, np.nan, np.nan)
    weights = resampled(counts.problems, resamples, seed)
    drawn = counts.pooled(counts.correct_length_sum, weights), counts.pooled(counts.correct_count, weights)
    return percentiles(step, counts.steps[_lowest(*drawn, window)].astype(np.float64), level)


def _arms(counts: Counts, window: int, resamples: int, level: float, seed: int) -> tuple[Interval, Interval]:
    """Ratios of start and end to the bottom; one half chooses the bottom, the other measures."""
    correct_length_sum, correct_count = counts.correct_length_sum, counts.correct_count
    if counts.problems >= FEWEST_PROBLEMS:
        chosen = halves(counts.problems, resamples, seed).astype(np.float64)
        choosing = counts.pooled(correct_length_sum, chosen), counts.pooled(correct_count, chosen)
        measuring = counts.pooled(correct_length_sum, 1 - chosen), counts.pooled(correct_count, 1 - chosen)
    else:
        first = np.random.default_rng(seed).integers(0, 2, ((len(correct_count) + 1) // 2, resamples))
        chosen = (
            np.stack([first, 1 - first], axis=1)
            .reshape(-1, resamples)[: len(correct_count)]
            .astype(np.float64)
        )
        correct_length_sum, correct_count = (
            correct_length_sum.sum(axis=1)[:, None],
            correct_count.sum(axis=1)[:, None],
        )
        choosing = correct_length_sum * chosen, correct_count * chosen
        measuring = correct_length_sum * (1 - chosen), correct_count * (1 - chosen)
    draw = np.arange(resamples)
    bottom = windowed_correct_length(*measuring, window)[_lowest(*choosing, window), draw]
    start = _mean_length(measuring[0][:START_STEPS], measuring[1][:START_STEPS]) / bottom
    end = _mean_length(measuring[0][-END_STEPS:], measuring[1][-END_STEPS:]) / bottom
    return percentiles(_median(start), start, level), percentiles(_median(end), end, level)


def _lowest(correct_length_sum: np.ndarray, correct_count: np.ndarray, window: int) -> np.ndarray:
    """Row of the shortest windowed length of each draw; 0 in a draw with nothing correct."""
    curve = windowed_correct_length(correct_length_sum, correct_count, window)
    return np.where(np.isfinite(curve), curve, np.inf).argmin(axis=0)


def _parts(
    counts: Counts, row: int, window: int, resamples: int, level: float, seed: int
) -> tuple[Interval, ...]:
    """Change from bottom to end, its two parts, and the ratio within problems."""
    near = slice(max(0, row - window // 2), row + window // 2 + 1)
    before, length_before, samples = (
        values[near].sum(axis=0)
        for values in (counts.correct_count, counts.correct_length_sum, counts.samples)
    )
    after, length_after = (
        values[-END_STEPS:].sum(axis=0) for values in (counts.correct_count, counts.correct_length_sum)
    )
    solved = (before >= SOLVED * samples) & (before > 0) & (after > 0)
    lengths = np.stack([_mean_length(length_before, before, None), _mean_length(length_after, after, None)])

    def measure(chosen: np.ndarray) -> tuple[float, ...]:
        columns = (before[chosen], length_before[chosen], after[chosen], length_after[chosen])
        split = length_decomposition(*columns)
        kept = chosen[solved[chosen]]
        ratio = float(np.divide(*lengths[::-1, kept].sum(axis=1))) if len(kept) else np.nan
        change = [split[name] for name in ("change", "within", "composition")]
        return *(np.nan if part is None else part for part in change), ratio

    whole = measure(np.arange(counts.problems))
    if counts.problems < FEWEST_PROBLEMS:
        draws = np.full((1, 4), np.nan)
    else:
        chosen = np.random.default_rng(seed).integers(counts.problems, size=(resamples, counts.problems))
        draws = np.array([measure(problems) for problems in chosen])
    return tuple(percentiles(part, draws[:, which], level) for which, part in enumerate(whole))


def _mean_length(
    correct_length_sum: np.ndarray, correct_count: np.ndarray, axis: int | None = 0
) -> np.ndarray:
    if axis is not None:
        correct_length_sum, correct_count = correct_length_sum.sum(axis=axis), correct_count.sum(axis=axis)
    return np.divide(
        correct_length_sum,
        correct_count,
        out=np.full(np.shape(correct_count), np.nan),
        where=correct_count > 0,
    )


def _median(values: np.ndarray) -> float:
    return float(np.nanmedian(values)) if np.isfinite(values).any() else np.nan
