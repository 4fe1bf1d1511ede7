"""What the right arm of the V is made of: the same problems with longer rollouts, or other problems."""

from typing import NamedTuple

import numpy as np

from conet.base.intervals import FEWEST_PROBLEMS, Interval, percentiles
from conet.detect.valley_arms import Resampling
from conet.observables.length import END_STEPS, SOLVED, changes, ratio
from conet.rollouts import Counts
from conet.rollouts.arrays import COUNTED

DRAWS_OF_MANY = 200  # resamples, where problems are too many to unfold
MOST_AT_ONCE = 200_000  # problems times draws that are computed together


class Windows(NamedTuple):
    """Sums over the rows around the bottom and over the last rows, each of the shape (problems,)."""

    before: np.ndarray
    length_before: np.ndarray
    samples: np.ndarray
    after: np.ndarray
    length_after: np.ndarray


def two_windows(counts: Counts, row: int, window: int) -> Windows:
    """Sum each problem over the window around a row and over the last 20 rows, exactly if bundled."""
    first, last = max(0, row - window // 2), row + window // 2 + 1
    if counts.whole is None:
        counted = counts.correct_count, counts.correct_length_sum, counts.samples
        return Windows(
            *(values[first:last].sum(axis=0) for values in counted),
            *(values[-END_STEPS:].sum(axis=0) for values in counted[:2]),
        )
    steps = counts.whole["step"].to_numpy()
    _, problem = np.unique(counts.whole["problem"].to_numpy(), return_inverse=True)
    until = counts.steps[last] if last < len(counts.steps) else np.inf
    near, end = (steps >= counts.steps[first]) & (steps < until), steps >= counts.steps[-END_STEPS:][0]

    def total(name: str, chosen: np.ndarray) -> np.ndarray:
        assert counts.whole is not None
        weights = counts.whole[name].to_numpy()[chosen]
        return np.bincount(problem[chosen], weights, problem.max() + 1)

    return Windows(*(total(name, near) for name in COUNTED), *(total(name, end) for name in COUNTED[:2]))


def parts_of_change(sums: Windows, counts: Counts, how: Resampling) -> list[Interval]:
    """Change from bottom to end, its two parts, and the ratio within problems."""
    problems = len(sums.before)
    whole = _parts(sums, np.arange(problems)[None])
    if problems < FEWEST_PROBLEMS:
        return [Interval(float(part), np.nan, np.nan) for part in whole[0]]
    draws = how.draws if counts.whole is None else min(how.draws, DRAWS_OF_MANY)
    rng, at_once = np.random.default_rng(how.seed), max(1, MOST_AT_ONCE // problems)
    drawn = np.concatenate(
        [
            _parts(sums, rng.integers(problems, size=(min(at_once, draws - first), problems)))
            for first in range(0, draws, at_once)
        ]
    )
    return [percentiles(float(part), drawn[:, place], how.level) for place, part in enumerate(whole[0])]


def _parts(sums: Windows, drawn: np.ndarray) -> np.ndarray:
    """Change, its two parts and the ratio within problems, of problems drawn.

    Parameters
    ----------
    drawn : ndarray of int, shape (draws, problems)

    Returns
    -------
    ndarray of float64, shape (draws, 4)
        NaN where a part does not exist.
    """
    counts, length_sums = np.array(
        [(sums.before, sums.after), (sums.length_before, sums.length_after)], np.float64
    )
    before, after, within, moved = changes(
        *(np.moveaxis(part[:, drawn], 0, 1) for part in (counts, length_sums))
    )
    solved = (sums.before >= SOLVED * sums.samples) & (sums.before > 0) & (sums.after > 0)
    lengths = ratio(length_sums, counts)
    kept = (chosen[solved[chosen]] for chosen in drawn)
    ratios = [float(np.divide(*lengths[::-1, each].sum(axis=1))) if len(each) else np.nan for each in kept]
    return np.column_stack([after - before, within, moved.sum(axis=-1), ratios])
