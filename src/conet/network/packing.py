"""Packing the components of a web into one picture, the largest first."""

import numpy as np
from numpy.fft import irfft2, rfft2

CELL = 0.6  # side of a packing cell, in edge lengths
MARGIN = 1  # cells kept free around a component
TURNS = 8  # rotations tried for each component, half as many for a small one
SMALL = 5  # nodes
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
        self.side = 16 * (int(side / CELL) // 16 + 1)  # a multiple that a Fourier transform likes
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
        best = np.inf, position, self.taken[:0], (0, 0)
        turns = TURNS if len(position) > SMALL else TURNS // 2
        for turn in range(turns):
            angle = 2 * np.pi * turn / turns / (1 if len(position) > 2 else 2)  # a pair has no ends
            turned = position @ np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
            mask = self._mask(turned, edges)
            cost = self._cost(mask, (turned[tied] - partners) / CELL)
            shift = np.unravel_index(np.argmin(cost), cost.shape)
            if cost[shift] < best[0] - 1e-6:
                moved = int(self.shifts[shift[0]]), int(self.shifts[shift[1]])
                best = float(cost[shift]), turned, mask, moved
        _, turned, mask, moved = best
        if len(mask):
            self.taken |= np.roll(mask, moved, axis=(0, 1))
            self.spectrum = rfft2(self.taken.astype(np.float32))
        return turned + np.array(moved) * CELL

    def _cost(self, mask: np.ndarray, apart: np.ndarray) -> np.ndarray:
        """Half the width that the picture needs with the component shifted, for each free shift.

        Of places that widen it equally, the one nearest to what the component is tied to (``apart``,
        in cells, before the shift), or to the middle.
        """
        overlap = irfft2(self.spectrum * np.conj(rfft2(mask.astype(np.float32))), s=mask.shape)
        middle = self.side // 2
        cells = np.argwhere(mask) - middle
        low, high = cells.min(axis=0), cells.max(axis=0)
        apart = apart if len(apart) else cells.mean(axis=0, keepdims=True)
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

    def _mask(self, position: np.ndarray, edges: np.ndarray) -> np.ndarray:
        """Cells that nodes and edges cover, with a margin, around the middle of the grid, bool."""
        start, end = position[edges[0]], position[edges[1]]
        along = np.linspace(0, 1, 4)[:, None, None]
        points = np.concatenate([position, (start + along * (end - start)).reshape(-1, 2)])
        cells = np.clip(np.rint(points / CELL).astype(int) + self.side // 2, MARGIN, self.side - 1 - MARGIN)
        mask = np.zeros((self.side, self.side), bool)
        for across in range(-MARGIN, MARGIN + 1):
            for down in range(-MARGIN, MARGIN + 1):
                mask[cells[:, 0] + across, cells[:, 1] + down] = True
        return mask
