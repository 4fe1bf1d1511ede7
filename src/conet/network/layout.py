"""Places for the nodes of sparse webs: each component by stress, the components packed together.

A web near the inverse-tree state has hundreds of nodes and about as many edges. Every component
starts as a radial tree, which has no crossings, and is relaxed by stress majorization (Gansner, Koren
and North 2004); the components are then packed on a grid, the largest first. Nothing is random.

networkx's layouts were tried on the last web of the preset reference (505 nodes in 42 components) and
looked at: `spring_layout`, `kamada_kawai_layout` and `forceatlas2_layout` lay out a whole graph at
once, so they throw the components onto one another or blow them apart until edges are too short to
be seen, and take 5 to 15 times as long.
So the places are computed here.
"""

from dataclasses import dataclass

import numpy as np
import rustworkx

from conet.network.packing import Packing
from conet.network.web import Web

ITERATIONS = 60
LARGE = 600  # nodes above which a component gets half the iterations


@dataclass(frozen=True)
class Layout:
    """Where the nodes of one or several webs are drawn; an edge is about one unit long.

    Attributes
    ----------
    nodes : ndarray of int, shape (nodes,)
        Ascending.
    position : ndarray of float64, shape (nodes, 2)
    """

    nodes: np.ndarray
    position: np.ndarray

    def at(self, nodes: np.ndarray) -> np.ndarray:
        """Return the places of some of the nodes, float64, shape (len(nodes), 2)."""
        return self.position[np.searchsorted(self.nodes, nodes)]


def lay_out(*webs: Web, aspect: float = 1.0) -> Layout:
    """Lay out the union of webs, so that no node moves from one to the next; the last one decides.

    Nodes that only earlier webs have are joined on by earlier edges, the later first; an earlier edge
    between two components of the last web only draws them near, or they would be laid out as one.

    Parameters
    ----------
    webs
        Webs over the same nodes, in order of time.
    aspect
        Width over height of the picture to fill.
    """
    last = webs[-1]
    group = {int(node): ("last", int(last.labels[node])) for node in last.nodes}
    members: dict[tuple[str, int], list[int]] = {}
    for node, name in group.items():
        members.setdefault(name, []).append(node)
    sources, targets, ties = last.sources.tolist(), last.targets.tolist(), []
    for web in reversed(webs[:-1]):
        for source, target in zip(web.sources.tolist(), web.targets.tolist()):
            for node in (source, target):
                if node not in group:
                    group[node] = ("early", node)
                    members[group[node]] = [node]
            one, other = sorted((group[source], group[target]), reverse=True)
            if one == other:
                continue
            if other[0] == "last":
                ties.append((source, target))
                continue
            # `other` is a group of early nodes alone: it joins.
            for node in members.pop(other):
                group[node] = one
                members[one].append(node)
            sources.append(source)
            targets.append(target)
    tied = np.array(ties, int).reshape(-1, 2).T
    return Layout(*places(np.array(sources, int), np.array(targets, int), tied, aspect))


