"""Further kinds of concept networks, and the way from and to networkx and GraphML.

The undirected kinds lead both ways along every link. They come from networkx, which takes 1 to 6 µs
an edge: seconds up to some 20,000 nodes of degree 40. For a million nodes take ``regular`` or
``erdos_renyi``.
"""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from xml.etree import ElementTree

import numpy as np
from pydantic import Field

from conet.base.errors import ConetError
from conet.network.graph import Graph, from_edges
from conet.network.problems import Problems

if TYPE_CHECKING:
    import networkx


def _check_size(nodes: int, degree: int, even: bool = False) -> None:
    """Refuse a degree that no simple graph of this size has, or an odd one."""
    if degree >= nodes:
        raise ConetError(f"graph.degree={degree}", f"less than graph.nodes={nodes}", "lower the degree")
    if even and degree % 2:
        raise ConetError(f"graph.degree={degree}", "an even degree for this kind", f"try {degree + 1}")


def regular_undirected(nodes: int, degree: int, seed: int) -> Graph:
    """Undirected: every node is linked to ``degree`` distinct others, at random (Steger and Wormald 1999).

    Above half of all links the complement is drawn, since the method would not end on dense graphs.
    """
    import networkx

    _check_size(nodes, degree)
    if nodes * degree % 2:
        raise ConetError(
            f"graph.nodes={nodes} and graph.degree={degree}, both odd",
            "an even product, for every link has two ends",
            f"try graph.degree={degree - 1}",
        )
    if 2 * degree < nodes:
        return from_networkx(networkx.random_regular_graph(degree, nodes, seed))
    return from_networkx(networkx.complement(networkx.random_regular_graph(nodes - 1 - degree, nodes, seed)))


def erdos_renyi(nodes: int, degree: int, seed: int) -> Graph:
    """Directed G(n, p): every edge exists with probability ``degree / (nodes - 1)``.

    The mean out-degree is ``degree``. A node that came out without an out-edge gets one to a random
    other node (our choice: a walk has to go on); this hits a share exp(-degree) of the nodes.
    """
    _check_size(nodes, degree)
    rng = np.random.default_rng(seed)
    # The gaps between the edges in the list of all pairs are geometric (Batagelj and Brandes 2005); ten
    # standard deviations more than are needed on average always reach the end of the list.
    mean = nodes * degree
    gaps = rng.geometric(degree / (nodes - 1), mean + 10 * math.isqrt(mean) + 20)
    pairs = np.cumsum(gaps) - 1
    sources, targets = np.divmod(pairs[pairs < nodes * (nodes - 1)], nodes - 1)
    dead = np.flatnonzero(np.bincount(sources, minlength=nodes) == 0)
    sources = np.concatenate([sources, dead])
    targets = np.concatenate([targets, rng.integers(0, nodes - 1, len(dead))])
    return from_edges(sources, targets + (targets >= sources), nodes)


def small_world(
    nodes: int,
    degree: int,
    seed: int,
    rewiring: Annotated[float, Field(ge=0, le=1, description="probability that a link is moved")] = 0.1,
) -> Graph:
    """Undirected ring lattice with rewired links (Watts and Strogatz 1998).

    Every node is linked to the ``degree / 2`` nearest on either side; each link is moved to a random
    node with probability ``rewiring``.
    """
    import networkx

    _check_size(nodes, degree, even=True)
    return from_networkx(networkx.watts_strogatz_graph(nodes, degree, rewiring, seed))


