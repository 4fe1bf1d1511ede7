"""pass@k, and verl's best@k, which is another thing."""

from collections.abc import Iterable

import numpy as np

from conet.base.errors import ConetError


def pass_at_k(correct_counts: np.ndarray, n: int | np.ndarray, k: int) -> np.ndarray:
    """Estimate the chance that at least one of k samples is right: 1 - C(n-c, k) / C(n, k).

    Unbiased (Chen et al. 2021, arXiv 2107.03374). The ratio of binomials is built up as a product of
    factors between 0 and 1, so nothing overflows or cancels.

    Parameters
    ----------
    correct_counts : ndarray of int, shape (problems,)
        Right samples c of each problem.
    n : int, or ndarray of int of shape (problems,)
        Samples of each problem.
    k : int
        1 to the smallest n.

    Returns
    -------
    ndarray of float64, shape (problems,)

    Raises
    ------
    ConetError
        When k is not within 1 to n, or a count not within 0 to n.
    """
    counts, samples = _checked(correct_counts, n)
    if k < 1 or (samples.size and k > samples.min()):
        most = samples.min() if samples.size else 0
        got = f"k={k} with {most} samples a problem"
        raise ConetError(got, f"1 to {most}", "draw more samples or lower k")
    result = np.empty(counts.shape)
    for size in np.unique(samples):
        chosen = samples == size
        result[chosen] = _pass_table(int(size), k)[counts[chosen]]
    return result


def mean_pass_at_k(correct_counts: np.ndarray, n: int | np.ndarray, ks: Iterable[int]) -> dict[int, float]:
    """Average :func:`pass_at_k` over problems, for each k."""
    return {int(k): float(pass_at_k(correct_counts, n, int(k)).mean()) for k in ks}


def best_at_k(correct_counts: np.ndarray, n: int | np.ndarray, k: int) -> np.ndarray:
    """Return verl's best@k for rewards 0 and 1: k samples drawn *with* replacement from the n.

    Its expectation is 1 - (1 - c/n)^k exactly, so none of the resampling is needed. As an estimate of
    the chance that one of k new samples is right it is biased low; pass@k is not.

    Parameters
    ----------
    correct_counts : ndarray of int, shape (problems,)
    n : int, or ndarray of int of shape (problems,)
    k : int
        At least 1; may exceed n.

    Returns
    -------
    ndarray of float64, shape (problems,)
    """
    counts, samples = _checked(correct_counts, n)
    if k < 1:
        raise ConetError(f"k={k}", "at least 1", "raise k")
    with np.errstate(divide="ignore"):
        return -np.expm1(k * np.log1p(-counts / samples))


def powers_of_two(n: int) -> list[int]:
    """List 1, 2, 4, … up to n: the usual places of a pass@k curve."""
    return [2**power for power in range(max(0, int(n)).bit_length())]


def _pass_table(n: int, k: int) -> np.ndarray:
    """Return pass@k for c = 0 … n: C(n-c-1, k) / C(n-c, k) = (n-c-k) / (n-c)."""
    left = np.arange(n, 0, -1)
    return np.concatenate([[0.0], 1.0 - np.cumprod(np.maximum(left - k, 0) / left)])


def _checked(correct_counts: np.ndarray, n: int | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    counts = np.asarray(correct_counts)
    if counts.size and not np.issubdtype(counts.dtype, np.integer):
        raise ConetError(f"counts of type {counts.dtype}", "whole numbers", "pass how many are right")
    counts = counts.astype(np.int64)
    samples = np.broadcast_to(np.asarray(n, np.int64), counts.shape)
    wrong = (counts < 0) | (counts > samples) | (samples < 1)
    if wrong.any():
        got = f"{counts[wrong][0]} right of {samples[wrong][0]} samples"
        raise ConetError(got, "0 to n right, and n of at least 1", "check the counts")
    return counts, samples
