"""The shape of a web: degrees, bridges, trees, distances, and what chance alone would give.

Any web of one edge a node has an average degree near two, whatever was learned: with V nodes, c
components, r independent cycles and no opposite edges, it is 2 - 2c/V + 2r/V. So the average degree
stands beside its null model and its dependence on the threshold.
"""

from typing import TYPE_CHECKING

import numpy as np

from conet.base.intervals import central
from conet.network.graph import Graph
from conet.network.web import Web

if TYPE_CHECKING:
    import rustworkx


def out_degrees(web: Web) -> np.ndarray:
    """Edges of the web that leave each of ``web.nodes``, int64."""
    return np.bincount(web.sources, minlength=web.size)[web.nodes]


def in_degrees(web: Web) -> np.ndarray:
    """Edges of the web that lead to each of ``web.nodes``, int64."""
    return np.bincount(web.targets, minlength=web.size)[web.nodes]


def degree_distribution(degrees: np.ndarray) -> np.ndarray:
    """Share of the nodes with degree 0, 1, 2, …; sums to one; empty for an empty web."""
    return np.bincount(degrees) / max(1, len(degrees))


def bridges(web: Web) -> np.ndarray:
    """Links without which a component falls apart, as node pairs, int32, shape (bridges, 2).

    The smaller node stands first; rows ascend. i→j and j→i are one link.
    """
    import rustworkx

    found = sorted(tuple(sorted(pair)) for pair in rustworkx.bridges(_undirected(web)))
    return np.array(found, np.int32).reshape(-1, 2)


def articulation_points(web: Web) -> np.ndarray:
    """Nodes without which a component falls apart, ascending, int32."""
    import rustworkx

    return np.array(sorted(rustworkx.articulation_points(_undirected(web))), np.int32)


def average_geodesic(web: Web) -> float:
    """Mean distance (links) between two nodes of the largest component, direction aside.

    NaN for an empty web. Of components of the same size the first counts.
    """
    import rustworkx

    if not web.components:
        return float("nan")
    largest = np.flatnonzero(web.labels == web.component_sizes.argmax())
    part = _undirected(web).subgraph(largest.tolist())
    return float(rustworkx.unweighted_average_shortest_path_length(part))


def inverse_trees(web: Web) -> dict[str, float]:
    """Measure how far the web consists of inverse trees, in which one edge leads out of a node.

    A node with exactly one out-edge belongs to a tree; following these edges ends at a root: a node
    with none or several out-edges, or a node on a cycle. Self-loops count as out-edges.

    Returns
    -------
    dict
        ``single_out_share``: share of the web's nodes with exactly one out-edge. ``trees``: roots
        that at least one such node leads to. ``mean_depth`` and ``max_depth``: steps to the root,
        over the nodes of the trees without their roots. NaN where there is nothing to average.
    """
    out = np.bincount(web.sources, minlength=web.size)
    single = out == 1
    following = np.arange(web.size)
    leaving = single[web.sources]
    following[web.sources[leaving]] = web.targets[leaving]
    roots, depth = _descend(following)
    inside = depth > 0
    return {
        "single_out_share": float(single.sum() / len(web.nodes)) if len(web.nodes) else float("nan"),
        "trees": float(len(np.unique(roots[inside]))),
        "mean_depth": float(depth[inside].mean()) if inside.any() else float("nan"),
        "max_depth": float(depth.max()),
    }


def _descend(following: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the root that each node ends at, and how many steps away it is.

    By pointer doubling. After at least as many steps as there are nodes, exactly the nodes on cycles
    and the fixed points are still visited: those are the roots.
    """
    nodes = np.arange(len(following))
    doublings = max(1, len(following).bit_length())
    ends = following
    for _ in range(doublings):
        ends = ends[ends]
    is_root = np.zeros(len(following), bool)
    is_root[ends] = True
    roots = np.where(is_root, nodes, following)
    depth = (~is_root).astype(np.int64)
    for _ in range(doublings):
        depth, roots = depth + depth[roots], roots[roots]
    return roots, depth


def random_web(graph: Graph, web: Web, rng: np.random.Generator) -> Web:
    """Draw a web in which every node has as many out-edges as in ``web``, chosen at random.

    They come from the node's own edges in the graph, without replacement, each equally likely.
    """
    offsets, wanted = graph.offsets, np.bincount(web.sources, minlength=web.size)
    nodes = np.flatnonzero(wanted)
    degrees = np.diff(offsets)[nodes]
    place = np.arange(degrees.sum()) - np.repeat(np.cumsum(degrees) - degrees, degrees)
    owner = np.repeat(np.arange(len(nodes)), degrees)
    # Sorted by node and then by a random key, the first few of each node are a random choice.
    shuffled = np.lexsort((rng.random(len(owner)), owner))
    chosen = shuffled[place < np.repeat(wanted[nodes], degrees)]
    edges = offsets[nodes][owner[chosen]] + place[chosen]
    return Web.from_graph(graph, np.sort(edges).astype(np.int32))


def null_model(
    graph: Graph, web: Web, questions: np.ndarray, draws: int = 100, seed: int = 0
) -> dict[str, dict[str, float]]:
    """Say what a web with the same committed nodes, and edges at random, would look like.

    Each node keeps its number of out-edges (one, where it is frozen), so that nodes and edges are as
    many as in the web, and only where the edges lead is left to chance.

    Parameters
    ----------
    graph
        Where the random edges come from.
    web
        Which nodes have out-edges, and how many.
    questions : ndarray of int32
        The question nodes.
    draws : int
        Random webs.
    seed : int

    Returns
    -------
    dict
        For every key of :meth:`~conet.network.web.Web.summary`, a dict of ``observed``, ``mean``,
        ``low`` and ``high`` (2.5 and 97.5 % of the draws).
    """
    rng = np.random.default_rng(seed)
    drawn = [random_web(graph, web, rng).summary(questions) for _ in range(draws)]
    result = {}
    for key, observed in web.summary(questions).items():
        values = np.array([summary[key] for summary in drawn], np.float64)
        low, high = central(values)
        result[key] = {"observed": observed, "mean": values.mean(), "low": low, "high": high}
    return {key: {name: float(value) for name, value in row.items()} for key, row in result.items()}


def topology_summary(web: Web) -> dict[str, float]:
    """Return :func:`inverse_trees`, and ``bridges``, ``articulation_points``, ``average_geodesic``."""
    return inverse_trees(web) | {
        "bridges": float(len(bridges(web))),
        "articulation_points": float(len(articulation_points(web))),
        "average_geodesic": average_geodesic(web),
    }


def _undirected(web: Web) -> "rustworkx.PyGraph":
    import rustworkx

    graph = rustworkx.PyGraph(multigraph=False)
    graph.add_nodes_from(range(web.size))
    keep = web.sources != web.targets
    graph.extend_from_edge_list(list(zip(web.sources[keep].tolist(), web.targets[keep].tolist())))
    return graph
