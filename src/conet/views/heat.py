"""Accuracy of each problem in bins of steps, in the order in which each first reaches one half."""

import numpy as np

from conet.observables.length import SOLVED

BINS = 200  # at most so many columns
ROLLOUTS_A_BIN = (
    24  # rollouts of a problem that a bin should hold at least, or chance alone would reach one half
)
ROWS = 400  # at most so many rows


def binned_accuracy(correct: np.ndarray, samples: np.ndarray) -> tuple[np.ndarray, int]:
    """Accuracy in bins of equally many steps.

    Parameters
    ----------
    correct, samples : ndarray, shape (steps, problems)

    Returns
    -------
    accuracy : ndarray of float64, shape (problems, bins)
        NaN where a bin holds no rollout of the problem.
    width : int
        Steps a bin.
    """
    steps = len(samples)
    rollouts = max(1, int(samples.max(initial=1)))
    width = min(steps, max(-(-steps // BINS), -(-ROLLOUTS_A_BIN // rollouts)))
    starts = np.arange(0, steps, width)
    correct = np.add.reduceat(correct, starts, axis=0).T
    samples = np.add.reduceat(samples, starts, axis=0).T
    return np.divide(correct, samples, out=np.full(correct.shape, np.nan), where=samples > 0), width


def by_first_half(accuracy: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sort problems by the bin in which each first reaches an accuracy of one half, the more accurate first.

    Returns
    -------
    order : ndarray of int, shape (problems,)
    first : ndarray of float64, shape (problems,)
        The bin, in the old order; inf for a problem that never does.
    """
    first = first_half(accuracy)
    return np.lexsort((-np.nan_to_num(accuracy).mean(axis=1), first)), first


def first_half(accuracy: np.ndarray) -> np.ndarray:
    """Bin in which each problem first reaches one half, float64, shape (problems,); inf where never."""
    there = accuracy >= SOLVED
    return np.where(there.any(axis=1), there.argmax(axis=1), np.inf)


def grouped(rows: np.ndarray) -> tuple[np.ndarray, int]:
    """Average neighbouring rows where there are more than can be drawn; says how many make one."""
    size = -(-len(rows) // ROWS)
    if size <= 1:
        return rows, 1
    starts = np.arange(0, len(rows), size)
    known = np.isfinite(rows)
    total = np.add.reduceat(np.where(known, rows, 0), starts, axis=0)
    count = np.add.reduceat(known, starts, axis=0)
    return np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0), size


def never_half(first: np.ndarray) -> str:
    """Say how many problems never reached an accuracy of one half."""
    count = int(np.isinf(first).sum())
    if not count:
        return "Every problem reached an accuracy of one half at some time."
    return f"{count} of {len(first)} problems never reached an accuracy of one half (bottom rows)."
