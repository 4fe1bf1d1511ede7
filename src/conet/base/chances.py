"""How likely a row of a table is by chance, and the correction for how many rows there are."""

import math
from collections.abc import Callable
from statistics import NormalDist

import numpy as np

from conet.base.intervals import FEW_SEEDS, LEVEL, SEED_RESAMPLES, standard_error, student


def two_sided(values: np.ndarray, threshold: float, statistic: Callable[..., np.ndarray] = np.mean) -> float:
    """Return the two-sided p-value of a statistic over seeds against a threshold.

    Student's t for a mean of fewer than 20 values, else twice the share of a bootstrap's draws beyond the
    threshold: what :func:`conet.base.intervals.interval` takes for its ends, but for the bias correction.

    Parameters
    ----------
    values : ndarray of float64, shape (seeds,)
        Finite; fewer than two, or values that are all alike, give 1 and 0.

    Returns
    -------
    float
        Not below one over the number of draws.
    """
    if len(values) < 2:
        return 1.0
    if np.ptp(values) == 0.0:
        return float(values[0] == threshold)
    if statistic is np.mean and len(values) < FEW_SEEDS:
        return 2.0 * _beyond(float(abs(values.mean() - threshold) / standard_error(values)), len(values) - 1)
    drawn = np.random.default_rng(0).choice(values, (SEED_RESAMPLES, len(values)))
    found = np.asarray(statistic(drawn, axis=-1))
    tail = 1 + min(int((found <= threshold).sum()), int((found >= threshold).sum()))
    return min(1.0, 2.0 * tail / (SEED_RESAMPLES + 1))


def from_interval(
    estimate: float, ends: tuple[float, float], threshold: float, seeds: int = FEW_SEEDS
) -> float:
    """Return the two-sided p-value of an estimate that has its interval already.

    The half of the interval on the threshold's side counts as 1.96 standard errors; of fewer than 20 seeds,
    whose intervals are Student's t, as many as that has.

    Parameters
    ----------
    ends : tuple of float
        Of the 95 % interval.
    seeds
        How many the interval comes from; fewer than two give 1.

    Returns
    -------
    float
        1 where there is no interval.
    """
    low, high = ends
    half = estimate - low if threshold < estimate else high - estimate
    if not math.isfinite(half) or not math.isfinite(estimate):
        return 1.0
    if half <= 0.0:
        return float(estimate == threshold)
    if seeds < 2:
        return 1.0
    share = abs(estimate - threshold) / half
    if seeds < FEW_SEEDS:
        return 2.0 * _beyond(share * student((1 - LEVEL) / 2, seeds - 1), seeds - 1)
    normal = NormalDist()
    return 2.0 * normal.cdf(-share * normal.inv_cdf((1 + LEVEL) / 2))


def _beyond(errors: float, freedom: float) -> float:
    """Share of Student's t above so many standard errors."""
    from scipy.special import stdtr  # scipy.stats, which has the test by name, loads slowly

    return float(stdtr(freedom, -errors))


def holm(chances: np.ndarray) -> np.ndarray:
    """Return p-values adjusted for their number, by Holm's step-down rule (1979)."""
    order = np.argsort(chances, kind="stable")
    steps = np.maximum.accumulate((len(chances) - np.arange(len(chances))) * chances[order])
    found = np.empty(len(chances))
    found[order] = np.minimum(1.0, steps)
    return found
