"""The concept web: the edges that matter, as a graph of their own.

Three webs, which answer different questions. The *thresholded* web holds the edges of probability
π ≥ p* (what is committed to), the *argmax* web the best edge of every node, and the *traffic* web
every edge on a successful walk, whatever its probability (what is used).

Components and cycle rank take i→j and j→i for one undirected link; the average degree is
2 · (directed edges) / (nodes), as in the paper's <k>. Nodes are those that touch an edge.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from conet.engine.sample import Walks
from conet.engine.tables import Policy
from conet.observables import web_kernels as kernels

_NO_NODES = np.zeros(0, np.int32)


@dataclass(frozen=True)
class Web:
    """Some edges of a graph, seen as a graph.

    Parameters
    ----------
    sources, targets : ndarray of int32, shape (edges,)
        Where each edge leaves and leads to.
    edges : ndarray of int32, shape (edges,)
        Their ids in the graph.
    size : int
        Number of nodes of the graph itself.
    """

    sources: np.ndarray
    targets: np.ndarray
    edges: np.ndarray
    size: int

    @cached_property
    def nodes(self) -> np.ndarray:
        """Nodes that touch an edge, ascending, int32."""
        return np.flatnonzero(self.labels >= 0).astype(np.int32)

    @cached_property
    def _description(self) -> tuple[np.ndarray, np.ndarray]:
        return _describe(self.sources, self.targets, self.size, _NO_NODES)

    @property
    def labels(self) -> np.ndarray:
        """Component of each node of the graph, int32, shape (size,).

        Numbered from 0 in the order of their smallest nodes; -1 where no edge touches the node.
        """
        return self._description[0]

    @property
    def components(self) -> int:
        """Number of components, direction aside."""
        return int(self._description[1][kernels.ISLANDS])

    @property
    def links(self) -> int:
        """Number of undirected links: i→j and j→i count once."""
        return int(self._description[1][kernels.LINKS])

    @property
    def cycle_rank(self) -> int:
        """Number of independent cycles: links - nodes + components."""
        return self.links - len(self.nodes) + self.components

    @property
    def mean_degree(self) -> float:
        """2 · (directed edges) / nodes; 0 for an empty web."""
        return 2 * len(self.edges) / len(self.nodes) if len(self.nodes) else 0.0

    @cached_property
    def component_sizes(self) -> np.ndarray:
        """Nodes of each component, int64, shape (components,)."""
        return np.bincount(self.labels[self.nodes], minlength=self.components)

    def summary(self, questions: np.ndarray = _NO_NODES) -> dict[str, float]:
        """Return what :func:`web_summary` returns, for this web."""
        return _summary(self.sources, self.targets, self.size, questions)


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


def _summary(sources: np.ndarray, targets: np.ndarray, size: int, questions: np.ndarray) -> dict[str, float]:
    counts = _describe(sources, targets, size, questions)[1].tolist()
    islands, nodes = counts[kernels.ISLANDS], counts[kernels.NODES]
    return {
        "islands": islands,
        "question_islands": counts[kernels.QUESTION_ISLANDS],
        "giant_component": counts[kernels.GIANT],
        "second_component": counts[kernels.SECOND],
        "web_nodes": nodes,
        "web_edges": len(sources),
        "mean_degree": 2 * len(sources) / nodes if nodes else 0.0,
        "cycle_rank": counts[kernels.LINKS] - nodes + islands,
        "committed_nodes": counts[kernels.COMMITTED],
    }


def _describe(
    sources: np.ndarray, targets: np.ndarray, size: int, questions: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    labels, counts = np.empty(size, np.int32), np.empty(7, np.int64)
    kernels.describe(sources, targets, size, questions, labels, counts)
    return labels, counts
