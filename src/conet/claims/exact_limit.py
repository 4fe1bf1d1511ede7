"""Exact limit: what is left of the phenomena with infinitely many rollouts, and how fast GRPO gets there."""

from collections.abc import Callable
from typing import Any

import numpy as np

from conet.cells import curves
from conet.cells.cell import Arrays, Cell
from conet.claims import regimes
from conet.claims.shared import draw_curves, fresh
from conet.judging.claim import Claim, Results, Scale, Table
from conet.judging.judgement import ClaimResult, judge
from conet.report import style
from conet.report.style import Picture

ROLLOUTS = (4, 16, 64, 256, 1024, 4096)
STEPS = 400
EVERY = 5  # steps between two exact solutions
SEEDS = 10  # more than enough, and each exact run takes half a minute
EXACT = {"learner.name": "exact", "steps": STEPS}


def grpo(rollouts: int) -> dict[str, Any]:
    """Return the changes for GRPO with so many rollouts a question."""
    return {"learner.rollouts": rollouts, "steps": STEPS}


def learners(scale_quick: bool = False) -> dict[str, dict[str, Any]]:
    """Return the learners by name, the exact one last."""
    chosen = ROLLOUTS[1:5:2] if scale_quick else ROLLOUTS
    return {f"G = {count}": grpo(count) for count in chosen} | {"exact": EXACT}


def cells(scale: Scale) -> list[Cell]:
    """Return every learner on the same graphs, the longest runs first."""
    seeds = fresh(scale) if scale.level == "exhaustive" else fresh(scale)[:SEEDS]
    chosen = reversed(learners(scale.quick).values())
    return [curves.cell(seed, changes, solve_every=EVERY) for changes in chosen for seed in seeds]


def by_seed(results: Results, changes: dict[str, Any]) -> dict[int, Arrays]:
    """Return the runs of a learner by seed."""
    return {
        cell.arguments["seed"]: run for cell, run in results.pairs if cell.arguments["changes"] == changes
    }


def ratio(run: Arrays) -> float:
    """End over minimum of the exact pooled correct length."""
    return float(run["length"][-1] / run["length"].min())


def bottom(run: Arrays) -> float:
    """Step where the exact pooled correct length is least."""
    return float(run["solve_steps"][run["length"].argmin()])


def distances(results: Results, changes: dict[str, Any], name: str = "success") -> np.ndarray:
    """Root mean squared distance over the steps from the exact learner's curve, paired by seed."""
    truth = by_seed(results, EXACT)
    runs = by_seed(results, changes)
    common = sorted(truth.keys() & runs.keys())
    return np.array([np.sqrt(np.mean((runs[seed][name] - truth[seed][name]) ** 2)) for seed in common])


def judge_rows(results: Results) -> list[ClaimResult]:
    """Judge V, islands and their coincidence for the exact learner."""
    runs = list(by_seed(results, EXACT).values())
    where = "exact learner"
    return [
        judge(
            "C2",
            f"{where}: end over minimum of the pooled correct length (exact)",
            [ratio(run) for run in runs],
            1.3,
            why="as in C2: no sampling noise can make this V",
        ),
        judge(
            "C4",
            f"{where}: most islands over those at the end",
            [run["islands"].max() / run["islands"][-1] for run in runs],
            1.3,
            why="islands that merge",
        ),
        regimes.coincide(
            "C4",
            f"{where}: island peak at V bottom",
            [regimes.island_peak(run) for run in runs],
            [bottom(run) for run in runs],
            "as in C4",
        ),
    ]


def draw(results: Results) -> list[Picture]:
    """Draw success, length and islands of every learner, and the distance from the exact one."""
    figure = style.figure(5.2)
    grid = figure.subplots(2, 2)
    panels: tuple[tuple[str, str, str], ...] = (
        ("success", "solve_steps", "success probability (exact)"),
        ("length", "solve_steps", "length of correct walks\n(steps, exact, pooled)"),
        ("islands", "web_steps", "islands\n(components of the web, π ≥ 0.3)"),
    )
    for axes, (name, steps, label) in zip(grid.flat, panels):
        _draw_curves(axes, results, name, steps)
        axes.set(xlabel="step (updates done)", ylabel=label, ylim=(0, None))
    grid[0, 1].set_ylim(0, 8)
    grid[0, 0].legend(loc="lower right", fontsize=6.5)
    _draw_distance(grid[1, 1], results)
    text = (
        "Medians over seeds; thin: every seed of the exact learner. Success and length are exact for "
        "all learners. Bottom right: root mean squared distance of the success curve from the exact "
        "learner's, paired by seed, in probability."
    )
    return [
        Picture(
            name="exact-limit",
            title="Infinitely many rollouts",
            caption=text,
            svg=style.to_svg(figure),
            wide=True,
        )
    ]


