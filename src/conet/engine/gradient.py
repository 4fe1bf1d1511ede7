"""Gradients of logits, and how to build one from walks."""

from dataclasses import dataclass
from typing import NamedTuple
from weakref import WeakKeyDictionary, ref

import numpy as np

from conet.engine import kernels
from conet.engine.sample import Walks
from conet.engine.tables import TablePolicy


@dataclass(frozen=True)
class Gradient:
    """The ascent direction of the logits.

    Attributes
    ----------
    values : ndarray of float64, shape (edges,)
        Zero outside the edges of ``rows``. Read-only where :func:`from_walks` made it.
    rows : ndarray of int32, shape (touched nodes,)
        Nodes whose edges have a gradient; each once; ascending is fastest.
    """

    values: np.ndarray
    rows: np.ndarray


class _Lent(NamedTuple):
    """Memory of a policy's last gradient, and whether anyone still sees it."""

    values: np.ndarray
    seen: np.ndarray
    rows: np.ndarray
    view: "ref[np.ndarray]"


_LENT: "WeakKeyDictionary[TablePolicy, _Lent]" = WeakKeyDictionary()


class NotFinite(ValueError):
    """Weights that are NaN or infinite: a division by zero, or a policy that a step was too long for."""


def from_walks(policy: TablePolicy, walks: Walks, weights: np.ndarray) -> Gradient:
    """Add up weight · ∇ log π over walks: the usual way to make a learner's gradient.

    Parameters
    ----------
    policy
        Where the gradient is taken (the walks may come from an earlier policy).
    walks
        The recorded walks.
    weights : ndarray of float64, shape (walks,) or (walks, max_length)
        One a walk, or one a step; entries beyond a walk's length are ignored.

    Raises
    ------
    ValueError
        When the shape fits neither, or a used weight is not finite.
    """
    weights = np.ascontiguousarray(weights, np.float64)
    if weights.shape not in (walks.length.shape, walks.edges.shape):
        shapes = f"{walks.length.shape} or {walks.edges.shape}"
        raise ValueError(f"got weights of shape {weights.shape}, expected {shapes}")
    per_step = weights.ndim == 2
    if not np.isfinite(weights[walks.used()] if per_step else weights).all():
        raise NotFinite("got weights that are not finite")
    graph = policy.graph
    values, seen = _zeros(policy)
    rows = np.empty(min(walks.steps, graph.nodes), np.int32)
    count = kernels.accumulate(
        walks.starts,
        walks.edges,
        walks.length,
        weights.reshape(-1),
        per_step,
        policy.records,
        values,
        seen,
        rows,
    )
    touched = np.sort(rows[:count])  # memory is then passed in order, which is thrice as fast at 10⁶ nodes
    kernels.finish_rows(touched, graph.offsets, policy.probability, values)
    # A buffer's view, not a slice: slices of it keep it alive, and nobody can make it writeable.
    view = np.frombuffer(values.data.toreadonly())
    _LENT[policy] = _Lent(values, seen, touched.copy(), ref(view))
    return Gradient(view, touched)


def visits(policy: TablePolicy, walks: Walks) -> tuple[np.ndarray, np.ndarray]:
    """Count how often walks leave each node.

    Returns
    -------
    counts : ndarray of float64, shape (nodes,)
    rows : ndarray of int32
        The nodes that are left at all, ascending.
    """
    counts = np.zeros(policy.graph.nodes)
    rows = np.empty(min(walks.steps, policy.graph.nodes), np.int32)
    found = kernels.count_visits(walks.starts, walks.edges, walks.length, policy.records, counts, rows)
    return counts, np.sort(rows[:found])


def with_entropy(policy: TablePolicy, gradient: Gradient, weights: np.ndarray, rows: np.ndarray) -> Gradient:
    """Add Σ weight · ∇H(π(· | node)) to a gradient, H in nats.

    The weights do not change with the policy: the entropy where walks choose is raised, not the number of
    choices.

    Parameters
    ----------
    policy, gradient
        What :func:`from_walks` made last for this policy is added to in place; any other is copied.
    weights : ndarray of float64, shape (nodes,)
        Of the entropy of each node.
    rows : ndarray of int32
        The nodes whose weight counts, ascending.
    """
    lent = _LENT.get(policy)
    ours = lent is not None and lent.view() is gradient.values
    values = lent.values if lent is not None and ours else np.array(gradient.values)
    graph = policy.graph
    kernels.add_entropy(rows, graph.offsets, policy.logits, policy.probability, weights, values)
    known = np.zeros(graph.nodes, np.bool_)
    known[rows] = True
    touched = rows if known[gradient.rows].all() else np.union1d(gradient.rows, rows).astype(np.int32)
    if lent is not None and ours:
        _LENT[policy] = lent._replace(rows=touched.copy())
    return Gradient(gradient.values if ours else values, touched)


def _zeros(policy: TablePolicy) -> tuple[np.ndarray, np.ndarray]:
    """Zeros, one an edge and one a node: those of the policy's last gradient if nobody has it any more.

    The system clears fresh memory in large pages, however few rows are used; at 10⁶ nodes that took
    longer than the rest of an update with few rows.
    """
    last = _LENT.pop(policy, None)
    if last is None or last.view() is not None:
        return np.zeros(policy.graph.edges), np.zeros(policy.graph.nodes, np.uint8)
    kernels.clear_rows(last.rows, policy.graph.offsets, last.values)
    last.seen[last.rows] = 0
    return last.values, last.seen


def norm(policy: TablePolicy, gradient: Gradient) -> float:
    """Euclidean norm of a gradient; costs in proportion to its rows."""
    return float(np.sqrt(kernels.square_sum(gradient.rows, policy.graph.offsets, gradient.values)))
