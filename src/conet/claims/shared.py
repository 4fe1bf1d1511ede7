"""What the claims about a plain run share: its cells, curves over seeds, and marks."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from conet.base.intervals import mean_interval
from conet.cells import apart, plain
from conet.cells.cell import Arrays, Cell
from conet.judging.claim import Results, Scale
from conet.report import style

FRESH = 5000  # first seed of the claims: none from here on was looked at before the rows stood


def fresh(scale: Scale) -> range:
    """Return the seeds of a claim: none of them was looked at before its rows stood."""
    return range(FRESH, FRESH + scale.seeds)


def cells(scale: Scale) -> list[Cell]:
    """Return one plain run of `reference` a seed; all claims about it share them."""
    return [plain.cell(seed, frustration_steps=plain.FRUSTRATION_STEPS) for seed in fresh(scale)]


def cells_with(*together: int) -> Callable[[Scale], list[Cell]]:
    """Return plain runs, and of the same seeds those whose problems share a policy only with so many."""
    return lambda scale: [
        *cells(scale),
        *(apart.cell(seed, few) for few in together for seed in fresh(scale)),
    ]


def runs_of(results: Results, together: int = 0) -> dict[int, Arrays]:
    """Return the runs by seed: those of all problems together, or with a policy for so many of them."""
    return {
        cell.arguments.get("seed", place): run
        for place, (cell, run) in enumerate(results.pairs)
        if cell.arguments.get("together", 0) == together
    }


def over_seeds(results: Results, statistic: Callable[[Arrays], Any], together: int = 0) -> np.ndarray:
    """Apply a statistic to the run of every seed, float64, shape (seeds,)."""
    return np.array([statistic(run) for run in runs_of(results, together).values()], np.float64)


def against_apart(
    results: Results, statistic: Callable[[Arrays, Arrays], Any], together: int = 1
) -> np.ndarray:
    """Apply a statistic to the run of every seed and that of its problems apart, float64, shape (seeds,)."""
    whole, apart_runs = runs_of(results), runs_of(results, together)
    return np.array([statistic(run, apart_runs[seed]) for seed, run in whole.items() if seed in apart_runs])


def draw_curves(
    axes: Axes,
    steps: Sequence[float] | np.ndarray,
    curves: np.ndarray,
    colour: str,
    label: str,
    dashes: str = "-",
) -> None:
    """Draw every seed thinly, unsmoothed, and boldly their median where half of them have a value.

    Parameters
    ----------
    curves : ndarray of float64, shape (seeds, steps)
    """
    for curve in curves:
        axes.plot(steps, curve, color=colour, lw=0.4, alpha=0.25, ls=dashes)
    middle, _, _ = quartiles(curves)
    axes.plot(steps, middle, color=colour, lw=1.8, ls=dashes, label=label)


def draw_band(
    axes: Axes, steps: Sequence[float] | np.ndarray, curves: np.ndarray, colour: str, label: str
) -> None:
    """Draw the median of the seeds and shade their middle half: for curves too noisy to be drawn singly."""
    middle, low, high = quartiles(curves)
    axes.fill_between(steps, low, high, color=colour, alpha=0.2, lw=0)
    axes.plot(steps, middle, color=colour, lw=1.4, label=label)


def quartiles(curves: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return median and quartiles over the seeds; NaN where fewer than half of them have a value.

    Returns
    -------
    tuple of ndarray of float64, shape (steps,)
        Median, lower and upper quartile.
    """
    known = np.isfinite(curves).sum(axis=0) >= max(1, len(curves) / 2)
    found = np.full((3, curves.shape[1]), np.nan)
    found[:, known] = np.nanquantile(curves[:, known], [0.5, 0.25, 0.75], axis=0)
    return found[0], found[1], found[2]


def draw_points(
    axes: Axes, places: Sequence[float], groups: Sequence[np.ndarray], colour: str, marker: str, label: str
) -> None:
    """Show each seed as a dot, their median as a marker, and a bar from the lowest to the highest seed.

    No line joins the medians: between two places nothing was measured, and few seeds make it zigzag.
    """
    for place, values in zip(places, groups):
        known = values[np.isfinite(values)]
        if not len(known):
            continue
        axes.plot([place] * len(known), known, marker, ms=2.2, color=colour, alpha=0.35, mew=0)
        axes.plot([place] * 2, [known.min(), known.max()], "-", color=colour, lw=0.9, alpha=0.7)
        axes.plot(place, np.median(known), marker, ms=5, color=colour, mew=0)
    axes.plot([], [], marker, ms=5, color=colour, mew=0, label=label)


def draw_values(
    axes: Axes, names: Sequence[str], values: Sequence[np.ndarray], threshold: float | None = None
) -> None:
    """Show each seed as a dot, one row a statistic, with mean, 95 % interval, and the threshold as a line."""
    rng = np.random.default_rng(0)
    for row, of_row in enumerate(values):
        height = row + rng.uniform(-0.18, 0.18, len(of_row))
        axes.plot(of_row, height, "o", ms=3, color=style.BLUE, alpha=0.6, mew=0)
        finite = of_row[np.isfinite(of_row)]
        if len(finite):
            mean, low, high = mean_interval(finite)
            axes.plot([mean] * 2, [row - 0.3, row + 0.3], "-", color=style.INK, lw=1.5)
            if np.isfinite(low):
                axes.plot([low, high], [row] * 2, "-", color=style.INK, lw=0.9)
    if threshold is not None:
        axes.axvline(threshold, color=style.VERMILION, lw=1, ls="--", label=f"threshold {threshold:g}")
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.margins(x=0.04)  # else the outermost dots are cut in half
