"""What the right arm of the V is made of: the same problems with longer rollouts, or other problems."""

from typing import NamedTuple

import numpy as np

from conet.base.intervals import FEWEST_PROBLEMS, Interval, percentiles
from conet.detect.valley_arms import Resampling, mean_length
from conet.observables.length import END_STEPS, SOLVED, length_decomposition
from conet.rollouts import Counts
from conet.rollouts.arrays import COUNTED

DRAWS_OF_MANY = 200  # resamples, where problems are too many to unfold


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
    solved = (sums.before >= SOLVED * sums.samples) & (sums.before > 0) & (sums.after > 0)
    lengths = np.stack(
        [mean_length(sums.length_before, sums.before, None), mean_length(sums.length_after, sums.after, None)]
    )

    def measure(chosen: np.ndarray) -> tuple[float, ...]:
        columns = (sums.before, sums.length_before, sums.after, sums.length_after)
        split = length_decomposition(*(column[chosen] for column in columns))
        kept = chosen[solved[chosen]]
        ratio = float(np.divide(*lengths[::-1, kept].sum(axis=1))) if len(kept) else np.nan
        change = [split[name] for name in ("change", "within", "composition")]
        return *(np.nan if part is None else part for part in change), ratio

    problems = len(sums.before)
    whole = measure(np.arange(problems))
    if problems < FEWEST_PROBLEMS:
        return [Interval(part, np.nan, np.nan) for part in whole]
    draws = how.draws if counts.whole is None else min(how.draws, DRAWS_OF_MANY)
    rng = np.random.default_rng(how.seed)
    drawn = np.array([measure(rng.integers(problems, size=problems)) for _ in range(draws)])
    return [percentiles(part, drawn[:, place], how.level) for place, part in enumerate(whole)]
