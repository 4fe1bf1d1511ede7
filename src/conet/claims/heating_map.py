"""Heating map: time × strength × what is taught, for several loads."""

import numpy as np
from matplotlib.axes import Axes

from conet.base.intervals import standard_error
from conet.cells.cell import Cell
from conet.claims.heating import BASELINE, LOADS, arm, cells, gain, load
from conet.claims.shared import fresh
from conet.judging.claim import Claim, Results, Scale, Table
from conet.report import style
from conet.report.style import Picture

TIMES = (20, 40, 60, 90, 130, 180, 250, 400, 600)
STRENGTHS = (0.05, 0.15, 0.4)
PICKS = ("shortest", "random")
ARMS = [
    BASELINE,
    *[arm("heat", t, sft_learning_rate=s, pick=p) for p in PICKS for s in STRENGTHS for t in TIMES],
]


def panels(scale: Scale) -> list[tuple[dict, int]]:
    """Return loads and seeds: all at the reference load, ten of 32 at the heavier ones."""
    fewer = max(2, scale.seeds * 5 // 16)
    chosen = [(load(LOADS[0]), scale.seeds)] + [(load(questions), fewer) for questions in LOADS[1:]]
    return [
        *chosen,
        (load(256, 300.0), fewer),
    ]  # the last at the rate of the lightest load, as an earlier trial had it


def all_cells(scale: Scale) -> list[Cell]:
    """Return all arms for every panel."""
    return [cell for changes, seeds in panels(scale) for cell in cells(fresh(scale)[:seeds], ARMS, changes)]


def changes_in(results: Results) -> list[dict]:
    """Return the panels that were run, in order."""
    found: list[dict] = []
    for cell, _ in results.pairs:
        if cell.arguments["changes"] not in found:
            found.append(cell.arguments["changes"])
    return found


def title_of(changes: dict) -> str:
    """Name a panel."""
    return f"M = {changes['problems.count']}, lr = {changes['learner.learning_rate']:g}"


def draw(results: Results) -> list[Picture]:
    """Draw the mean gain over time with standard errors: a line a strength, all panels on one scale."""
    found = changes_in(results)
    figure = style.figure(1.75 * len(found) + 0.5)
    grid = figure.subplots(len(found), 2, sharex=True, sharey=True, squeeze=False)
    for row, changes in zip(grid, found):
        for axes, pick in zip(row, PICKS):
            _draw_gains(axes, results, changes, pick)
        row[0].set_ylabel("gain in pass@1")
    grid[0, 0].legend(loc="lower right", fontsize=6.5)
    for axes in grid[-1]:
        axes.set_xlabel("step of heating")
    text = (
        "Final pass@1 (exact) less that of RLVR of equal updates, paired by seed; mean and standard "
        "error. Ten SFT steps of the given strength on one correct walk of each hard problem."
    )
    return [
        Picture(
            name="heating-map",
            title="When and how strongly to heat",
            caption=text,
            svg=style.to_svg(figure),
            wide=True,
        )
    ]


def _draw_gains(axes: Axes, results: Results, changes: dict, pick: str) -> None:
    looks = (("o-", style.SKY), ("s--", style.BLUE), ("^:", style.VERMILION))
    for strength, (dashes, colour) in zip(STRENGTHS, looks):
        arms = [arm("heat", time, sft_learning_rate=strength, pick=pick) for time in TIMES]
        gains = np.array([gain(results, changes, one) for one in arms])
        error = standard_error(gains)
        label = f"{strength:g} logits"
        axes.errorbar(
            TIMES, gains.mean(axis=1), error, fmt=dashes, color=colour, ms=3, lw=1, capsize=2, label=label
        )
    axes.axhline(0, color=style.MUTED, lw=0.8)
    axes.set_xscale("log")
    axes.set_xticks(TIMES, [str(time) for time in TIMES], fontsize=6.5)
    axes.minorticks_off()
    axes.set_title(f"{title_of(changes)}: {pick} walk", fontsize=8)


def tables(results: Results) -> list[Table]:
    """Show mean gain and standard error of every cell of the map."""
    found = []
    for changes in changes_in(results):
        rows = []
        for pick in PICKS:
            for strength in STRENGTHS:
                cells_of = []
                for time in TIMES:
                    values = gain(results, changes, arm("heat", time, sft_learning_rate=strength, pick=pick))
                    error = standard_error(values)
                    cells_of.append(f"{values.mean():+.3f} ± {error:.3f}")
                rows.append((pick, f"{strength:g}", *cells_of))
        header = ("walk", "strength", *(f"step {time}" for time in TIMES))
        seeds = len(gain(results, changes, ARMS[1]))
        found.append(
            Table(title_of(changes), header, tuple(rows), f"Gain in pass@1 ± standard error, {seeds} seeds.")
        )
    return found


CLAIM = Claim(
    name="heating-map",
    title="when, how strongly and with which walk to heat",
    method=(
        "Paired by seed, equal updates, exact pass@1 at the end; all seeds at the reference load, ten "
        "of 32 at the others. No verdicts: a map of 54 cells a load would find some by chance; C8 "
        "judges one cell fixed beforehand."
    ),
    cells=all_cells,
    draw=draw,
    tables=tables,
)
