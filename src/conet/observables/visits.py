"""Accuracies in visits: where a problem is not drawn at every update, its visits are what counts."""

from collections.abc import Callable

import numpy as np

from conet.base.errors import ConetError

WINDOW_VISITS = 8  # of the window over which an accuracy is smoothed


def in_visits(accuracy: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Move the visits of each problem to the front of its column.

    Returns
    -------
    visits : ndarray of float64, shape (steps, problems)
        The accuracies in order, then NaN.
    order : ndarray of int64, shape (steps, problems)
        Step of each visit.
    """
    order = np.argsort(np.isnan(accuracy), axis=0, kind="stable")
    return np.take_along_axis(accuracy, order, axis=0), order


def smoothed(accuracy: np.ndarray, window: int = WINDOW_VISITS) -> np.ndarray:
    """Mean over the last ``window`` visits of a problem, this one included.

    Parameters
    ----------
    accuracy : ndarray of float64, shape (steps, problems)
        NaN where a problem was not visited.
    window : int
        Visits, at least 1.

    Returns
    -------
    ndarray of float64, shape (steps, problems)
        NaN where a problem was not visited, or fewer than ``window`` times so far.
    """
    return by_visits(lambda visits: trailing_mean(visits, window), accuracy)


def by_visits(function: Callable[[np.ndarray], np.ndarray], accuracy: np.ndarray) -> np.ndarray:
    """Apply a function of the visits, and put its result back at the steps of the visits."""
    if not np.isnan(accuracy).any():
        return function(accuracy)
    visits, order = in_visits(accuracy)
    result = np.empty_like(visits)
    np.put_along_axis(result, order, function(visits), axis=0)
    return result


def trailing_mean(visits: np.ndarray, window: int) -> np.ndarray:
    """Mean of the last ``window`` rows of what :func:`in_visits` returns; NaN before there are as many."""
    if window < 1:
        raise ConetError(f"a window of {window} visits", "at least 1", "enlarge it")
    means = np.full(visits.shape, np.nan)
    if len(visits) >= window:
        # The NaN after the last visit would spread through a running sum; only whole windows count.
        totals = np.cumsum(np.nan_to_num(visits), axis=0)
        totals[window:] -= totals[:-window].copy()
        # Rounded, so that a half is a half and equal accuracies are equal.
        means[window - 1 :] = np.round(totals[window - 1 :] / window, 12)
    return np.where(np.isnan(visits), np.nan, means)
