"""Frustration: how far the gradients of different problems cancel at the nodes they share.

The gradient of problem m at node i is the exact g_m(i) = ∇p_m/√(p_m(1-p_m)) over the edges of that
node, as GRPO weighs it, without the 1/M of the mean. Two problems *interfere* at a node where their
gradients oppose each other. Over all nodes the cancellation Σ_i (Σ_m |g_m(i)| - |Σ_m g_m(i)|) is
largest before anything is learned and only falls. Over the *committed* nodes, whose largest π is at or
above the threshold, it starts at zero, peaks together with the islands, and vanishes: that is the
frustration (our choice of order parameter; the paper gives no formula).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from conet.config.settings import WEB_THRESHOLD
from conet.engine.policy import Policy
from conet.engine.problem_gradients import gradient_norms, problem_gradients
from conet.engine.tables import TablePolicy
from conet.network.problems import Problems

_ROWS = 1024  # nodes whose single gradients are held at a time


@dataclass(frozen=True)
class Frustration:
    """Cancellation between problems.

    Attributes
    ----------
    cancellation : float
        Σ_i (Σ_m |g_m(i)| - |Σ_m g_m(i)|) over the committed nodes; Euclidean norms.
    share : float
        ``cancellation`` over Σ_i Σ_m |g_m(i)| at the committed nodes, 0 to 1; NaN where that is 0.
    everywhere : float
        The same sum over all nodes.
    committed : int
        How many nodes are committed.
    by_node : ndarray of float64, shape (nodes,)
        Cancellation at each node, committed or not.
    """

    cancellation: float
    share: float
    everywhere: float
    committed: int
    by_node: np.ndarray


@dataclass(frozen=True)
class InterferingPair:
    """Two problems whose gradients oppose each other at a node.

    Attributes
    ----------
    problem, other : int
        Indices of the problems, ``problem < other``.
    node : int
    interference : float
        -g_m(i) · g_n(i), positive.
    """

    problem: int
    other: int
    node: int
    interference: float


def committed_nodes(policy: Policy, threshold: float = WEB_THRESHOLD) -> np.ndarray:
    """Nodes whose likeliest edge has π ≥ threshold, int64, ascending."""
    return np.flatnonzero(np.maximum.reduceat(policy.probability, policy.graph.offsets[:-1]) >= threshold)


def frustration(
    policy: TablePolicy,
    problems: Problems,
    threshold: float = WEB_THRESHOLD,
    *,
    chosen: Iterable[int] | None = None,
    threads: int = 1,
) -> Frustration:
    """Measure the cancellation exactly, at the cost of one exact gradient.

    Parameters
    ----------
    policy, problems
        What walks, and from where to where.
    threshold
        From which largest π on a node is committed.
    chosen
        Indices of the problems among which to measure; all where absent.
    threads
        At most so many.
    """
    norms = gradient_norms(policy, problems, chosen=chosen, threads=threads)
    # Rounding can make the sum of norms smaller than the norm of the sum where nothing cancels.
    by_node = np.maximum(norms.sum_of_norms - norms.norm_of_sum, 0.0)
    committed = committed_nodes(policy, threshold)
    cancellation, total = float(by_node[committed].sum()), float(norms.sum_of_norms[committed].sum())
    share = cancellation / total if total > 0 else float("nan")
    return Frustration(cancellation, share, float(by_node.sum()), len(committed), by_node)


def interfering_pairs(
    policy: TablePolicy,
    problems: Problems,
    threshold: float = WEB_THRESHOLD,
    *,
    top: int = 10,
    chosen: Iterable[int] | None = None,
    threads: int = 1,
) -> list[InterferingPair]:
    """Find where two problems interfere most at one committed node.

    Parameters
    ----------
    policy, problems, threshold, chosen, threads
        As in :func:`frustration`.
    top
        How many to return at most, the largest interference first.
    """
    picked = np.arange(len(problems)) if chosen is None else np.array(list(chosen), np.int64)
    nodes = committed_nodes(policy, threshold)
    found: list[InterferingPair] = []
    for node, matrix in _interference(policy, problems, nodes, picked, threads):
        least = found[-1].interference if len(found) == top > 0 else 0.0
        for first, second in np.argwhere(np.triu(matrix) > least):
            problem, other = sorted((int(picked[first]), int(picked[second])))
            found.append(InterferingPair(problem, other, node, float(matrix[first, second])))
        found = sorted(found, key=lambda pair: (-pair.interference, pair.node, pair.problem, pair.other))[
            :top
        ]
    return found


def _interference(
    policy: TablePolicy, problems: Problems, nodes: np.ndarray, chosen: np.ndarray, threads: int
) -> Iterator[tuple[int, np.ndarray]]:
    """Yield each node with its max(0, -g_m · g_n), float64, shape (M, M)."""
    degrees = np.diff(policy.graph.offsets)
    for first in range(0, len(nodes), _ROWS):
        rows = nodes[first : first + _ROWS]
        gradients = problem_gradients(policy, problems, rows, chosen=chosen, threads=threads)
        bounds = np.cumsum(degrees[rows])[:-1]
        for node, block in zip(rows.tolist(), np.split(gradients, bounds)):
            yield node, np.maximum(-(block.T @ block), 0.0)
