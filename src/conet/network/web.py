"""A web: nodes, directed edges and, where there are any, weights. It needs neither graph nor policy.

Components and cycle rank take i→j and j→i for one undirected link; the average degree is
2 · (directed edges) / (nodes), as in the paper's <k>. Nodes are those that touch an edge.
"""

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from conet.base.errors import ConetError
from conet.network import web_kernels as kernels
from conet.network.graph import Graph

if TYPE_CHECKING:
    import networkx

NO_NODES = np.zeros(0, np.int32)


@dataclass(frozen=True, repr=False, eq=False, kw_only=True)
class Web:
    """Directed edges, seen as a graph of their own.

    Most webs come from :meth:`from_edges` (any edge list) or :meth:`from_graph` (some edges of a
    concept network).

    Parameters
    ----------
    sources, targets : ndarray of int32, shape (edges,)
        Where each edge leaves and leads to.
    edges : ndarray of int32, shape (edges,)
        Ids of the edges: their places in the graph or the list that they come from.
    size : int
        Nodes are numbered from 0 to ``size - 1``, whether an edge touches them or not.
    weights : ndarray of float64, shape (edges,), optional
        What each edge weighs: a probability, a count.
    attributes : mapping of str to ndarray, shape (size,)
        What is known of the nodes, by name, such as a role or a label.
    """

    sources: np.ndarray
    targets: np.ndarray
    edges: np.ndarray
    size: int
    _: KW_ONLY
    weights: np.ndarray | None = None
    attributes: Mapping[str, np.ndarray] = field(default_factory=dict)

    @classmethod
    def from_edges(
        cls,
        sources: np.ndarray,
        targets: np.ndarray,
        weights: np.ndarray | None = None,
        *,
        size: int | None = None,
        attributes: Mapping[str, np.ndarray] | None = None,
    ) -> "Web":
        """Make a web of an edge list, ordered by source and target.

        An edge that stands there more than once becomes one, with the sum of the weights. Self-loops
        stay.

        Parameters
        ----------
        sources, targets : array of int, shape (edges,)
        weights : array of float, shape (edges,), optional
        size : int, optional
            Number of nodes; one more than the largest where absent.
        attributes
            As for the class.

        Raises
        ------
        ConetError
            When lengths differ, a node is negative or not below ``size``, or a weight is not finite.
        """
        ends = _whole(sources, "sources"), _whole(targets, "targets")
        size = int(max((end.max(initial=-1) for end in ends), default=-1)) + 1 if size is None else size
        _check_edges(*ends, size)
        keys, places = np.unique(ends[0] * size + ends[1], return_inverse=True)
        summed = None if weights is None else _summed(weights, places, len(keys))
        source, target = np.divmod(keys, max(size, 1))
        return cls(
            sources=source.astype(np.int32),
            targets=target.astype(np.int32),
            edges=np.arange(len(keys), dtype=np.int32),
            size=size,
            weights=summed,
            attributes=dict(attributes or {}),
        )

    @classmethod
    def from_graph(
        cls,
        graph: Graph,
        edges: np.ndarray,
        weights: np.ndarray | None = None,
        *,
        attributes: Mapping[str, np.ndarray] | None = None,
    ) -> "Web":
        """Return the web of some edges of a graph.

        Parameters
        ----------
        graph
            The concept network.
        edges : ndarray of int32, shape (edges,)
            Ids of edges; ascending ids are fastest.
        weights : ndarray of float64, shape (edges,), optional
            One a chosen edge.
        attributes
            As for the class.
        """
        sources = np.empty(len(edges), np.int32)
        kernels.edge_sources(edges, graph.offsets, sources)
        targets, known = graph.targets[edges].astype(np.int32), dict(attributes or {})
        return cls(
            sources=sources,
            targets=targets,
            edges=edges,
            size=graph.nodes,
            weights=weights,
            attributes=known,
        )

    def __post_init__(self) -> None:
        if self.weights is not None:
            _check_length("weights", self.weights, len(self.sources), "edges")
        for name, values in self.attributes.items():
            _check_length(f"attribute {name!r}", values, self.size, "nodes")

    def __repr__(self) -> str:
        weights = "" if self.weights is None else ", weighted"
        return f"Web({len(self.nodes)} nodes, {len(self.edges)} edges, {self.components} components{weights})"

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

    def to_networkx(self) -> "networkx.DiGraph":
        """Return the web as a networkx graph of the nodes that touch an edge.

        Nodes have their ``attributes`` and the number of their component, ``island``; edges their
        ``weight`` where the web has weights.
        """
        import networkx

        network = networkx.DiGraph()
        named = {name: np.asarray(values)[self.nodes].tolist() for name, values in self.attributes.items()}
        named["island"] = self.labels[self.nodes].tolist()
        for place, node in enumerate(self.nodes.tolist()):
            network.add_node(node, **{name: values[place] for name, values in named.items()})
        pairs = zip(self.sources.tolist(), self.targets.tolist())
        if self.weights is None:
            network.add_edges_from(pairs)
        else:
            weights = self.weights.tolist()
            network.add_weighted_edges_from((*pair, weight) for pair, weight in zip(pairs, weights))
        return network

    def summary(self, questions: np.ndarray = NO_NODES) -> dict[str, float]:
        """Describe the web in numbers, cheaply enough for every step of a training.

        Parameters
        ----------
        questions : ndarray of int32
            The nodes where problems start.

        Returns
        -------
        dict
            ``islands`` (components), ``question_islands`` (components with a question node),
            ``giant_component`` and ``second_component`` (nodes), ``web_nodes``, ``web_edges``
            (directed), ``mean_degree`` (2 · web_edges / web_nodes; 0 for an empty web), ``cycle_rank``
            (links - nodes + components, i→j and j→i being one link), ``committed_nodes`` (with an
            out-edge in the web).
        """
        counts = _describe(self.sources, self.targets, self.size, questions)[1].tolist()
        islands, nodes = counts[kernels.ISLANDS], counts[kernels.NODES]
        return {
            "islands": islands,
            "question_islands": counts[kernels.QUESTION_ISLANDS],
            "giant_component": counts[kernels.GIANT],
            "second_component": counts[kernels.SECOND],
            "web_nodes": nodes,
            "web_edges": len(self.sources),
            "mean_degree": 2 * len(self.sources) / nodes if nodes else 0.0,
            "cycle_rank": counts[kernels.LINKS] - nodes + islands,
            "committed_nodes": counts[kernels.COMMITTED],
        }


