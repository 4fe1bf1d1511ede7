"""How far two groupings of the same things agree."""

import numpy as np


def adjusted_rand_index(one: np.ndarray, other: np.ndarray) -> float:
    """Return the adjusted Rand index of two groupings (Hubert and Arabie 1985): 1 for the same, 0 for chance.

    Parameters
    ----------
    one, other : ndarray of int, shape (things,)
        Group of each thing.
    """
    pairs = _pairs(np.unique(np.stack([one, other]), axis=1, return_counts=True)[1])
    left, right = (_pairs(np.unique(side, return_counts=True)[1]) for side in (one, other))
    every = len(one) * (len(one) - 1) / 2
    expected = left * right / every if every else 0.0
    most = (left + right) / 2
    return 1.0 if most == expected else float((pairs - expected) / (most - expected))


def _pairs(counts: np.ndarray) -> float:
    return float((counts * (counts - 1) / 2).sum())
