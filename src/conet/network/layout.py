"""Places for the nodes of a sparse web: each component by stress, the components packed together.

A web near the inverse-tree state has hundreds of nodes and about as many edges. Every component
starts as a radial tree, which has no crossings, and is relaxed by stress majorization (Gansner, Koren
and North 2004); the components are then packed on a grid, the largest first. Nothing is random.
"""

import numpy as np
from scipy.fft import irfft2, next_fast_len, rfft2
from scipy.linalg import cho_factor, cho_solve
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import breadth_first_order, connected_components, shortest_path

CELL = 0.6  # side of a packing cell, in edge lengths
MARGIN = 1  # cells kept free around a component
TURNS = 8  # rotations tried for each component
ITERATIONS = 60
NEARNESS = 0.3  # cells of width that one cell of nearness is worth
LARGE = 600  # nodes above which a component gets half the iterations


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
    ends = ends.reshape(2, -1)
    adjacency = coo_array((np.ones(ends.shape[1]), (ends[0], ends[1])), shape=(len(nodes),) * 2).tocsr()
    adjacency = adjacency + adjacency.T
    count, label = connected_components(adjacency, directed=False)
    members = [np.flatnonzero(label == component) for component in range(count)]
    members.sort(key=lambda member: (-len(member), member[0]))
    parts = [adjacency[member][:, member] for member in members]
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
        position[member] = packing.place(shape, np.array(part.nonzero()), *partners)
        placed[member] = True
    return nodes, position


def component_places(adjacency: csr_array) -> np.ndarray:
    """Lay out one connected component around its centre of mass, float64, shape (nodes, 2)."""
    distance = shortest_path(adjacency, unweighted=True, directed=False)
    position = relax(radial_tree(adjacency, distance), distance)
    return position - position.mean(axis=0)


def radial_tree(adjacency: csr_array, distance: np.ndarray) -> np.ndarray:
    """Put a breadth-first tree on circles around its most central node, a wedge by number of leaves."""
    root = int(np.argmin(distance.sum(axis=1)))
    order, parent = breadth_first_order(adjacency, root, directed=False)
    leaves = np.zeros(len(order))
    children: list[list[int]] = [[] for _ in order]
    for node in order[:0:-1]:
        leaves[node] = max(leaves[node], 1)
        leaves[parent[node]] += leaves[node]
        children[parent[node]].append(int(node))
    start, width = np.zeros(len(order)), np.zeros(len(order))
    width[root] = 2 * np.pi
    for node in order:
        edge = start[node]
        for child in reversed(children[node]):
            start[child], width[child] = edge, width[node] * leaves[child] / leaves[node]
            edge += width[child]
    angle = start + width / 2
    return distance[root][:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)


