"""Gradients of logits, and how to build one from walks."""

from dataclasses import dataclass

import numpy as np

from conet.engine import kernels
from conet.engine.sample import Walks
from conet.engine.tables import Policy


@dataclass(frozen=True)
class Gradient:
    """The ascent direction of the logits.

    Attributes
    ----------
    values : ndarray of float64, shape (edges,)
        Zero outside the edges of ``rows``.
    rows : ndarray of int32, shape (touched nodes,)
        Nodes whose edges have a gradient; each once; ascending is fastest.
    """

    values: np.ndarray
    rows: np.ndarray


def from_walks(policy: Policy, walks: Walks, weights: np.ndarray) -> Gradient:
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
        raise ValueError("got weights that are not finite; check the learner's division by zero")
    graph = policy.graph
    values, seen = np.zeros(graph.edges), np.zeros(graph.nodes, np.uint8)
    rows = np.empty(min(walks.steps, graph.nodes), np.int32)
    count = kernels.accumulate(
        walks.starts, walks.edges, walks.length, weights.reshape(-1), per_step, policy.records,
        values, seen, rows,
    )  # fmt: skip
    touched = np.sort(rows[:count])  # memory is then passed in order, which is thrice as fast at 10⁶ nodes
    kernels.finish_rows(touched, graph.offsets, policy.probability, values)
    return Gradient(values, touched)


def norm(policy: Policy, gradient: Gradient) -> float:
    """Euclidean norm of a gradient; costs in proportion to its rows."""
    return float(np.sqrt(kernels.square_sum(gradient.rows, policy.graph.offsets, gradient.values)))
