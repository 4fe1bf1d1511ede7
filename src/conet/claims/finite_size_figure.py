"""The figure of the question on finite size."""

from collections.abc import Callable

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator

from conet.cells.cell import Arrays
from conet.cells.claim import Results
from conet.claims import regimes
from conet.claims.finite_size_runs import (
    ROLLOUTS,
    crossing,
    giant_share,
    merging,
    relative_width,
    runs_at,
    sizes_in,
)
from conet.report import style
from conet.report.style import Picture


def draw(results: Results) -> list[Picture]:
    """Draw the rise on its own clock, and what changes with the size."""
    figure = style.figure(5.2)
    grid = figure.subplots(2, 2)
    _draw_rise(grid[0, 0], results)
    _draw_against_size(grid[0, 1], results, relative_width, "relative width of the merge")
    _draw_against_size(grid[1, 0], results, giant_share, "largest component at the end\n(share of the web)")
    _draw_marks(grid[1, 1], results)
    text = (
        "Top left: the largest component as the islands merge, in a running median over a twentieth of the run; median "
        "over seeds, each on the clock of its half rise (G = 8 N/800). Relative width: steps from 10 to 90 % over the "
        "step of 50 %. Dots: seeds; lines: medians."
    )
    return [Picture("finite-size", "The merge at growing size", text, style.to_svg(figure), wide=True)]


def _draw_rise(axes: Axes, results: Results) -> None:
    sizes = sizes_in(results)[::2]  # all of them would hide each other
    clock = np.linspace(0, 2, 201)
    for place, nodes in enumerate(sizes):
        rises = [
            np.interp(
                clock * crossing(run, 0.5),
                run["web_steps"],
                merging(run),
            )
            for run in runs_at(results, nodes, ROLLOUTS[0])
        ]
        shade = regimes.SHADES[round(place * (len(regimes.SHADES) - 1) / max(1, len(sizes) - 1))]
        axes.plot(clock, np.median(rises, axis=0), color=shade, ls="-", lw=1.2, label=f"{nodes:,}")
    axes.set(
        xlabel="step / step of half the peak",
        ylabel="largest component / its peak\n(running median)",
        ylim=(0, 1.02),
    )
    axes.legend(title="N", loc="lower right", fontsize=6, title_fontsize=6.5)


def _draw_against_size(
    axes: Axes, results: Results, statistic: Callable[[Arrays], float], label: str
) -> None:
    looks = (("o", "-", style.BLUE), ("s", "--", style.VERMILION))
    for rollouts, (marker, dashes, colour) in zip(ROLLOUTS, looks):
        _points(axes, results, rollouts, statistic, marker, dashes, colour, rollouts)
    axes.set(xlabel="N (nodes)", ylabel=label)
    axes.legend(loc="best")


def _points(
    axes: Axes,
    results: Results,
    rollouts: str,
    statistic: Callable[[Arrays], float],
    marker: str,
    dashes: str,
    colour: str,
    label: str,
) -> None:
    """Draw every seed as a dot and the medians as a line, on logarithmic axes."""
    sizes, middles = sizes_in(results), []
    for nodes in sizes:
        values = np.array([statistic(run) for run in runs_at(results, nodes, rollouts)])
        axes.plot([nodes] * len(values), values, marker, ms=2.5, color=colour, alpha=0.35, mew=0)
        middles.append(np.median(values[np.isfinite(values)]) if np.isfinite(values).any() else np.nan)
    axes.plot(sizes, middles, marker=marker, ls=dashes, ms=4, color=colour, label=label)
    axes.set(xscale="log", yscale="log")
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.set_xticks(sizes, [f"{nodes:,}" for nodes in sizes], fontsize=6.5, rotation=30)
    axes.minorticks_off()


def _draw_marks(axes: Axes, results: Results) -> None:
    for mark, label, marker, dashes, colour in (
        (regimes.bottom, "V bottom", "o", "-", style.BLUE),
        (regimes.knee_step, "knee", "s", "--", style.VERMILION),
        (regimes.island_peak, "island peak", "^", ":", style.GREEN),
    ):
        _points(axes, results, ROLLOUTS[0], mark, marker, dashes, colour, label)
    axes.set(xlabel="N (nodes)", ylabel="step (G = 8 N/800)")
    axes.legend(loc="upper left")
