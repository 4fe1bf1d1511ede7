"""The susceptibility of the order near the critical weight of the entropy: its peak, and how it grows."""

import numpy as np
from matplotlib.axes import Axes

from conet.base.intervals import interval
from conet.cells import susceptibility
from conet.cells.cell import Arrays, Cell
from conet.claims.melting_runs import FIRST, SEEDS, SIZES, WATCHED
from conet.judging.claim import Results, Scale, Table
from conet.judging.judgement import ClaimResult, judge, judged
from conet.report import style

COLOURS = (style.SKY, style.BLUE, style.VERMILION)
NEAR = 0.25  # octaves
GRID = 1 / 8  # octaves between two weights
GROWTH = 1.0  # octaves, from the smallest to the largest size, which has four times as many problems
HEIGHTS = (3, 4)  # columns of the table that differ by factors from seed to seed
FLOOR = 1e-6  # of a susceptibility, for its logarithm

METHOD = (
    " Susceptibility: M times the variance of the exact accuracy, over four replicas (same graph and "
    "problems, walks of their own) and eleven times in the 100 updates after the 300; load 0.3, N = 100, 200 "
    "and 400; at 17 weights an eighth of an octave apart, up to an octave from the seed's critical weight. "
    "Its peak lies within a quarter of an octave of the critical weight (a peak anywhere would lie half an "
    "octave off on average), and is at least twice as high at N = 400 as at 100. Fixed at 8c03d2d, "
    "before its runs, after a look at seed 901 on a coarser grid."
)


def cells(scale: Scale) -> list[Cell]:
    """Return the replicas of every size and seed."""
    sizes = SIZES[:-1] if scale.quick else SIZES
    seeds = range(FIRST, FIRST + min(scale.seeds, SEEDS))
    return [susceptibility.cell(seed, WATCHED[nodes]) for nodes in sizes for seed in seeds]


def runs_of(results: Results, nodes: int) -> dict[int, Arrays]:
    """Return the replicas of a size, by seed."""
    return {
        cell.arguments["seed"]: arrays
        for cell, arrays in results.pairs
        if cell.function.endswith(":fluctuating") and cell.arguments["changes"] == WATCHED[nodes]
    }


def judge_rows(results: Results) -> list[ClaimResult]:
    """Judge where the susceptibility peaks, and whether it grows with the size."""
    rows = []
    for nodes in SIZES:
        off = [abs(_peak(run)) for run in runs_of(results, nodes).values()]
        if off:
            text = f"N = {nodes}: octaves between the peak of the susceptibility and the critical weight"
            why = "half of what a peak anywhere would have"
            low, high = interval(np.array(off))
            ends = (low - GRID / 2, high + GRID / 2)  # the peak is known no better than the grid
            estimate = float(np.mean(off))
            rows.append(
                judged(
                    "melting", text, off, NEAR, estimate, ends, wanted="at most", why=why, estimator="mean"
                )
            )
    small, large = (runs_of(results, nodes) for nodes in (SIZES[0], SIZES[-1]))
    growth = [np.log2(_height(large[seed]) / _height(small[seed])) for seed in large.keys() & small.keys()]
    if growth:
        text = (
            f"octaves by which the peak of the susceptibility is higher at N = {SIZES[-1]} than at {SIZES[0]}"
        )
        rows.append(
            judge("melting", text, growth, GROWTH, why="a transition, and no crossover, grows with its size")
        )
    return rows


def table(results: Results) -> list[Table]:
    """Show peak and place of the susceptibility at every size."""
    rows = []
    for nodes in SIZES:
        runs = list(runs_of(results, nodes).values())
        if runs:
            columns = (
                [run["critical"][0] for run in runs],
                [_peak(run) for run in runs],
                [susceptibility.peak(run, susceptibility.response(run)) for run in runs],
                [_height(run) for run in runs],
                [susceptibility.within(run).max() for run in runs],
                [susceptibility.response(run).max() for run in runs],
            )
            told = [_told(np.array(values), heights=place in HEIGHTS) for place, values in enumerate(columns)]
            ends = (*_at_ends(runs), "", "", "")
            rows.append((str(nodes), *(one + end for one, end in zip(told, ends, strict=True))))
    header = (
        "N",
        "critical weight",
        "peak of χ, octaves from it",
        "steepest fall, octaves from it",
        "χ at its peak",
        "over time alone",
        "steepest fall of the accuracy, an octave",
    )
    caption = (
        "Means over seeds with 95 % intervals, geometric ones of χ; load 0.3. χ: M times the variance of the "
        "accuracy over replicas and times; over time alone: within a replica, at the weight where it is "
        "largest. Weights are an eighth of an octave apart: a peak is known no better than that. In "
        "brackets: of how many seeds it lies at an end of the weights, and may lie beyond."
    )
    return [Table("Susceptibility", header, tuple(rows), caption)] if rows else []


def draw(axes: Axes, results: Results) -> None:
    """Draw the susceptibility over the weight."""
    across = susceptibility.AROUND
    for nodes, colour in zip(SIZES, COLOURS):
        curves = [susceptibility.susceptibility(run) for run in runs_of(results, nodes).values()]
        for curve in curves:
            axes.plot(across, np.maximum(curve, FLOOR), color=colour, lw=0.4, alpha=0.4)
        if curves:
            mean = np.maximum(np.mean(curves, axis=0), FLOOR)
            axes.plot(across, mean, ".-", color=colour, label=f"N = {nodes}")
    axes.axvline(1.0, color=style.MUTED, lw=0.9, ls=":")
    axes.set(xlabel="weight over the critical one", ylabel="susceptibility χ", yscale="log")
    axes.legend(fontsize=6.5)


def _told(values: np.ndarray, heights: bool) -> str:
    """Return a mean with its interval, of heights in the logarithm."""
    used = np.log(np.maximum(values, FLOOR)) if heights else values
    ends = np.array([used.mean(), *interval(used)])
    middle, low, high = np.exp(ends) if heights else ends
    return f"{middle:.3g} ({low:.3g} to {high:.3g})"


def _at_ends(runs: list[Arrays]) -> list[str]:
    """Say of how many seeds the first three columns are ends of the weights, and so bounds."""
    counts = (
        sum(run["beyond"][0] != 0 for run in runs),
        sum(susceptibility.at_an_end(susceptibility.susceptibility(run)) for run in runs),
        sum(susceptibility.at_an_end(susceptibility.response(run)) for run in runs),
    )
    return [f" [{count} at an end]" if count else "" for count in counts]


def _peak(run: Arrays) -> float:
    return susceptibility.peak(run, susceptibility.susceptibility(run))


def _height(run: Arrays) -> float:
    return max(FLOOR, float(susceptibility.susceptibility(run).max()))
