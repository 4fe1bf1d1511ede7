"""The concept web: the edges of a policy that matter, as a graph of their own.

Three webs, which answer different questions. The *thresholded* web holds the edges of probability
π ≥ p* (what is committed to), the *argmax* web the best edge of every node, and the *traffic* web
every edge on a successful walk, whatever its probability (what is used).
"""

from collections.abc import Iterable

import numpy as np

from conet.config.settings import WEB_THRESHOLD
from conet.engine.policy import Policy
from conet.engine.sample import Walks
from conet.network import web_kernels as kernels
from conet.network.graph import Graph
from conet.network.web import Web

THRESHOLDS = tuple(round(0.1 * tenth, 1) for tenth in range(1, 10))


def threshold_edges(probability: np.ndarray, threshold: float) -> np.ndarray:
    """Return the ids of the edges with π ≥ threshold, ascending, int32."""
    edges = np.empty(len(probability), np.int32)
    return edges[: kernels.edges_above(probability, threshold, edges)].copy()


def threshold_web(policy: Policy, threshold: float = WEB_THRESHOLD) -> Web:
    """Return the web of all edges with π ≥ threshold; the weights are π. The default is our choice."""
    edges = threshold_edges(policy.probability, threshold)
    return Web.from_graph(policy.graph, edges, policy.probability[edges])


def argmax_web(policy: Policy) -> Web:
    """Return the web of the best edge of every node, π the weights; of equals the first counts."""
    best = np.empty(policy.graph.nodes, np.int32)
    kernels.best_edges(policy.graph.offsets, policy.probability, best)
    return Web.from_graph(policy.graph, best, policy.probability[best])


def traffic_counts(walks: Walks) -> tuple[np.ndarray, np.ndarray]:
    """Count how often successful walks use each edge.

    Returns
    -------
    edges : ndarray of int32
        Ids of the edges used at least once, ascending.
    counts : ndarray of int64
    """
    return np.unique(walks.edges[walks.used() & walks.correct[:, None]], return_counts=True)


def traffic_web(graph: Graph, walks: Walks) -> Web:
    """Return the web of all edges on successful walks, without a threshold.

    Its weights count the walks. It grows with their number, so state that number wherever it appears.
    """
    edges, counts = traffic_counts(walks)
    return Web.from_graph(graph, edges, counts.astype(np.float64))


def threshold_sensitivity(
    policy: Policy, questions: np.ndarray, thresholds: Iterable[float] = THRESHOLDS
) -> dict[str, np.ndarray]:
    """Describe the thresholded web over a range of thresholds.

    Returns
    -------
    dict
        ``threshold`` and every key of :meth:`~conet.network.web.Web.summary`, each an ndarray of
        float64, shape (thresholds,).
    """
    rows = [
        {"threshold": float(value)} | threshold_web(policy, value).summary(questions) for value in thresholds
    ]
    return {key: np.array([row[key] for row in rows], np.float64) for key in (rows[0] if rows else ())}
