"""A web: some edges of a graph, seen as a graph of their own. It needs no policy.

Components and cycle rank take i→j and j→i for one undirected link; the average degree is
2 · (directed edges) / (nodes), as in the paper's <k>. Nodes are those that touch an edge.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from conet.network import web_kernels as kernels

NO_NODES = np.zeros(0, np.int32)


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
        return _describe(self.sources, self.targets, self.size, NO_NODES)

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

    def summary(self, questions: np.ndarray = NO_NODES) -> dict[str, float]:
        """Return what :func:`web_summary` returns, for this web."""
        return _summary(self.sources, self.targets, self.size, questions)


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
