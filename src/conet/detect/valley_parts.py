"""What the right arm of the V is made of: the same problems with longer rollouts, or other problems."""

from typing import NamedTuple

import numpy as np

from conet.base.intervals import Interval, halves, percentiles, resampled
from conet.detect.valley_arms import Resampling, bottom_rows
from conet.observables.length import END_STEPS, SOLVED, changes, ratio, window_sums
from conet.rollouts import Counts
from conet.rollouts.arrays import COUNTED

DRAWS_OF_MANY = 200  # resamples, where problems are too many to unfold
MOST_AT_ONCE = 200_000  # problems times draws that are computed together


class Windows(NamedTuple):
    """Sums over the rows around a bottom and over the last rows; (problems,) or (draws, problems) each."""

    before: np.ndarray
    length_before: np.ndarray
    samples: np.ndarray
    after: np.ndarray
    length_after: np.ndarray


class Parts(NamedTuple):
    """Change of the pooled length from bottom to end, its two parts, and the ratio within problems."""

    change: Interval
    within: Interval
    composition: Interval
    within_ratio: Interval


def parts_of_change(counts: Counts, row: int, rows: np.ndarray | None, how: Resampling) -> Parts:
    """Change from bottom to end, its two parts, and the ratio within problems.

    The estimates are those of the run, and add up. The parts depend on where the bottom lies, so each draw of
    the problems has a bottom of its own. The ends of change and composition come from a bootstrap. Those of
    what happens within problems come from halves, of which one chooses the bottom and the other is measured
    there, as for the arms: else the luck of the shortest step counts as a rise. Where there are so many
    problems that they are bundled, the bottom is that of the run. Our choice; ``docs/intervals.md`` says how
    often the ends hold the truth.

    Parameters
    ----------
    counts
        See :class:`conet.rollouts.Counts`.
    row
        Of the bottom of the run.
    rows : ndarray of int, shape (draws,), or None
        Of the bottom of each bootstrap draw; None, with fewer than 8 problems, gives no ends.
    how
        Window and draws.
    """
    sums = _two_windows(counts, row, how.window)
    whole = _parts(sums, np.ones((1, len(sums.before))))[0]
    if rows is None:
        return Parts(*(Interval(float(part), np.nan, np.nan) for part in whole))
    if counts.whole is not None:
        drawn = crossed = _of_many(sums, how)
    else:
        weights = resampled(counts.problems, how.draws, how.seed)
        half = halves(counts.problems, how.draws, how.seed)
        drawn = _drawn(counts, rows, weights, how.window)
        chosen = bottom_rows(counts, half.astype(np.float64), how.window)
        crossed = _drawn(counts, chosen, ~half, how.window)
    of = (drawn, crossed, drawn, crossed)  # change, within, composition, ratio within
    return Parts(*(percentiles(float(whole[k]), of[k][:, k], how.level) for k in range(len(of))))


def _drawn(counts: Counts, rows: np.ndarray, measured: np.ndarray, window: int) -> np.ndarray:
    """Return the parts of each draw, which has its own bottom and problems."""
    near = (window_sums(getattr(counts, name), window)[rows] for name in COUNTED)
    return _parts(Windows(*near, *_at_the_end(counts)), measured.T)


def _at_the_end(counts: Counts) -> list[np.ndarray]:
    return [getattr(counts, name)[-END_STEPS:].sum(axis=0) for name in COUNTED[:2]]


def _two_windows(counts: Counts, row: int, window: int) -> Windows:
    """Sum each problem over the window around a row and over the last 20 rows, exactly if bundled."""
    first, last = max(0, row - window // 2), row + window // 2 + 1
    if counts.whole is None:
        near = (getattr(counts, name)[first:last].sum(axis=0) for name in COUNTED)
        return Windows(*near, *_at_the_end(counts))
    steps = counts.whole["step"].to_numpy()
    _, problem = np.unique(counts.whole["problem"].to_numpy(), return_inverse=True)
    until = counts.steps[last] if last < len(counts.steps) else np.inf
    around, end = (steps >= counts.steps[first]) & (steps < until), steps >= counts.steps[-END_STEPS:][0]

    def total(name: str, chosen: np.ndarray) -> np.ndarray:
        assert counts.whole is not None
        weights = counts.whole[name].to_numpy()[chosen]
        return np.bincount(problem[chosen], weights, problem.max() + 1)

    return Windows(*(total(name, around) for name in COUNTED), *(total(name, end) for name in COUNTED[:2]))


def _of_many(sums: Windows, how: Resampling) -> np.ndarray:
    """Return the parts of draws of many problems, few draws at a time."""
    problems, draws = len(sums.before), min(how.draws, DRAWS_OF_MANY)
    at_once = max(1, MOST_AT_ONCE // problems)
    firsts = range(0, draws, at_once)
    weights = (resampled(problems, min(at_once, draws - first), how.seed + first).T for first in firsts)
    return np.concatenate([_parts(sums, drawn) for drawn in weights])


def _parts(sums: Windows, weights: np.ndarray) -> np.ndarray:
    """Change, its two parts and the ratio within problems, each problem counted as often as its weight says.

    Parameters
    ----------
    weights : ndarray, shape (draws, problems)

    Returns
    -------
    ndarray of float64, shape (draws, 4)
        NaN where a part does not exist.
    """
    counts, length_sums = (
        np.stack([weights * first, weights * last], axis=-2)
        for first, last in ((sums.before, sums.after), (sums.length_before, sums.length_after))
    )
    before, after, within, moved = changes(counts, length_sums)
    solved = weights * ((sums.before >= SOLVED * sums.samples) & (sums.before > 0) & (sums.after > 0))
    first, last = (
        (solved * np.nan_to_num(ratio(lengths, rollouts))).sum(axis=-1)
        for lengths, rollouts in ((sums.length_before, sums.before), (sums.length_after, sums.after))
    )
    return np.column_stack([after - before, within, moved.sum(axis=-1), ratio(last, first)])
