"""The figure of the phase diagram of the temperature."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from conet.cells.melting import WEIGHTS
from conet.claims import melting_fluctuations
from conet.claims import melting_runs as melting
from conet.judging.claim import Results
from conet.report import style
from conet.report.style import Picture

COLOURS = (style.SKY, style.BLUE, style.VERMILION)
OF_SERIES = (*style.PALETTE, style.INK, "#8c564b", "#9a9a00")  # one for each, and two that any ground shows


def draw(results: Results) -> list[Picture]:
    """Draw critical weights against load and rate, order begun and kept, and weights against the estimate."""
    kinds: list[tuple[Any, ...]] = [(_hysteresis,), (_estimate,)]
    for series, label in (("load", "problems a node"), ("lr/M", "learning rate over problems")):
        if any(len(_found(results, series, nodes)) > 1 for nodes in melting.SIZES):
            kinds.append((_lines, series, label))
    if any(melting_fluctuations.runs_of(results, nodes) for nodes in melting.SIZES):
        kinds.append((melting_fluctuations.draw,))
    rows = (len(kinds) + 1) // 2
    figure = style.figure(2.6 * rows)
    places = figure.subplots(rows, 2).reshape(-1)
    for axes, (drawn, *more) in zip(places, kinds):
        drawn(axes, results, *more)
    for axes in places[len(kinds) :]:
        axes.set_visible(False)
    text = (
        "Accuracy at the end (N = 200, load 0.3) of runs that begin uniform and at the ground state; thin: "
        "seeds. Each world against the mean-field estimate; line: 2.5 times as large; dotted: a factor of "
        "two from it. Then, where they were run: up to which weight of the entropy a run orders, mean over "
        "seeds with their range. Last, likewise: M times the variance of the accuracy near that "
        "weight; thin: seeds."
    )
    title = "The phase diagram of the temperature"
    return [Picture(name="melting", title=title, caption=text, svg=style.to_svg(figure), wide=True)]


def _found(results: Results, series: str, nodes: int) -> dict[float, np.ndarray]:
    """Return the critical weights of the worlds of a series that were run."""
    worlds = melting.SERIES[f"{series}, N = {nodes}"]
    found = {float(value): _weights(results, one) for value, one in worlds.items()}
    return {value: weights for value, weights in found.items() if len(weights)}


def _lines(axes: Axes, results: Results, series: str, label: str) -> None:
    for nodes, colour in zip(melting.SIZES, COLOURS):
        found = _found(results, series, nodes)
        if found:
            middle = np.array([weights.mean() for weights in found.values()])
            low, high = (np.array([f(weights) for weights in found.values()]) for f in (np.min, np.max))
            across = list(found)
            axes.fill_between(across, low, high, color=colour, alpha=0.2, lw=0)
            axes.plot(across, middle, ".-", color=colour, label=f"N = {nodes}")
    axes.set(xlabel=label, ylabel="critical weight β", yscale="log")
    if series == "load":
        axes.set_xticks(melting.LOADS)
    else:
        axes.set_xscale("log")
        _plain(axes.xaxis)
    _plain(axes.yaxis)
    axes.legend(fontsize=6.5)


def _plain(axis: Axis) -> None:
    """Write few and plain numbers on a logarithmic axis."""
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def _weights(results: Results, changes: dict[str, Any]) -> np.ndarray:
    return np.array([melting.critical(run) for run in melting.runs_of(results, changes)])


def _hysteresis(axes: Axes, results: Results) -> None:
    for ordered, colour, label in (
        (False, style.BLUE, "from uniform"),
        (True, style.VERMILION, "from order"),
    ):
        runs = melting.runs_of(results, melting.BASE, ordered)
        for run in runs:
            axes.plot(run["weight"], run["accuracy"], color=colour, lw=0.4, alpha=0.4)
        if runs:
            across, up = (np.mean([run[name] for run in runs], axis=0) for name in ("weight", "accuracy"))
            axes.plot(across, up, ".-", color=colour, label=label)
    axes.set(xlabel="weight β", ylabel="accuracy at the end", xscale="log", ylim=(-0.02, 1.02))
    _plain(axes.xaxis)
    axes.legend(fontsize=6.5)


def _estimate(axes: Axes, results: Results) -> None:
    ends = []
    for colour, (name, series) in zip(OF_SERIES, melting.SERIES.items(), strict=True):
        runs = [run for one in series.values() for run in melting.runs_of(results, one)]
        if runs:
            across = np.array([run["weight"][0] / WEIGHTS[0] for run in runs])
            up = [melting.critical(run) for run in runs]
            axes.plot(across, up, ".", color=colour, alpha=0.6, mew=0, ms=5, label=name)
            ends += [across.min(), across.max()]
    line = np.array([min(ends), max(ends)])
    for factor, dashes in ((1.0, "-"), (0.5, ":"), (2.0, ":")):
        axes.plot(line, melting.FACTOR * factor * line, dashes, color=style.MUTED, lw=0.9)
    axes.set(xlabel="mean-field estimate", ylabel="critical weight β", xscale="log", yscale="log")
    _plain(axes.xaxis)
    _plain(axes.yaxis)
    axes.legend(fontsize=5, ncols=2)