def relax(position: np.ndarray, distance: np.ndarray) -> np.ndarray:
    """Lower the stress Σ (|x_i - x_j| - d_ij)² / d_ij² by majorization."""
    count = len(position)
    if count < 3:
        return position
    weight = np.divide(1.0, distance**2, out=np.zeros_like(distance), where=distance > 0)
    laplacian = np.diag(weight.sum(axis=1)) - weight
    factor = cho_factor(laplacian + 1.0 / count)  # the constant lifts the shift's zero eigenvalue
    pull = weight * distance
    for _ in range(ITERATIONS if count < LARGE else ITERATIONS // 2):
        across, along = position[:, None, 0] - position[:, 0], position[:, None, 1] - position[:, 1]
        apart = np.sqrt(across**2 + along**2)
        ratio = np.divide(pull, apart, out=np.zeros_like(pull), where=apart > 1e-9)
        position = cho_solve(factor, ratio.sum(axis=1)[:, None] * position - ratio @ position)
    return position


class Packing:
    """A grid of taken cells; each component goes where it widens the picture least.

    Parameters
    ----------
    side
        Side of the grid, in edge lengths.
    aspect
        Width over height of the picture.
    """

    def __init__(self, side: float, aspect: float) -> None:
        self.side = next_fast_len(int(side / CELL) + 8, real=True)
        self.aspect = aspect
        self.taken = np.zeros((self.side, self.side), bool)
        self.spectrum = rfft2(self.taken.astype(np.float32))
        # Shift s of a mask, as the circular correlation counts it: 0, 1, …, -2, -1.
        self.shifts = (np.arange(self.side) + self.side // 2) % self.side - self.side // 2

    def place(
        self, position: np.ndarray, edges: np.ndarray, tied: np.ndarray, partners: np.ndarray
    ) -> np.ndarray:
        """Turn and shift one component to its best free place.

        Parameters
        ----------
        position : ndarray of float64, shape (nodes, 2)
        edges : ndarray of int, shape (2, edges)
        tied : ndarray of int, shape (ties,)
            Nodes that should lie close to something placed before.
        partners : ndarray of float64, shape (ties, 2)
            Where that is.

        Returns
        -------
        ndarray of float64, shape (nodes, 2)
        """
        best = np.inf, position, np.zeros(0, int), (0, 0)
        for turn in range(TURNS):
            angle = 2 * np.pi * turn / TURNS
            turned = position @ np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
            cells = self._cells(turned, edges)
            cost = self._cost(cells, (turned[tied] - partners) / CELL)
            shift = np.unravel_index(np.argmin(cost), cost.shape)
            if cost[shift] < best[0] - 1e-6:
                best = (
                    float(cost[shift]),
                    turned,
                    cells,
                    (int(self.shifts[shift[0]]), int(self.shifts[shift[1]])),
                )
        _, turned, cells, moved = best
        if len(cells):
            self.taken[tuple((cells + moved).T)] = True
            self.spectrum = rfft2(self.taken.astype(np.float32))
        return turned + np.array(moved) * CELL

    def _cost(self, cells: np.ndarray, apart: np.ndarray) -> np.ndarray:
        """Half the width that the picture needs with the component shifted, for each free shift.

        Of places that widen it equally, the one nearest to what the component is tied to (``apart``,
        in cells, before the shift), or to the middle.
        """
        mask = np.zeros((self.side, self.side), np.float32)
        mask[tuple(cells.T)] = 1
        overlap = irfft2(self.spectrum * np.conj(rfft2(mask)), s=mask.shape)
        middle = self.side // 2
        low, high = cells.min(axis=0) - middle, cells.max(axis=0) - middle
        apart = apart if len(apart) else (cells - middle).mean(axis=0, keepdims=True)
        reach, away, inside = [], [], []
        for axis, scale in ((0, self.aspect), (1, 1.0)):
            first, last = self.shifts + low[axis], self.shifts + high[axis]
            reach.append(np.maximum(-first, last) / scale)
            inside.append((first >= -middle) & (last < self.side - middle))
            away.append((self.shifts + apart[:, axis].mean()) ** 2 + apart[:, axis].var())
        distance = np.sqrt(away[0][:, None] + away[1][None])
        cost = np.maximum(reach[0][:, None], reach[1][None]) + NEARNESS * distance
        free = (overlap < 0.5) & inside[0][:, None] & inside[1][None]
        return np.where(free, cost, np.inf)

    def _cells(self, position: np.ndarray, edges: np.ndarray) -> np.ndarray:
        """Cells that nodes and edges cover, with a margin, around the middle of the grid."""
        start, end = position[edges[0]], position[edges[1]]
        along = np.linspace(0, 1, 4)[:, None, None]
        points = (start + along * (end - start)).reshape(-1, 2)
        cells = np.unique(np.rint(points / CELL).astype(int), axis=0)
        span = np.arange(-MARGIN, MARGIN + 1)
        around = np.stack(np.meshgrid(span, span), axis=-1).reshape(-1, 1, 2)
        cells = np.unique((cells + around).reshape(-1, 2), axis=0) + self.side // 2
        return np.clip(cells, 0, self.side - 1)
