"""Packing the components of a web into one picture, the largest first."""

import numpy as np
from scipy.fft import irfft2, next_fast_len, rfft2

CELL = 0.6  # side of a packing cell, in edge lengths
MARGIN = 1  # cells kept free around a component
TURNS = 8  # rotations tried for each component
NEARNESS = 0.3  # cells of width that one cell of nearness is worth


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
