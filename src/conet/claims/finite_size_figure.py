"""The figure of the question on finite size."""

from collections.abc import Callable

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator

from conet.cells.cell import Arrays
from conet.claims import regimes
from conet.claims.finite_size_runs import (
    ROLLOUTS,
    SETTLED,
    crossing,
    exponent,
    giant_share,
    merging,
    relative_width,
    runs_at,
    sizes_in,
)
from conet.claims.shared import draw_points
from conet.judging.claim import Results
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
        "Top left: the largest component as the islands merge, in a running median over a twentieth of "
        "the run; median over seeds, each on the clock of its half rise (G = 8 N/800); shaded: all "
        "seeds. Relative width: steps from 10 to 90 % over the step of 50 %. Small dots: seeds; large: "
        "medians; bars: from the lowest seed to the highest; lines: the power laws that are judged, "
        "from N = 800 on."
    )
    return [
        Picture(
            name="finite-size",
            title="The merge at growing size",
            caption=text,
            svg=style.to_svg(figure),
            wide=True,
        )
    ]


def _draw_rise(axes: Axes, results: Results) -> None:
    sizes = sizes_in(results)[::2]  # all of them would hide each other
    clock = np.linspace(0, 2, 201)
    for place, nodes in enumerate(sizes):
        runs = runs_at(results, nodes, ROLLOUTS[0])
        rises = np.array(
            [np.interp(clock * crossing(run, 0.5), run["web_steps"], merging(run)) for run in runs]
        )
        shade = regimes.SHADES[round(place * (len(regimes.SHADES) - 1) / max(1, len(sizes) - 1))]
        axes.fill_between(clock, rises.min(axis=0), rises.max(axis=0), color=shade, alpha=0.12, lw=0)
        label = f"{nodes:,} ({len(runs)} seeds)"
        axes.plot(clock, np.median(rises, axis=0), color=shade, ls="-", lw=1.2, label=label)
    axes.set(
        xlabel="step / step of half the peak",
        ylabel="largest component / its peak\n(running median)",
        ylim=(0, 1.02),
    )
    axes.legend(title="N", loc="lower right", fontsize=6, title_fontsize=6.5)


def _draw_against_size(
    axes: Axes, results: Results, statistic: Callable[[Arrays], float], label: str
) -> None:
    """Draw a statistic for both numbers of rollouts, side by side, with the lines that are fitted."""
    looks = (("o", "-", style.BLUE, 0.94), ("s", "--", style.VERMILION, 1.06))
    for rollouts, (marker, dashes, colour, beside) in zip(ROLLOUTS, looks):
        sizes, groups = _groups(results, rollouts, statistic)
        draw_points(axes, [beside * nodes for nodes in sizes], groups, colour, marker, rollouts)
        fitted = {
            nodes: values[np.isfinite(values) & (values > 0)]
            for nodes, values in zip(sizes, groups)
            if nodes >= SETTLED and (values > 0).any()
        }
        slope, _ = exponent(fitted)
        if np.isfinite(slope):
            medians = np.array([np.median(values) for values in fitted.values()])
            clock = np.array(list(fitted), float)
            height = np.exp(np.mean(np.log(medians)) - slope * np.mean(np.log(clock)))
            axes.plot(clock, height * clock**slope, dashes, color=colour, lw=1, label=f"∝ N^{slope:.2f}")
    _scale_by_size(axes, results, label)
    axes.legend(loc="best", fontsize=6.5)


def _groups(
    results: Results, rollouts: str, statistic: Callable[[Arrays], float]
) -> tuple[list[int], list[np.ndarray]]:
    sizes = sizes_in(results)
    return sizes, [np.array([statistic(run) for run in runs_at(results, nodes, rollouts)]) for nodes in sizes]


def _scale_by_size(axes: Axes, results: Results, label: str) -> None:
    sizes = sizes_in(results)
    axes.set(xscale="log", yscale="log", xlabel="N (nodes)", ylabel=label)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.set_xticks(sizes, [f"{nodes:,}" for nodes in sizes], fontsize=6.5, rotation=30)
    axes.minorticks_off()
    axes.margins(x=0.06)


def _draw_marks(axes: Axes, results: Results) -> None:
    for mark, label, marker, colour, beside in (
        (regimes.bottom, "V bottom", "o", style.BLUE, 0.92),
        (regimes.knee_step, "knee", "s", style.VERMILION, 1.0),
        (regimes.island_peak, "island peak", "^", style.GREEN, 1.08),
    ):
        sizes, groups = _groups(results, ROLLOUTS[0], mark)
        draw_points(axes, [beside * nodes for nodes in sizes], groups, colour, marker, label)
    _scale_by_size(axes, results, "step (G = 8 N/800)")
    axes.legend(loc="upper left")
