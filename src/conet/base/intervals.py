"""Every interval of the project is made here: over seeds, over problems, of a share.

Which one: :func:`interval` for a few independent values (seeds); :func:`percentiles` with
:func:`resampled` or :func:`halves` for a statistic of many problems; :func:`mean_interval` for the mean of
many values; :func:`share_interval` for a count out of a number of trials; :func:`resampled_groups` with
:func:`central` for a statistic of several groups of seeds. Error bars of figures and tables that are no
intervals are a :func:`standard_error`.
"""

import math
from collections.abc import Callable, Iterable
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

LEVEL = 0.95  # of every interval, where nothing else is said
RESAMPLES = 1000  # of the bootstrap over problems
SEED_RESAMPLES = 9999  # of the bootstrap over seeds
FEWEST_PROBLEMS = 8  # below this, an interval over problems says nothing
FEWEST_SEEDS = 6  # below this, an interval over seeds decides nothing
FEW_SEEDS = 20  # below this Student's t, since a bootstrap of the mean of six covers .76 to .85


class Interval(NamedTuple):
    """An estimate with the ends of its confidence interval; NaN ends where there is none."""

    estimate: float
    low: float
    high: float

    def ends(self) -> list[float] | None:
        """Return the two ends; None where there is no interval."""
        return None if math.isnan(self.low) else [self.low, self.high]

    def to_json(self) -> dict[str, float | None]:
        """Return estimate, low and high as JSON values: None for what is infinite or not a number."""
        return {
            name: float(value) if math.isfinite(value) else None for name, value in self._asdict().items()
        }


def interval(
    values: np.ndarray,
    statistic: Callable[..., np.ndarray] = np.mean,
    level: float = LEVEL,
    resamples: int = SEED_RESAMPLES,
) -> tuple[float, float]:
    """Interval of a statistic over independent values, such as seeds.

    Student's t for the mean of fewer than 20; else a bootstrap, bias-corrected and accelerated (Efron 1987),
    or the percentile interval where that is undefined. The resampling seed is fixed, so the same values give
    the same interval.

    Parameters
    ----------
    values : ndarray of float64, shape (seeds,)
        Finite; fewer than two give the interval (-inf, inf).
    statistic
        A function with an ``axis`` argument.
    level
        Confidence level.

    Returns
    -------
    tuple of float
        Lower and upper end.
    """
    values = np.asarray(values, np.float64)
    if len(values) < 2:
        return -np.inf, np.inf
    if np.ptp(values) == 0.0:
        return float(values[0]), float(values[0])
    if statistic is np.mean and len(values) < FEW_SEEDS:
        return mean_interval(values, level)[1:]
    from scipy.stats import bootstrap  # slow to load, so only where it is needed

    ends = (np.nan, np.nan)
    for method in ("BCa", "percentile"):
        result = bootstrap(
            (values,),
            statistic,
            confidence_level=level,
            n_resamples=resamples,
            method=method,
            rng=np.random.default_rng(0),
            vectorized=True,
        )
        ends = (float(result.confidence_interval.low), float(result.confidence_interval.high))
        if np.isfinite(ends).all():
            break
    return ends


def share_interval(successes: int, trials: int, level: float = LEVEL) -> tuple[float, float]:
    """Exact interval of a share (Clopper and Pearson 1934), by scipy; (0, 1) without a trial."""
    from scipy.special import betaincinv

    right, wrong, tail = int(successes), int(trials) - int(successes), (1 - level) / 2
    low = float(betaincinv(right, wrong + 1, tail)) if right else 0.0
    return low, float(betaincinv(right + 1, wrong, 1 - tail)) if wrong else 1.0


def student(tail: float, freedom: float) -> float:
    """Where Student's t leaves ``tail`` above it; not by ``scipy.stats``, which loads slowly."""
    from scipy.special import stdtrit

    return -float(stdtrit(freedom, tail))


def mean_interval(values: np.ndarray, level: float = LEVEL) -> Interval:
    """Mean of independent values with its interval by Student's t; infinite ends of a single value."""
    values = np.asarray(values, np.float64)
    mean, size = float(values.mean()), len(values)
    if size < 2:
        return Interval(mean, -np.inf, np.inf)
    half = float(student((1 - level) / 2, size - 1) * values.std(ddof=1) / np.sqrt(size))
    return Interval(mean, mean - half, mean + half)


def jackknife(values: np.ndarray, statistic: Callable[[np.ndarray], float], level: float = LEVEL) -> Interval:
    """Interval of a smooth statistic of few independent rows: leave one out, by Student's t (Tukey 1958).

    Of an exponent over six seeds it holds the truth in nine cases of ten or more, where percentiles of a
    bootstrap hold it in eight (``docs/intervals.md``). Not for medians, which are not smooth.

    Parameters
    ----------
    values : ndarray of float64, shape (seeds, ...)
    statistic
        A function of such rows, such as one of their mean.
    level
        Confidence level.

    Returns
    -------
    Interval
        About the statistic of all rows; infinite ends of a single row.
    """
    estimate, rows = float(statistic(values)), len(values)
    if rows < 2:
        return Interval(estimate, -np.inf, np.inf)
    others = np.array([statistic(np.delete(values, row, axis=0)) for row in range(rows)])
    mean, _, high = mean_interval(rows * estimate - (rows - 1) * others, level)
    return Interval(estimate, estimate - (high - mean), estimate + (high - mean))