def places(
    sources: np.ndarray, targets: np.ndarray, ties: np.ndarray | None = None, aspect: float = 1.0
) -> tuple[np.ndarray, np.ndarray]:
    """Lay out a web; an edge is about one unit long.

    Parameters
    ----------
    sources, targets : ndarray of int, shape (edges,)
        Node ids; direction is ignored.
    ties : ndarray of int, shape (2, ties), optional
        Pairs of these nodes, in different components, that should lie close together.
    aspect
        Width over height of the picture to fill.

    Returns
    -------
    nodes : ndarray of int, shape (nodes,)
        The node ids, ascending.
    position : ndarray of float64, shape (nodes, 2)
    """
    nodes, ends = np.unique(np.stack([sources, targets]), return_inverse=True)
    position = np.zeros((len(nodes), 2))
    if not len(nodes):
        return nodes, position
    graph = rustworkx.PyGraph(multigraph=False)
    graph.add_nodes_from(range(len(nodes)))
    graph.add_edges_from_no_data(list(zip(*ends.reshape(2, -1).tolist())))
    members = [np.array(sorted(part)) for part in rustworkx.connected_components(graph)]
    members.sort(key=lambda member: (-len(member), member[0]))
    label = np.empty(len(nodes), int)
    for number, member in enumerate(members):
        label[member] = number
    parts = [graph.subgraph(member.tolist()) for member in members]
    shapes = [component_places(part) for part in parts]
    packing = Packing(
        max(np.ptp(shape, axis=0).max() for shape in shapes) + 2.5 * np.sqrt(len(nodes)), aspect
    )
    tied = np.zeros((2, 0), int) if ties is None else np.searchsorted(nodes, ties)
    tied = np.concatenate([tied, tied[::-1]], axis=1)
    placed = np.zeros(len(nodes), bool)
    for member, part, shape in zip(members, parts, shapes):
        own = np.flatnonzero((label[tied[0]] == label[member[0]]) & placed[tied[1]])
        partners = np.searchsorted(member, tied[0, own]), position[tied[1, own]]
        edges = np.array(part.edge_list(), int).reshape(-1, 2).T
        position[member] = packing.place(shape, edges, *partners)
        placed[member] = True
    return nodes, position


def component_places(graph: rustworkx.PyGraph) -> np.ndarray:
    """Lay out one connected component around its centre of mass, float64, shape (nodes, 2)."""
    distance = rustworkx.distance_matrix(graph)
    position = relax(radial_tree(graph, distance), distance)
    return position - position.mean(axis=0)


def radial_tree(graph: rustworkx.PyGraph, distance: np.ndarray) -> np.ndarray:
    """Put a breadth-first tree on circles around its most central node, a wedge by number of leaves."""
    root = int(np.argmin(distance.sum(axis=1)))
    order, children = breadth_first(graph, root)
    leaves = np.zeros(len(order))
    for node in reversed(order):
        leaves[node] = max(1, sum(leaves[child] for child in children[node]))
    start, width = np.zeros(len(order)), np.zeros(len(order))
    width[root] = 2 * np.pi
    for node in order:
        edge = start[node]
        for child in children[node]:
            start[child], width[child] = edge, width[node] * leaves[child] / leaves[node]
            edge += width[child]
    angle = start + width / 2
    return distance[root][:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)


def breadth_first(graph: rustworkx.PyGraph, root: int) -> tuple[list[int], list[list[int]]]:
    """Return the nodes in breadth-first order, and the children of each; of equals the smallest first."""
    children: list[list[int]] = [[] for _ in range(graph.num_nodes())]
    order, seen = [root], {root}
    for node in order:
        children[node] = sorted(set(graph.neighbors(node)) - seen)
        seen |= set(children[node])
        order += children[node]
    return order, children


def relax(position: np.ndarray, distance: np.ndarray) -> np.ndarray:
    """Lower the stress Σ (|x_i - x_j| - d_ij)² / d_ij² by majorization."""
    count = len(position)
    if count < 3:
        return position
    weight = np.divide(1.0, distance**2, out=np.zeros_like(distance), where=distance > 0)
    laplacian = np.diag(weight.sum(axis=1)) - weight
    inverse = np.linalg.inv(laplacian + 1.0 / count)  # the constant lifts the shift's zero eigenvalue
    pull = weight * distance
    for _ in range(ITERATIONS if count < LARGE else ITERATIONS // 2):
        across, along = position[:, None, 0] - position[:, 0], position[:, None, 1] - position[:, 1]
        apart = np.sqrt(across**2 + along**2)
        ratio = np.divide(pull, apart, out=np.zeros_like(pull), where=apart > 1e-9)
        position = inverse @ (ratio.sum(axis=1)[:, None] * position - ratio @ position)
    return position
