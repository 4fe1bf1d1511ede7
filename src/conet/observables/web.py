"""The concept web: the edges of a policy that matter, as a graph of their own.

Three webs, which answer different questions. The *thresholded* web holds the edges of probability
π ≥ p* (what is committed to), the *argmax* web the best edge of every node, and the *traffic* web
every edge on a successful walk, whatever its probability (what is used).
"""

import numpy as np

from conet.engine.sample import Walks
from conet.engine.tables import Policy
from conet.network import web_kernels as kernels
from conet.network.web import Web


def threshold_edges(probability: np.ndarray, threshold: float) -> np.ndarray:
    """Return the ids of the edges with π ≥ threshold, ascending, int32."""
    edges = np.empty(len(probability), np.int32)
    return edges[: kernels.edges_above(probability, threshold, edges)].copy()


def edges_web(policy: Policy, edges: np.ndarray) -> Web:
    """Return the web of the given edge ids (int32; ascending ids are fastest)."""
    sources = np.empty(len(edges), np.int32)
    kernels.edge_sources(edges, policy.graph.offsets, sources)
    return Web(sources, policy.graph.targets[edges].astype(np.int32), edges, policy.graph.nodes)


def threshold_web(policy: Policy, threshold: float = 0.3) -> Web:
    """Return the web of all edges with π ≥ threshold (0.3: our choice, the paper states none)."""
    return edges_web(policy, threshold_edges(policy.probability, threshold))


def argmax_web(policy: Policy) -> Web:
    """Return the web of the best edge of every node; of equal logits the first counts."""
    best = np.empty(policy.graph.nodes, np.int32)
    kernels.best_edges(policy.graph.offsets, policy.logits, best)
    return edges_web(policy, best)


def traffic_counts(walks: Walks) -> tuple[np.ndarray, np.ndarray]:
    """Count how often successful walks use each edge.

    Returns
    -------
    edges : ndarray of int32
        Ids of the edges used at least once, ascending.
    counts : ndarray of int64
    """
    return np.unique(walks.edges[walks.used() & walks.correct[:, None]], return_counts=True)


def traffic_web(policy: Policy, walks: Walks) -> Web:
    """Return the web of all edges on successful walks, without a threshold.

    It grows with the number of walks, so state that number wherever it appears.
    """
    return edges_web(policy, traffic_counts(walks)[0])


def web_summary(policy: Policy, threshold: float, questions: np.ndarray) -> dict[str, float]:
    """Describe the thresholded web, cheaply enough for every step of a training.

    Parameters
    ----------
    policy
        Whose edges.
    threshold
        Edges with π ≥ threshold.
    questions : ndarray of int32
        The question nodes.

    Returns
    -------
    dict
        ``islands`` (components), ``question_islands`` (components with a question node),
        ``giant_component`` and ``second_component`` (nodes), ``web_nodes``, ``web_edges`` (directed),
        ``mean_degree`` (2 · web_edges / web_nodes; 0 for an empty web), ``cycle_rank`` (links - nodes +
        components, i→j and j→i being one link), ``committed_nodes`` (with an out-edge of π ≥ threshold).
    """
    return threshold_web(policy, threshold).summary(questions)
