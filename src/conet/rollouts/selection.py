"""Which problems to heat on and which rollout to demonstrate: the one place, for walks and language models."""

from typing import Literal

import numpy as np

Pick = Literal["shortest", "first", "newest", "random"]


def hard_problems(
    correct: np.ndarray, samples: np.ndarray, below: float = 0.1, at_least: int = 64
) -> np.ndarray:
    """Select the problems that are nearly lost: rarely solved, but not never.

    Parameters
    ----------
    correct, samples : ndarray of int, shape (problems,)
        Correct samples and samples of each problem.
    below
        Accuracy threshold; a problem qualifies strictly below it (0.1 in the paper).
    at_least
        Fewest samples on which a problem can qualify (our choice; with 8 the smallest non-zero
        accuracy is 0.125, so no problem could).

    Returns
    -------
    ndarray of int
        Indices of the problems.
    """
    accuracy = correct / np.maximum(samples, 1)
    return np.flatnonzero((samples >= at_least) & (correct >= 1) & (accuracy < below))


def choose(
    candidates: np.ndarray, length: np.ndarray, order: np.ndarray, pick: Pick, rng: np.random.Generator
) -> int:
    """Choose which correct sample of one problem to teach.

    Parameters
    ----------
    candidates : ndarray of int
        Indices of the problem's correct samples; at least one.
    length, order : ndarray
        Length of every sample, and when it was drawn (larger is newer).
    pick
        "shortest" (ties: the earliest), "first", "newest" or "random".
    rng
        Used by "random" alone.
    """
    if pick == "random":
        return int(rng.choice(candidates))
    keys = {
        "shortest": (order[candidates], length[candidates]),
        "first": (order[candidates],),
        "newest": (-order[candidates],),
    }
    return int(candidates[np.lexsort(keys[pick])[0]])