def standard_error(values: np.ndarray) -> np.ndarray:
    """Standard error of the mean along the last axis; NaN of fewer than two values."""
    size = values.shape[-1]
    return values.std(axis=-1, ddof=1) / np.sqrt(size) if size > 1 else np.full(values.shape[:-1], np.nan)


def share_half_width(trials: float, level: float = LEVEL) -> float:
    """Half the width of the interval of a share near one half, by the normal distribution."""
    return NormalDist().inv_cdf((1 + level) / 2) * math.sqrt(0.25 / trials)


def trials_for(half_width: float, level: float = LEVEL) -> float:
    """How many trials tell a share near one half to ± ``half_width``: the inverse of the above."""
    return 0.25 * (NormalDist().inv_cdf((1 + level) / 2) / half_width) ** 2


def central(draws: np.ndarray, level: float = LEVEL, method: str = "linear") -> tuple[float, float]:
    """Ends between which the central share ``level`` of the draws lies."""
    tail = (1 - level) / 2
    low, high = np.quantile(draws, [tail, 1 - tail], method=method)  # type: ignore[call-overload]
    return float(low), float(high)


def percentiles(estimate: float, draws: np.ndarray, level: float = LEVEL) -> Interval:
    """Make a percentile interval; draws that are NaN are left out, infinite ones kept.

    Fewer than half the draws left, and there is no interval: both ends are NaN.
    """
    kept = draws[~np.isnan(draws)]
    if 2 * len(kept) < len(draws) or not len(kept):
        return Interval(estimate, np.nan, np.nan)
    return Interval(estimate, *central(kept, level, "nearest"))  # nearest: no mean of infinities


def for_few(found: Interval, items: int, level: float = LEVEL) -> Interval:
    """Widen a percentile interval of the bootstrap, which of few items (problems) is too narrow.

    Its spread is that of a mean over ``items`` values whose deviation is divided by ``items`` and not by one
    less, and its ends are those of a normal distribution and not of Student's t: of 8 items it is 1.29 times
    too narrow. Hesterberg, What Teachers Should Know about the Bootstrap (2015), section 3.2.
    """
    tail = (1 - level) / 2
    factor = student(tail, items - 1) / NormalDist().inv_cdf(1 - tail) * (items / (items - 1)) ** 0.5
    middle = found.estimate
    return Interval(middle, middle - factor * (middle - found.low), middle + factor * (found.high - middle))


def resampled(items: int, draws: int = RESAMPLES, seed: int = 0) -> np.ndarray:
    """Draw items (problems) with replacement: the bootstrap.

    Returns
    -------
    ndarray of float64, shape (items, draws)
        How often each item was drawn.
    """
    generator = np.random.default_rng(seed)
    return generator.multinomial(items, np.full(items, 1 / items), draws).T.astype(np.float64)


def resampled_groups(
    groups: Iterable[np.ndarray], draws: int = SEED_RESAMPLES, seed: int = 0
) -> list[np.ndarray]:
    """Draw values with replacement, within each group: the bootstrap of groups of seeds.

    Returns
    -------
    list of ndarray, each of shape (draws, values of the group)
    """
    generator = np.random.default_rng(seed)
    return [generator.choice(values, (draws, len(values))) for values in groups]


def halves(items: int, draws: int = RESAMPLES, seed: int = 0) -> np.ndarray:
    """Draw random halves; the complement is the other half.

    A statistic of random halves (without replacement) spreads over the draws as one of the whole
    spreads over samples (half-sample replication), so its percentiles are a confidence interval.

    Returns
    -------
    ndarray of bool, shape (items, draws)
    """
    order = np.random.default_rng(seed).random((items, draws)).argsort(axis=0)
    return order < items // 2


def visit_halves(visited: np.ndarray, draws: int = RESAMPLES, seed: int = 0) -> np.ndarray:
    """Draw random halves of the visits of few problems; the visits that are left are the other half.

    Two successive visits of a problem are a pair (from the last one on), of which either goes into each half:
    so neither half has other problems or other times than the other.

    Parameters
    ----------
    visited : ndarray of bool, shape (rows, problems)
        Whether a problem was visited in a row.

    Returns
    -------
    ndarray of bool, shape (rows, problems, draws)
        What is true where nothing was visited means nothing.
    """
    number = np.cumsum(visited[::-1], axis=0)[::-1] - visited
    shape = (int(number.max(initial=0)) // 2 + 1, visited.shape[1], draws)
    swapped = np.random.default_rng(seed).random(shape) < 0.5
    drawn: np.ndarray = swapped[number // 2, np.arange(visited.shape[1])] ^ (number % 2 == 1)[..., None]
    return drawn


def few_interval(drawn: np.ndarray, pairs: float, level: float = LEVEL) -> Interval:
    """Make an interval of a statistic of halves of few visits, by Student's t.

    Parameters
    ----------
    drawn : ndarray, shape (draws,)
        Not a number where it could not be told.
    pairs
        Pairs of visits that the halves were drawn from; with fewer than one there is no interval.
    """
    known = drawn[np.isfinite(drawn)]
    if 2 * len(known) < len(drawn) or not len(known):
        return Interval(float("nan"), float("nan"), float("nan"))
    mean = float(known.mean())
    if pairs < 1:
        return Interval(mean, float("nan"), float("nan"))
    half = float(student((1 - level) / 2, int(pairs)) * known.std())
    return Interval(mean, mean - half, mean + half)
