"""The arms of the V, cross-fitted, and where its bottom lies when problems are drawn anew."""

from typing import NamedTuple

import numpy as np

from conet.base.intervals import FEWEST_PROBLEMS, Interval, halves, percentiles, resampled
from conet.observables.length import END_STEPS, START_STEPS, windowed_correct_length
from conet.rollouts import Counts


class Resampling(NamedTuple):
    """How a statistic of the correct length is drawn anew: rows of its window, draws, level and seed."""

    window: int
    draws: int
    level: float
    seed: int


def bottom_rows(counts: Counts, weights: np.ndarray, window: int) -> np.ndarray:
    """Row of the shortest length, problems counted as often as ``weights`` (problems, draws) say."""
    return _lowest(
        counts.pooled(counts.correct_length_sum, weights),
        counts.pooled(counts.correct_count, weights),
        window,
    )


def bottom_interval(counts: Counts, row: int, how: Resampling) -> Interval:
    """Step of a row with the interval of the shortest; no ends with fewer than 8 problems."""
    step = float(counts.steps[row])
    if counts.problems < FEWEST_PROBLEMS:
        return Interval(step, np.nan, np.nan)
    rows = bottom_rows(counts, resampled(counts.problems, how.draws, how.seed), how.window)
    return percentiles(step, counts.steps[rows].astype(np.float64), how.level)


def arms(counts: Counts, how: Resampling) -> tuple[Interval, Interval]:
    """Ratios of start and end to the bottom; one half chooses the bottom, the other measures."""
    sums, correct = counts.correct_length_sum, counts.correct_count
    if counts.problems >= FEWEST_PROBLEMS:
        half = halves(counts.problems, how.draws, how.seed).astype(np.float64)
        choosing = counts.pooled(sums, half), counts.pooled(correct, half)
        measuring = counts.pooled(sums, 1 - half), counts.pooled(correct, 1 - half)
    else:
        rows = len(correct)
        first = np.random.default_rng(how.seed).integers(0, 2, ((rows + 1) // 2, how.draws))
        half = np.stack([first, 1 - first], axis=1).reshape(-1, how.draws)[:rows].astype(np.float64)
        sums, correct = sums.sum(axis=1)[:, None], correct.sum(axis=1)[:, None]
        choosing = sums * half, correct * half
        measuring = sums * (1 - half), correct * (1 - half)
    draw = np.arange(how.draws)
    bottom = windowed_correct_length(*measuring, how.window)[_lowest(*choosing, how.window), draw]
    start = mean_length(measuring[0][:START_STEPS], measuring[1][:START_STEPS]) / bottom
    end = mean_length(measuring[0][-END_STEPS:], measuring[1][-END_STEPS:]) / bottom
    return percentiles(_median(start), start, how.level), percentiles(_median(end), end, how.level)


def _lowest(correct_length_sum: np.ndarray, correct_count: np.ndarray, window: int) -> np.ndarray:
    """Row of the shortest windowed length of each draw; 0 in a draw with nothing correct."""
    curve = windowed_correct_length(correct_length_sum, correct_count, window)
    return np.where(np.isfinite(curve), curve, np.inf).argmin(axis=0)


def mean_length(
    correct_length_sum: np.ndarray, correct_count: np.ndarray, axis: int | None = 0
) -> np.ndarray:
    """Total length over number of correct rollouts, summed over an axis first where one is given."""
    if axis is not None:
        correct_length_sum, correct_count = correct_length_sum.sum(axis=axis), correct_count.sum(axis=axis)
    empty = np.full(np.shape(correct_count), np.nan)
    return np.divide(correct_length_sum, correct_count, out=empty, where=correct_count > 0)


def _median(values: np.ndarray) -> float:
    return float(np.nanmedian(values)) if np.isfinite(values).any() else np.nan
