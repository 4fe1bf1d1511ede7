"""Intervals over seeds: the unit of statistics is the seed."""

from collections.abc import Callable

import numpy as np


def interval(
    values: np.ndarray,
    statistic: Callable[..., np.ndarray] = np.mean,
    level: float = 0.95,
    resamples: int = 9999,
) -> tuple[float, float]:
    """Bootstrap interval of a statistic over independent values.

    Bias-corrected and accelerated (Efron 1987); where that is undefined, as for values that are all
    alike, the percentile interval. The resampling seed is fixed, so the same values give the same
    interval.

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
    from scipy.stats import bootstrap

    values = np.asarray(values, np.float64)
    if len(values) < 2:
        return -np.inf, np.inf
    if np.ptp(values) == 0.0:
        return float(values[0]), float(values[0])
    ends = (np.nan, np.nan)
    for method in ("BCa", "percentile"):
        result = bootstrap(
            (values,), statistic, confidence_level=level, n_resamples=resamples, method=method,
            rng=np.random.default_rng(0), vectorized=True,
        )  # fmt: skip
        ends = (float(result.confidence_interval.low), float(result.confidence_interval.high))
        if np.isfinite(ends).all():
            break
    return ends