def _draw_curves(axes: Any, results: Results, name: str, steps: str) -> None:
    for place, count in enumerate(ROLLOUTS):
        runs = list(by_seed(results, grpo(count)).values())
        if runs:
            middle = np.median([run[name] for run in runs], axis=0)
            axes.plot(
                runs[0][steps], middle, color=regimes.SHADES[place], ls="-", lw=1.1, label=f"G = {count:,}"
            )
    exact = list(by_seed(results, EXACT).values())
    if exact:
        rows = np.array([run[name] for run in exact])
        draw_curves(axes, exact[0][steps], rows, style.VERMILION, "exact", "--")


def _draw_distance(axes: Any, results: Results) -> None:
    found = [(count, distances(results, grpo(count))) for count in ROLLOUTS if by_seed(results, grpo(count))]
    for count, values in found:
        axes.plot([count] * len(values), values, "o", ms=2.5, color=style.BLUE, alpha=0.4, mew=0)
    counts = np.array([count for count, _ in found])
    middles = np.array([np.median(values) if len(values) else np.nan for _, values in found])
    axes.plot(counts, middles, "o-", ms=4, color=style.BLUE, label="median of the seeds")
    if len(counts):
        axes.plot(counts, middles[0] * np.sqrt(counts[0] / counts), ":", color=style.MUTED, label="∝ 1/√G")
    axes.set(
        xscale="log", yscale="log", xlabel="rollouts a question, G", ylabel="distance from the exact curve"
    )
    axes.set_xticks(counts, [f"{count:,}" for count in counts])
    axes.minorticks_off()
    axes.legend(loc="lower left")


def tables(results: Results) -> list[Table]:
    """Show every learner in numbers."""
    rows = []
    for name, changes in learners().items():
        runs = list(by_seed(results, changes).values())
        if runs:
            rows.append(_row(name, runs, distances(results, changes), distances(results, changes, "length")))
    header = (
        "learner",
        "success",
        "least length",
        "length at the end",
        "V ratio",
        "V bottom",
        "most islands",
        "island peak",
        "islands at the end",
        "distance, success",
        "distance, length",
    )
    caption = (
        f"Medians over seeds, after {STEPS} updates. Success and pooled correct length: exact. Distance: "
        "root mean square over the steps from the exact learner, paired by seed."
    )
    return [Table("From few rollouts to infinitely many", header, tuple(rows), caption)]


def _row(name: str, runs: list[Arrays], success: np.ndarray, length: np.ndarray) -> tuple[str, ...]:
    columns: tuple[tuple[Callable[[Arrays], float], str], ...] = (
        (lambda run: run["success"][-1], ".3f"),
        (lambda run: run["length"].min(), ".2f"),
        (lambda run: run["length"][-1], ".2f"),
        (ratio, ".2f"),
        (bottom, ".0f"),
        (lambda run: run["islands"].max(), ".0f"),
        (regimes.island_peak, ".0f"),
        (lambda run: run["islands"][-1], ".0f"),
    )
    numbers = [regimes.median_of(map(statistic, runs), form) for statistic, form in columns]
    return name, *numbers, regimes.median_of(success, ".4f"), regimes.median_of(length, ".3f")


CLAIM = Claim(
    name="exact-limit",
    title="do the phenomena survive infinitely many rollouts?",
    method=(
        f"Preset reference, {STEPS} steps: the exact policy gradient of group-normalised GRPO against "
        "GRPO with G from 4 to 4,096, on the same graphs and questions (10 seeds). Success and correct "
        f"length are solved exactly every {EVERY} steps. V: end over minimum at least 1.3; islands: peak "
        "over end likewise; coincidence as in C4."
    ),
    changed=(
        "Coincidence was a mean distance of at most a quarter; it is now that of C4, run again on fresh "
        "seeds."
    ),
    fixed="d16e117",
    cells=cells,
    judge=judge_rows,
    draw=draw,
    tables=tables,
)
