"""The phase diagram of the temperature: up to which weight of the entropy a run orders, and what moves it."""

from typing import Any

import numpy as np

from conet.base.intervals import interval
from conet.cells import melting
from conet.cells.cell import Cell
from conet.cells.melting import WEIGHTS
from conet.claims import melting_figure, melting_fluctuations
from conet.claims.melting_runs import (
    BASE,
    FACTOR,
    FIRST,
    FROM_ORDER,
    LOADS,
    SEEDS,
    SERIES,
    SIZES,
    at_ends,
    critical,
    over_estimate,
    runs_of,
)
from conet.judging.claim import Claim, Results, Scale, Table
from conet.judging.judgement import ClaimResult, judge
from conet.report.style import Picture


def cells(scale: Scale) -> list[Cell]:
    """Return runs from the uniform policy in every world, and from the ground state at every load."""
    seeds = range(FIRST, FIRST + (scale.seeds if scale.level == "exhaustive" else min(scale.seeds, SEEDS)))
    every = [one for series in SERIES.values() for one in series.values()]
    if scale.quick:
        every = [one for one in every if one["graph.nodes"] < SIZES[-1]]
    # In the order in which they are run: an interrupted diagram has whole worlds, the hysteresis first.
    order = [(True, BASE), (False, BASE), *((False, one) for one in every[:8])]
    worlds = [*order, *((True, one) for one in FROM_ORDER), *((False, one) for one in every)]
    found = [melting.cell(seed, begun, one) for begun, one in worlds for seed in seeds]
    return list({cell.key: cell for cell in [*found, *melting_fluctuations.cells(scale)]}.values())


def judge_rows(results: Results) -> list[ClaimResult]:
    """Judge the estimate in every world, and whether runs that begin ordered stay so for longer."""
    rows: list[ClaimResult] = []
    seen: list[dict[str, Any]] = []
    for name, series in SERIES.items():
        for value, changes in series.items():
            runs = runs_of(results, changes)
            if not runs or changes in seen:
                continue
            seen.append(changes)
            off = [abs(np.log2(over_estimate(run) / FACTOR)) for run in runs]
            text = f"{name}, {value}: octaves between critical weight and {FACTOR} times the estimate"
            rows.append(
                judge("melting", text, off, 1.0, wanted="at most", why="right within a factor of two")
            )
    for load, changes in zip(LOADS, FROM_ORDER):
        pairs = zip(runs_of(results, changes, True), runs_of(results, changes))
        later = [np.log2(critical(kept) / critical(made)) for kept, made in pairs]
        if not later:
            continue
        text = f"load {load:g}, N = 200: octaves by which order is kept beyond where it begins"
        rows.append(judge("melting", text, later, 0.5, why="hysteresis: more than one step of the weight"))
    return rows + melting_fluctuations.judge_rows(results)


def tables(results: Results) -> list[Table]:
    """Show the critical weight of every world."""
    rows = []
    for name, series in SERIES.items():
        for value, changes in series.items():
            runs = runs_of(results, changes)
            if runs:
                found = np.array([critical(run) for run in runs])
                estimate = np.mean([run["weight"][0] / WEIGHTS[0] for run in runs])
                low, high = interval(found)
                ordered = runs_of(results, changes, True)
                kept = [critical(run) for run in ordered]
                rows.append(
                    (
                        name,
                        value,
                        f"{found.mean():.3f} ({low:.3f} to {high:.3f}){at_ends(runs)}",
                        f"{FACTOR * estimate:.3f}",
                        f"{np.mean(kept):.3f}{at_ends(ordered)}" if kept else "–",
                    )
                )
    header = ("series", "value", "critical weight, 95 % interval", "estimate × 2.5", "from the ground state")
    caption = (
        "Means over seeds. From the ground state: where runs that begin ordered melt. In brackets: of how "
        "many seeds the weight lies beyond those that were tried, and counts as the last of them."
    )
    left = {
        name: [value for value, changes in series.items() if not runs_of(results, changes)]
        for name, series in SERIES.items()
    }
    missing = [f"{name}: {', '.join(values)}" for name, values in left.items() if values]
    if missing:
        caption += f" Entered, and not run here: {'; '.join(missing)}."
    begins = Table("Where order begins", header, tuple(rows), caption)
    return [begins, *melting_fluctuations.table(results)]


def draw(results: Results) -> list[Picture]:
    """Draw the phase diagrams, the hysteresis, and the estimate."""
    return melting_figure.draw(results)


CLAIM = Claim(
    name="melting",
    title="up to which temperature does a run order, and what moves that?",
    method=(
        "Small graphs (N = 200, K = 20, L = 15, 60 problems, G = 8, lr/M = 2.34, 300 updates, where nothing "
        "else is said), six seeds. A constant entropy weight, nine values half an octave apart, begun at the "
        "uniform policy. Ordered: exact accuracy of one half or more. Critical: the weight at which the "
        "accuracy falls below one half for good. Mean-field estimate: √(G-1) p / (1 + M L/N), p the accuracy "
        "of the uniform policy: what pulls a question's node towards its answer, over what pulls it back to "
        "entropy. One look at one other seed gave a factor of 2.5; a world agrees where the critical weight "
        "lies within a factor of two of 2.5 times the estimate. Hysteresis: from the ground state (logits "
        "of 8), order is kept to a weight larger by half an octave at least."
    )
    + melting_fluctuations.METHOD,
    changed=(
        "The intervals of where the susceptibility peaks had no width where all seeds have the same weight "
        "of the grid. Half a step of the grid is added at both ends; the rows held before, also after the "
        "correction."
    ),
    fixed="ff00cf0, those of the susceptibility at 8c03d2d",
    cells=cells,
    judge=judge_rows,
    draw=draw,
    tables=tables,
    page="results-annealing.md",
)
