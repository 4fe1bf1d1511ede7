"""How far the gradients of single problems fight, from those of one batch: interference and fighting pairs.

With g_m the gradient of problem m, *interference* is 1 - |Σ g_m| / Σ |g_m|: 0 where all point the same way, 1
where they cancel. M gradients at right angles have 1 - 1/√M already, so it says little without the *cosine*
Σ_{m≠n} g_m·g_n / Σ_{m≠n} |g_m| |g_n|, which is 0 there and negative where problems fight. (The formula of
interference is that of exact frustration, over one vector a problem instead of one a node; the rest is our
choice.)

A batch has few rollouts a problem. Products of different problems are free of bias, for their rollouts are
independent; the squares |g_m|² are too large by the noise. The corrected values take the products of
different rollouts of a problem alone. With rewards less the group's mean and h_i the part of rollout i of G,
the mean of Σ_{i≠j} h_i·h_j is ((G-1)² + 1) / (G (G-1)) times the square of the mean of Σ_i h_i. That is
exact where rewards are not divided by their deviation.
"""

from dataclasses import dataclass

import numpy as np

FIGHTS = 0.1  # two problems fight where their cosine is below -0.1 (our choice)
MOST_PAIRS = 3  # that are named


@dataclass(frozen=True, kw_only=True)
class Conflict:
    """What the gradients of a batch say.

    Attributes
    ----------
    problems : int
        Problems with a gradient; those whose rollouts were all right or all wrong have none.
    interference : float
        1 - |Σ g_m| / Σ |g_m| of the gradients as they were sampled, 0 to 1.
    corrected : float
        The same with squares corrected for the noise of few rollouts, kept within 0 and 1; NaN where noise is
        all there is.
    cosine : float
        Σ_{m≠n} g_m·g_n / Σ_{m≠n} |g_m| |g_n|; NaN with fewer than two problems.
    fighting : float
        Share of the pairs whose cosine is below -0.1; NaN with fewer than two problems.
    pairs : tuple of (int, int, float)
        Places of the problems that fight most, ``first < second``, with their cosine, most negative first.
    """

    problems: int
    interference: float
    corrected: float
    cosine: float
    fighting: float
    pairs: tuple[tuple[int, int, float], ...]


def conflict(sums: np.ndarray, squares: np.ndarray, counts: np.ndarray) -> Conflict | None:
    """Measure how far problems fight.

    Parameters
    ----------
    sums : ndarray of float, shape (problems, parameters)
        Σ_i h_i of each problem: its gradient, or a sketch of it that keeps inner products in the mean.
    squares : ndarray of float, shape (problems,)
        Σ_i |h_i|², the squares of the parts of its single rollouts.
    counts : ndarray of int, shape (problems,)
        Its rollouts.

    Returns
    -------
    Conflict or None
        None where no problem has a gradient, or one is not finite.
    """
    products = np.asarray(sums, np.float64) @ np.asarray(sums, np.float64).T
    if not np.isfinite(products).all():
        return None
    there = np.flatnonzero(products.diagonal() > 0)
    if not len(there):
        return None
    products, squares, counts = products[np.ix_(there, there)], squares[there], counts[there]
    norms = np.sqrt(products.diagonal())
    different = ~np.eye(len(there), dtype=bool)
    cosines = np.clip(products / np.outer(norms, norms), -1.0, 1.0)
    corrected = _corrected(products.diagonal(), squares, counts)
    among = float(products[different].sum())
    first, second = np.nonzero(np.triu(cosines < -FIGHTS, 1))
    order = np.argsort(cosines[first, second], kind="stable")[:MOST_PAIRS]
    pairs = [
        (int(there[first[at]]), int(there[second[at]]), float(cosines[first[at], second[at]])) for at in order
    ]
    several = len(there) > 1
    return Conflict(
        problems=len(there),
        interference=_interference(products.sum(), norms),
        corrected=_interference(among + corrected.sum(), np.sqrt(corrected.clip(0.0))),
        cosine=among / float(np.outer(norms, norms)[different].sum()) if several else float("nan"),
        fighting=2 * len(first) / int(different.sum()) if several else float("nan"),
        pairs=tuple(pairs),
    )


def _interference(square_of_sum: float, norms: np.ndarray) -> float:
    """Return 1 - |Σ g_m| / Σ |g_m|, within 0 and 1, which rounding and correction may leave."""
    total = float(norms.sum())
    return (
        float(np.clip(1 - np.sqrt(max(square_of_sum, 0.0)) / total, 0.0, 1.0)) if total > 0 else float("nan")
    )


def _corrected(whole: np.ndarray, squares: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Return |g_m|² without the noise of few rollouts; of a single rollout as it is."""
    others = np.maximum(counts - 1, 1)
    return np.where(counts > 1, (whole - squares) * counts * others / (others**2 + 1.0), whole)
