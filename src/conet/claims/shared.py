"""What the claims about a plain run share: its cells, curves over seeds, and marks."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from conet.cells import plain
from conet.cells.cell import Arrays, Cell
from conet.cells.claim import Results, Scale
from conet.report import style


def cells(scale: Scale) -> list[Cell]:
    """Return one plain run of `reference` a seed; all claims about it share them."""
    return [plain.cell(seed, frustration_steps=plain.FRUSTRATION_STEPS) for seed in range(scale.seeds)]


def over_seeds(results: Results, statistic: Callable[[Arrays], Any]) -> np.ndarray:
    """Apply a statistic to every seed, float64, shape (seeds,)."""
    return np.array([statistic(arrays) for _, arrays in results.pairs], np.float64)


def draw_curves(
    axes: Axes,
    steps: Sequence[float] | np.ndarray,
    curves: np.ndarray,
    colour: str,
    label: str,
    dashes: str = "-",
) -> None:
    """Draw every seed thinly and their median boldly; nothing is smoothed here.

    Parameters
    ----------
    curves : ndarray of float64, shape (seeds, steps)
    """
    for curve in curves:
        axes.plot(steps, curve, color=colour, lw=0.4, alpha=0.25, ls=dashes)
    known = np.isfinite(curves).any(axis=0)
    middle = np.full(curves.shape[1], np.nan)
    middle[known] = np.nanmedian(curves[:, known], axis=0)
    axes.plot(steps, middle, color=colour, lw=1.8, ls=dashes, label=label)


def draw_values(
    axes: Axes, names: Sequence[str], values: Sequence[np.ndarray], threshold: float | None = None
) -> None:
    """Show every seed as a dot, one row a statistic, with the threshold as a line."""
    rng = np.random.default_rng(0)
    for row, of_row in enumerate(values):
        height = row + rng.uniform(-0.18, 0.18, len(of_row))
        axes.plot(of_row, height, "o", ms=3, color=style.BLUE, alpha=0.6, mew=0)
        finite = of_row[np.isfinite(of_row)]
        if len(finite):
            axes.plot([np.mean(finite)] * 2, [row - 0.3, row + 0.3], "-", color=style.INK, lw=1.5)
    if threshold is not None:
        axes.axvline(threshold, color=style.VERMILION, lw=1, ls="--", label=f"threshold {threshold:g}")
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)