def _describe(
    sources: np.ndarray, targets: np.ndarray, size: int, questions: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    labels, counts = np.empty(size, np.int32), np.empty(7, np.int64)
    kernels.describe(sources, targets, size, questions, labels, counts)
    return labels, counts


def _check_length(what: str, values: np.ndarray, expected: int, of: str) -> None:
    if len(values) != expected:
        got = f"{len(values)} values of {what}"
        raise ConetError(got, f"one for each of the {expected} {of}", "check its length")


def _whole(ends: np.ndarray, name: str) -> np.ndarray:
    """Return node numbers as int64, shape (edges,)."""
    found = np.asarray(ends)
    if found.ndim != 1 or (found.size and not np.issubdtype(found.dtype, np.integer)):
        got = f"{name} of shape {found.shape} and type {found.dtype}"
        raise ConetError(got, "a list of whole numbers, one an edge", "number the nodes from 0")
    return found.astype(np.int64)


def _check_edges(sources: np.ndarray, targets: np.ndarray, size: int) -> None:
    if len(sources) != len(targets):
        got = f"{len(sources)} sources and {len(targets)} targets"
        raise ConetError(got, "as many of either", "give both ends of each edge")
    if size >= 2**31:
        raise ConetError(f"{size} nodes", "less than 2**31", "number the nodes from 0, without gaps")
    for ends in (sources, targets):
        outside = ends[(ends < 0) | (ends >= size)]
        if len(outside):
            raise ConetError(f"an edge at node {outside[0]}", f"0 to {size - 1}", "check the edges")


def _summed(weights: np.ndarray, places: np.ndarray, edges: int) -> np.ndarray:
    """Add up the weights of edges that stand there more than once."""
    values = np.asarray(weights, np.float64)
    if values.shape != places.shape:
        got = f"{len(values)} weights for {len(places)} edges"
        raise ConetError(got, "one an edge", "give as many weights as edges")
    if not np.isfinite(values).all():
        raise ConetError("weights that are not finite", "finite numbers", "leave these edges out")
    return np.bincount(places.reshape(-1), weights=values, minlength=edges)
