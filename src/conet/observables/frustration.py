"""Frustration: how far the pulls of different questions cancel at the nodes they share.

The pull of question m at node i is its exact gradient g_m(i) = ∇p_m/√(p_m(1-p_m)) over the edges of
that node, as GRPO weighs it, without the 1/M of the mean. Over all nodes the cancellation
Σ_i (Σ_m |g_m(i)| - |Σ_m g_m(i)|) is largest before anything is learned and only falls. Over the
*committed* nodes, whose largest π is at or above the threshold, it starts at zero, peaks together
with the islands, and vanishes (our choice of order parameter; the paper gives no formula).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from conet.engine.problem_gradients import pulls, question_gradients
from conet.engine.tables import TablePolicy
from conet.network.problems import Problems

_ROWS = 1024  # nodes whose single gradients are held at a time


@dataclass(frozen=True)
class Frustration:
    """Cancellation between questions.

    Attributes
    ----------
    cancellation : float
        Σ_i (Σ_m |g_m(i)| - |Σ_m g_m(i)|) over the committed nodes; Euclidean norms.
    share : float
        ``cancellation`` over Σ_i Σ_m |g_m(i)| at the committed nodes, 0 to 1; NaN where nothing pulls.
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
class Fight:
    """Two questions that pull apart at a node.

    Attributes
    ----------
    problem, rival : int
        Indices of the questions, ``problem < rival``.
    node : int
    strength : float
        -g_m(i) · g_n(i), positive.
    """

    problem: int
    rival: int
    node: int
    strength: float


def committed_nodes(policy: TablePolicy, threshold: float = 0.3) -> np.ndarray:
    """Nodes whose likeliest edge has π ≥ threshold, int64, ascending."""
    return np.flatnonzero(np.maximum.reduceat(policy.probability, policy.graph.offsets[:-1]) >= threshold)


def frustration(
    policy: TablePolicy,
    tasks: Problems,
    threshold: float = 0.3,
    *,
    problems: Iterable[int] | None = None,
    threads: int = 1,
) -> Frustration:
    """Measure the cancellation exactly, at the cost of one exact gradient.

    Parameters
    ----------
    policy, tasks
        What walks, and from where to where.
    threshold
        From which largest π on a node is committed.
    problems
        Indices of the questions among which to measure; all where absent.
    threads
        At most so many.
    """
    force = pulls(policy, tasks, problems=problems, threads=threads)
    # Rounding can make the sum of norms smaller than the norm of the sum where nothing cancels.
    by_node = np.maximum(force.alone - force.together, 0.0)
    committed = committed_nodes(policy, threshold)
    cancellation, pulling = float(by_node[committed].sum()), float(force.alone[committed].sum())
    share = cancellation / pulling if pulling > 0 else float("nan")
    return Frustration(cancellation, share, float(by_node.sum()), len(committed), by_node)


def conflict_matrix(
    policy: TablePolicy,
    tasks: Problems,
    threshold: float = 0.3,
    *,
    problems: Iterable[int] | None = None,
    threads: int = 1,
) -> np.ndarray:
    """Which questions fight: Σ over the committed nodes of max(0, -g_m(i) · g_n(i)).

    Parameters
    ----------
    policy, tasks, threshold, problems, threads
        As in :func:`frustration`.

    Returns
    -------
    ndarray of float64, shape (M, M)
        Symmetric, zero on the diagonal; M is the number of ``problems``.
    """
    chosen = _chosen(tasks, problems)
    total = np.zeros((len(chosen), len(chosen)))
    for _, conflict in _conflicts(policy, tasks, committed_nodes(policy, threshold), chosen, threads):
        total += conflict
    return total


def fights(
    policy: TablePolicy,
    tasks: Problems,
    threshold: float = 0.3,
    *,
    top: int = 10,
    problems: Iterable[int] | None = None,
    threads: int = 1,
) -> list[Fight]:
    """Find the strongest fights between two questions at one committed node.

    Parameters
    ----------
    policy, tasks, threshold, problems, threads
        As in :func:`frustration`.
    top
        How many to return at most, the strongest first.
    """
    chosen = _chosen(tasks, problems)
    found: list[Fight] = []
    for node, conflict in _conflicts(policy, tasks, committed_nodes(policy, threshold), chosen, threads):
        weakest = found[-1].strength if len(found) == top > 0 else 0.0
        for first, second in np.argwhere(np.triu(conflict) > weakest):
            problem, rival = sorted((int(chosen[first]), int(chosen[second])))
            found.append(Fight(problem, rival, node, float(conflict[first, second])))
        found = sorted(found, key=lambda fight: (-fight.strength, fight.node, fight.problem, fight.rival))[
            :top
        ]
    return found


def _chosen(tasks: Problems, problems: Iterable[int] | None) -> np.ndarray:
    return np.arange(len(tasks)) if problems is None else np.array(list(problems), np.int64)


def _conflicts(
    policy: TablePolicy, tasks: Problems, nodes: np.ndarray, problems: np.ndarray, threads: int
) -> Iterator[tuple[int, np.ndarray]]:
    """Yield each node with its max(0, -g_m · g_n), float64, shape (M, M)."""
    degrees = np.diff(policy.graph.offsets)
    for first in range(0, len(nodes), _ROWS):
        rows = nodes[first : first + _ROWS]
        gradients = question_gradients(policy, tasks, rows, problems=problems, threads=threads)
        bounds = np.cumsum(degrees[rows])[:-1]
        for node, block in zip(rows.tolist(), np.split(gradients, bounds)):
            yield node, np.maximum(-(block.T @ block), 0.0)
