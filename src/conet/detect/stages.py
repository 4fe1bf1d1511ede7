"""The stages of a run in one place, and whether they fall on the same step."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from conet.base.errors import ConetError
from conet.base.intervals import FEWEST_SEEDS, Interval, interval
from conet.detect.knee import knee
from conet.detect.valley import ToldValley, Valley, find_valley
from conet.rollouts import Counts

TOLERANCE = 0.2


@dataclass(frozen=True)
class Stages:
    """Steps at which a run changes; None where there is no such step.

    Attributes
    ----------
    knee : int or None
        Where two joined straight lines fit the accuracy best.
    valley : Valley, ToldValley or None
        The V of the correct length; None where nothing was correct.
    island_peak : int or None
        Where the islands of the thresholded web are most numerous.
    """

    knee: int | None
    valley: Valley | ToldValley | None
    island_peak: int | None

    @property
    def v_bottom(self) -> int | None:
        """Where the correct length is shortest; None unless there is a V."""
        return round(self.valley.bottom.estimate) if self.valley and self.valley.judgement == "V" else None


def stages(
    counts: Counts,
    islands: np.ndarray | None = None,
    steps: np.ndarray | None = None,
    valley: ToldValley | None = None,
) -> Stages:
    """Find the stages of a finished run.

    Parameters
    ----------
    counts
        Correct rollouts, their lengths and all rollouts, of each step and problem.
    islands : ndarray, shape (rows,), optional
        Number of islands; NaN at steps where they were not measured.
    steps : ndarray of int, shape (rows,), optional
        Steps of the islands; 0, 1, 2, … where absent.
    valley
        The V of these counts, where it was found before; it is found here where absent.
    """
    row = knee(counts.accuracy())
    top = None if islands is None else peak(islands, steps)
    return Stages(None if row is None else int(counts.steps[row]), valley or find_valley(counts), top)


def peak(values: np.ndarray, steps: np.ndarray | None = None) -> int | None:
    """Return the first step with the largest value.

    Parameters
    ----------
    values : ndarray, shape (rows,)
        NaN where not measured.
    steps : ndarray of int, shape (rows,), optional
        0, 1, 2, … where absent.

    Returns
    -------
    int or None
        None where no value is above 0.
    """
    values = np.asarray(values, np.float64)
    if not np.isfinite(values).any() or np.nanmax(values) <= 0:
        return None
    row = int(np.nanargmax(values))
    return row if steps is None else int(steps[row])


@dataclass(frozen=True, kw_only=True)
class Coincidence:
    """How two moments of a run lie to each other, over seeds.

    Attributes
    ----------
    first, second : str
    seeds : int
        Seeds that have both.
    missing : int
        Seeds that lack one; they are in none of the numbers below.
    difference : Interval
        Mean of second less first, in steps.
    spread : float
        Standard deviation of the difference.
    ratio : Interval
        Geometric mean of (second + 1) / (first + 1).
    correlation : float
        Spearman's rank correlation over seeds: do they vary together? NaN where undefined.
    judgement : str
        "coincide": the whole interval of the ratio lies within the tolerance (between 1/1.2 and
        1.2); "differ": it lies wholly outside; else "undecided", and always of fewer than six seeds.
    """

    first: str
    second: str
    seeds: int
    missing: int
    difference: Interval
    spread: float
    ratio: Interval
    correlation: float
    judgement: str


def coincidence(
    moments: Mapping[str, Sequence[float | None]], *, tolerance: float = TOLERANCE, level: float = 0.95
) -> list[Coincidence]:
    """Compare moments of the same runs pair by pair.

    Parameters
    ----------
    moments
        Steps by name, one value a seed, in the same order; None or NaN where a run has none.
    tolerance
        How far apart on average two moments may lie and still coincide, as a share.
    level
        Of the intervals (:func:`conet.base.intervals.interval`, over seeds).

    Raises
    ------
    ConetError
        When the moments are not of equally many seeds.
    """
    columns = {
        name: np.array([np.nan if step is None else step for step in steps], np.float64)
        for name, steps in moments.items()
    }
    sizes = {name: len(column) for name, column in columns.items()}
    if len(set(sizes.values())) > 1:
        raise ConetError(f"moments of {sizes} seeds", "equally many", "give None where a run has none")
    return [_compare(a, b, columns[a], columns[b], tolerance, level) for a, b in combinations(columns, 2)]


def _compare(
    first: str, second: str, early: np.ndarray, late: np.ndarray, tolerance: float, level: float
) -> Coincidence:
    both = np.isfinite(early) & np.isfinite(late)
    early, late = early[both], late[both]
    seeds, missing = len(early), int(np.count_nonzero(~both))
    if not seeds:
        nothing = Interval(np.nan, np.nan, np.nan)
        return Coincidence(
            first=first,
            second=second,
            seeds=0,
            missing=missing,
            difference=nothing,
            spread=np.nan,
            ratio=nothing,
            correlation=np.nan,
            judgement="undecided",
        )
    gap, share = late - early, np.log((late + 1) / (early + 1))
    ratio = Interval(*np.exp([share.mean(), *interval(share, level=level)]).tolist())
    return Coincidence(
        first=first,
        second=second,
        seeds=seeds,
        missing=missing,
        difference=Interval(float(gap.mean()), *interval(gap, level=level)),
        spread=float(gap.std(ddof=1)) if seeds > 1 else np.nan,
        ratio=ratio,
        correlation=_rank_correlation(early, late),
        judgement=judge_ratio(ratio, tolerance) if seeds >= FEWEST_SEEDS else "undecided",
    )


def judge_ratio(ratio: Interval, tolerance: float = TOLERANCE) -> str:
    """Say whether two moments coincide, by the interval of their ratio.

    Parameters
    ----------
    ratio
        Of the steps done at the two moments.
    tolerance
        How far apart they may lie and still coincide, as a share (our choice).

    Returns
    -------
    str
        "coincide" where the whole interval lies within the tolerance (between 1/1.2 and 1.2), "differ"
        where it lies wholly outside, else "undecided", also where there is no interval.
    """
    low, high = 1 / (1 + tolerance), 1 + tolerance
    if low <= ratio.low and ratio.high <= high:
        return "coincide"
    return "differ" if ratio.high < low or ratio.low > high else "undecided"


def _rank_correlation(early: np.ndarray, late: np.ndarray) -> float:
    if len(early) < 3 or not np.ptp(early) or not np.ptp(late):
        return float("nan")
    from scipy.stats import spearmanr

    return float(spearmanr(early, late).statistic)