def scale_free(nodes: int, degree: int, seed: int) -> Graph:
    """Undirected, grown by preferential attachment (Barabási and Albert 1999).

    Every new node brings ``degree / 2`` links, so the mean degree is close to ``degree``; the first
    nodes form a star (networkx's choice).
    """
    import networkx

    _check_size(nodes, degree, even=True)
    return from_networkx(networkx.barabasi_albert_graph(nodes, degree // 2, seed))


def graphml(nodes: int, degree: int, seed: int, file: str | None = None) -> Graph:
    """Read a graph from a GraphML file, whose size decides: ``nodes``, ``degree`` and ``seed`` are ignored.

    Nodes are numbered from 0 in the order of the file's ``<node>`` elements, whatever their ids; a
    problems file refers to these numbers. An undirected file leads both ways along every link. Parallel
    edges count once, self-loops not at all.

    Raises
    ------
    ConetError
        When the file is missing or no GraphML, holds two graphs or two nodes of one id, has no edges, or a
        node has no out-edge.
    """
    import networkx

    if file is None:
        raise ConetError("graph.kind=graphml without a file", "graph.file=PATH", "name the GraphML file")
    try:
        _check_graphml(file)
        network = networkx.read_graphml(file)
    except Exception as error:  # a foreign file fails in many ways: XML, keys, types, encoding
        reason = str(error) or type(error).__name__
        raise ConetError(
            f"graph.file={file}: {reason}", "a GraphML file", "check the path and the file"
        ) from None
    return from_networkx(network, f"graph.file={file}")


def _check_graphml(file: str) -> None:
    """Refuse what networkx would accept: it takes the first of several graphs, and the last of equal ids."""
    graphs, ids = 0, set()
    for _, element in ElementTree.iterparse(file, events=("start",)):
        kind = element.tag.rpartition("}")[2]
        graphs += kind == "graph"
        if graphs > 1:
            raise ValueError("it holds more than one graph")
        if kind == "node":
            name = element.get("id")
            if name in ids:
                raise ValueError(f"the id {name!r} stands at two nodes")
            ids.add(name)


def from_networkx(network: "networkx.Graph", source: str = "network") -> Graph:
    """Make a graph of a networkx graph; undirected links lead both ways.

    Parameters
    ----------
    network
        Nodes are numbered in the order of ``network.nodes``. Parallel edges count once, self-loops
        not at all.
    source
        What to call it in an error.

    Raises
    ------
    ConetError
        When there is no edge, or a node has no out-edge: it is named by its own id.
    """
    names = list(network.nodes)
    number = {name: place for place, name in enumerate(names)}
    flat = np.fromiter((number[end] for edge in network.edges() for end in edge), np.int64)
    ends = flat.reshape(-1, 2)
    if not network.is_directed():
        ends = np.concatenate([ends, ends[:, ::-1]])
    ends = ends[ends[:, 0] != ends[:, 1]]
    if not len(ends):
        raise ConetError(f"{source} without edges", "at least one edge", "use another graph")
    dead = np.flatnonzero(np.bincount(ends[:, 0], minlength=len(names)) == 0)
    if len(dead):
        raise ConetError(
            f"{source}: node {names[dead[0]]!r} without out-edges ({len(dead)} in all)",
            "an out-edge to another node at every node",
            "add edges or remove these nodes",
        )
    return from_edges(ends[:, 0], ends[:, 1], len(names))


def to_networkx(
    graph: Graph, probability: np.ndarray | None = None, problems: Problems | None = None
) -> "networkx.DiGraph":
    """Return the graph as a networkx graph, its nodes numbered from 0.

    Parameters
    ----------
    graph
        The concept network.
    probability : ndarray of float64, shape (edges,), optional
        Becomes the attribute ``probability`` of the edges.
    problems
        Becomes the attribute ``role`` of the nodes: "concept", "question", "answer" or "both".
    """
    import networkx

    network = networkx.DiGraph()
    network.add_nodes_from(range(graph.nodes))
    sources, targets = graph.sources().tolist(), graph.targets.tolist()
    if probability is None:
        network.add_edges_from(zip(sources, targets))
    else:
        edges = zip(sources, targets, probability.tolist(), strict=True)
        network.add_weighted_edges_from(edges, weight="probability")
    if problems is not None:
        role = np.zeros(graph.nodes, np.int64)
        role[problems.questions] = 1
        role[np.unique(problems.answers)] += 2
        names = ("concept", "question", "answer", "both")
        networkx.set_node_attributes(network, {node: names[code] for node, code in enumerate(role)}, "role")
    return network


def write_graphml(
    graph: Graph, path: str | Path, probability: np.ndarray | None = None, problems: Problems | None = None
) -> None:
    """Write the graph as GraphML, which the kind ``graphml``, Gephi and Cytoscape read.

    The arguments are those of :func:`to_networkx`. Reading the file back gives the same numbers to
    the nodes and the same ids to the edges.

    Raises
    ------
    ConetError
        When the file cannot be written.
    """
    import networkx

    try:
        networkx.write_graphml(to_networkx(graph, probability, problems), str(path))
    except OSError as error:
        raise ConetError(
            f"{path}: {error.strerror}", "a file that can be written", "check the path"
        ) from None
