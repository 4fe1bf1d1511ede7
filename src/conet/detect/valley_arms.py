"""The arms of the V, cross-fitted, and where its bottom lies when problems are drawn anew."""

from typing import NamedTuple

import numpy as np

from conet.base.intervals import FEWEST_PROBLEMS, Interval, halves, percentiles, resampled
from conet.observables.length import END_STEPS, START_STEPS, ratio, window_sums, windowed_correct_length
from conet.rollouts import Counts


class Resampling(NamedTuple):
    """How a statistic of the correct length is drawn anew: rows of its window, draws, level and seed."""

    window: int
    draws: int
    level: float
    seed: int


def bottom_rows(counts: Counts, weights: np.ndarray, window: int) -> np.ndarray:
    """Row of the shortest length, problems counted as often as ``weights`` (problems, draws) say."""
    correct_length_sum = counts.pooled(counts.correct_length_sum, weights)
    correct_count = counts.pooled(counts.correct_count, weights)
    return _lowest(windowed_correct_length(correct_length_sum, correct_count, window))


def bottom_interval(counts: Counts, row: int, rows: np.ndarray | None, how: Resampling) -> Interval:
    """Step of a row, with the interval of the rows that draws of the problems have; None: no ends."""
    step = float(counts.steps[row])
    if rows is None:
        return Interval(step, np.nan, np.nan)
    return percentiles(step, counts.steps[rows].astype(np.float64), how.level)


def arms(counts: Counts, how: Resampling) -> tuple[Interval, Interval]:
    """Ratios of start and end to the bottom; one half chooses the bottom, the other measures.

    The upper end of the right arm is that of the bottom and end of the same rollouts, where it is the higher.

    What the other half has is all less what the first has: counts are whole numbers, so that is exact.
    """
    sums, correct = counts.correct_length_sum, counts.correct_count
    pooled = counts.pooled(sums), counts.pooled(correct)
    if counts.problems >= FEWEST_PROBLEMS:
        half = halves(counts.problems, how.draws, how.seed).astype(np.float64)
        choosing = counts.pooled(sums, half), counts.pooled(correct, half)
    else:
        rows = len(correct)
        first = np.random.default_rng(how.seed).integers(0, 2, ((rows + 1) // 2, how.draws))
        half = np.stack([first, 1 - first], axis=1).reshape(-1, how.draws)[:rows].astype(np.float64)
        choosing = pooled[0][:, None] * half, pooled[1][:, None] * half
    windows = [window_sums(values, how.window) for values in choosing]
    row, draw = _lowest(ratio(*windows)), np.arange(how.draws)
    bottom = ratio(
        *(window_sums(all_, how.window)[row] - part[row, draw] for all_, part in zip(pooled, windows))
    )

    def measured(stretch: slice) -> np.ndarray:
        """Mean length of the half that measures."""
        return ratio(
            *(all_[stretch].sum() - part[stretch].sum(axis=0) for all_, part in zip(pooled, choosing))
        )

    start, end = (measured(stretch) / bottom for stretch in (slice(START_STEPS), slice(-END_STEPS, None)))
    right = percentiles(_median(end), end, how.level)
    if counts.problems >= FEWEST_PROBLEMS:
        right = right._replace(high=max(right.high, _highest_end(counts, how)))
    return percentiles(_median(start), start, how.level), right


def _highest_end(counts: Counts, how: Resampling) -> float:
    """Upper end of end over bottom on the same rollouts, problems drawn anew.

    A bottom that is chosen on half of the problems is not quite the lowest, so the right arm that the other
    half measures is too small; the luck of the shortest step makes this one too large.
    """
    weights = resampled(counts.problems, how.draws, how.seed)
    sums, correct = (counts.pooled(of, weights) for of in (counts.correct_length_sum, counts.correct_count))
    lowest = np.nan_to_num(windowed_correct_length(sums, correct, how.window), nan=np.inf).min(axis=0)
    ends = mean_length(sums[-END_STEPS:], correct[-END_STEPS:]) / lowest
    return percentiles(np.nan, ends, how.level).high


def _lowest(curve: np.ndarray) -> np.ndarray:
    """Row of the shortest windowed length of each draw; 0 in a draw with nothing correct."""
    return np.where(np.isfinite(curve), curve, np.inf).argmin(axis=0)


def mean_length(
    correct_length_sum: np.ndarray, correct_count: np.ndarray, axis: int | None = 0
) -> np.ndarray:
    """Total length over number of correct rollouts, summed over an axis first where one is given."""
    if axis is not None:
        correct_length_sum, correct_count = correct_length_sum.sum(axis=axis), correct_count.sum(axis=axis)
    return ratio(correct_length_sum, correct_count)


def _median(values: np.ndarray) -> float:
    return float(np.nanmedian(values)) if np.isfinite(values).any() else np.nan
