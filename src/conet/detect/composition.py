"""Whether the accuracy of the problems themselves changed, or others came that are harder, or easier."""

from dataclasses import dataclass

import numpy as np

from conet.base.intervals import FEWEST_PROBLEMS, Interval, mean_interval
from conet.rollouts import Counts

SAME = 0.5  # of the last rollouts, so many are of problems of the best level: these are compared (our choice)
COVERED = 0.25  # of the last rollouts, so many are of problems that were seen before (our choice)
OF_THE_FALL = 0.25  # that problems which recur must have lost themselves (our choice)
OF_THE_RISE = 0.5  # that problems which recur surely have not risen themselves, where it is doubted
NOTHING_LEFT = 0.02  # of the best level: no problems are so much harder at once (our choice)


@dataclass(frozen=True)
class Composition:
    """Why a fall may be one of the choice of problems.

    Attributes
    ----------
    step : int
        The first step at which most rollouts were of new problems.
    recur : bool
        Whether problems were seen before and after; those did not fall.
    """

    step: int
    recur: bool


def other_problems(counts: Counts, best: int, window: int, fall: float, left: float) -> Composition | None:
    """Compare problems with themselves where the last ones are not those of the best level.

    Parameters
    ----------
    counts
        Correct rollouts and all rollouts, of each step and problem.
    best, window
        First row of the best level, and how many rows a level has.
    fall : float
        Best less last level.
    left : float
        Last level as a share of the best.

    Returns
    -------
    Composition or None
        None where the problems are the same, or have fallen themselves; where none recurs and nothing at all
        is left, which no choice of problems explains; or where each was seen once all along, so that other
        problems came all the time.
    """
    seen = _Seen(counts, best, window)
    if seen.same or seen.once:
        return None
    if seen.own is None:
        return None if left <= NOTHING_LEFT else Composition(seen.new(), False)
    if seen.own.low > 0 and seen.own.estimate >= OF_THE_FALL * fall:
        return None
    return Composition(seen.new(), True)


def easier_problems(counts: Counts, window: int, rise: float) -> Composition | None:
    """Compare problems with themselves where the last ones are not the first, and the accuracy has risen.

    A rise is doubted only where those that recur surely have not risen by half of it, or none recurs.

    Returns
    -------
    Composition or None
        None where the rise is one of the problems themselves, or each was seen once all along.
    """
    if counts.problems < FEWEST_PROBLEMS:
        return None
    seen = _Seen(counts, 0, window, rising=True)
    if seen.once or (seen.own is not None and -seen.own.low >= OF_THE_RISE * rise):
        return None
    return Composition(seen.new(), seen.own is not None)


class _Seen:
    """Which of the last problems were seen at the best level, and before.

    Attributes
    ----------
    same : bool
        Whether most of the last rollouts are of problems of the best level.
    once : bool
        Whether each problem was seen once, as good as.
    own : Interval or None
        How far the problems that recur have fallen themselves; None where too few do.
    """

    def __init__(self, counts: Counts, best: int, window: int, rising: bool = False) -> None:
        self.counts, self.best = counts, best
        self.row, self.problem, right, samples = _visits(counts)
        row, problem = self.row, self.problem
        now = row >= len(counts.steps) - window
        size = int(problem.max(initial=-1)) + 1

        def share_seen(where: np.ndarray) -> float:
            known = np.bincount(problem[where], minlength=size) > 0
            return float(samples[now & known[problem]].sum() / max(samples[now].sum(), 1))

        visits = np.bincount(problem, minlength=size)
        self.once = bool(np.median(visits[visits > 0]) <= 1) and share_seen(~now) < COVERED
        self.same = share_seen((row >= best) & (row < best + window)) >= SAME
        since_best = (row >= best) & ~now
        before = since_best if share_seen(since_best) >= COVERED else ~now
        first = (row >= best) & (row < best + window)
        if rising and len(np.intersect1d(problem[first], problem[now])) >= FEWEST_PROBLEMS:
            before = first  # what rose at once, and stayed, has risen since then
        self.own: Interval | None = None
        if (rising or not self.same) and share_seen(before) >= (0 if before is first else COVERED):
            level = [
                np.bincount(problem[part], right[part], size) / np.maximum(counted, 1e-9)
                for part in (before, now)
                for counted in [np.bincount(problem[part], samples[part], size)]
            ]
            both = np.isin(np.arange(size), problem[before]) & np.isin(np.arange(size), problem[now])
            self.own = mean_interval((level[0] - level[1])[both])

    def new(self) -> int:
        """Return the first step at which most rollouts were of new problems."""
        return _new(self.counts, self.best, self.row, self.problem)


def _visits(counts: Counts) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return row, problem, correct rollouts and rollouts of each visit, also where problems are bundled."""
    if counts.whole is None:
        row, problem = np.nonzero(counts.samples)
        return row, problem, counts.correct_count[row, problem], counts.samples[row, problem]
    table = counts.whole
    row = np.searchsorted(counts.steps, table["step"].to_numpy(), "right") - 1
    right, samples = (table[name].to_numpy().astype(np.float64) for name in ("correct_count", "samples"))
    return row, table["problem"].to_numpy().astype(np.int64), right, samples


def _new(counts: Counts, best: int, row: np.ndarray, problem: np.ndarray) -> int:
    """Return the first step after the best level's first at which most problems were not seen before."""
    order = np.argsort(row, kind="stable")
    _, first = np.unique(problem[order], return_index=True)
    fresh = np.bincount(row[order][first], minlength=len(counts.steps))
    new = 2 * fresh > np.bincount(row, minlength=len(counts.steps))
    new[: best + 1] = False
    return int(counts.steps[int(new.argmax())] if new.any() else counts.steps[best])
