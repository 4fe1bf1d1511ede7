"""C9: learning at criticality: one exemplar, a sharp transition, broad path lengths at it."""

from collections import Counter
from collections.abc import Callable
from typing import Any, Literal

import numpy as np

from conet.cells.cell import Arrays, Cell
from conet.cells.criticality import MODELS, STARTS
from conet.claims.shared import draw_curves, fresh
from conet.judging.claim import Claim, Results, Scale, Table
from conet.judging.judgement import ClaimResult, judge
from conet.report import style
from conet.report.style import Picture

SHARP = 0.5  # width of the rise over its midpoint
BROAD = 1.5  # relative spread of lengths over that at the start
PLAUSIBLE = 0.1  # below, a model is ruled out (Clauset, Shalizi and Newman 2009)

# Name, changes to the preset, and spacing of the exact solutions (0: none).
REGIMES: dict[str, tuple[dict[str, Any], int]] = {
    "N=800, L=200 (preset)": ({}, 10),
    "N=800, L=50": ({"problems.max_length": 50, "steps": 800}, 2),
    "N=800, L=15": ({"problems.max_length": 15, "steps": 800}, 2),
}
SIZES = {
    (200, 50): {"graph.nodes": 200, "problems.max_length": 50},
    (800, 200): {},
    (3200, 800): {"graph.nodes": 3200, "problems.max_length": 800},
    (3200, 50): {"graph.nodes": 3200, "problems.max_length": 50, "steps": 1600},
}
Row = tuple[str, Callable[[Arrays], float], float, Literal["at least", "at most"], str]
JUDGED = tuple(REGIMES)[:2]  # L=15 has less than a decade of lengths


def cell(seed: int, changes: dict[str, Any], every: int) -> Cell:
    """Return the cell of one run."""
    arguments = {"seed": seed, "changes": changes, "every": every}
    return Cell("conet.cells.criticality:critical_run", arguments)


def cells(scale: Scale) -> list[Cell]:
    """Return all regimes, and all sizes unless quick."""
    found = [cell(seed, *regime) for regime in REGIMES.values() for seed in fresh(scale)]
    if not scale.quick:
        found += [cell(seed, changes, 0) for changes in SIZES.values() for seed in fresh(scale)]
    return found


def relative_width(run: Arrays) -> float:
    """Width of the rise over the step of its middle; NaN where nothing was learned."""
    learned = run["rise.high"] >= 0.5 and run["rise.midpoint"] > 0
    return float(run["rise.width"] / run["rise.midpoint"]) if learned else float("nan")


def spread(run: Arrays) -> np.ndarray:
    """Standard deviation over mean of the lengths of correct walks, at every kept step; exact."""
    lengths = np.arange(1, run["lengths"].shape[1] + 1)
    success = run["lengths"].sum(axis=1)
    mean = run["lengths"] @ lengths / success
    return np.sqrt(np.maximum(run["lengths"] @ lengths**2 / success - mean**2, 0.0)) / mean


def spread_ratio(run: Arrays) -> float:
    """Relative spread halfway up over that at the start."""
    return float(spread(run)[run["halfway"]] / spread(run)[0])


def best_model(run: Arrays, start: int) -> str:
    """Return the model of lowest BIC."""
    return MODELS[int(run["bic"][start].argmin())]


def power_law_tail(run: Arrays) -> float:
    """1 where a power law fits the tail best and is plausible; with a cut-off, its exponent is at least 1."""
    tail = STARTS.index("tail")
    pure = best_model(run, tail) == "power law" and run["plausible"][tail] >= PLAUSIBLE
    cut = run["cut_exponent"][tail] >= 1 and run["cut_plausible"][tail] >= PLAUSIBLE
    return float(pure or cut)


def _of(results: Results, regime: str) -> list[Arrays]:
    changes, every = REGIMES[regime]
    return results.where(changes=changes, every=every)


ROWS: tuple[Row, ...] = (
    (
        "width of the rise (10 to 90 %) over the step of its middle",
        relative_width,
        SHARP,
        "at most",
        "a sudden rise after a longer wait",
    ),
    (
        "share of seeds in which a logistic rise beats a ramp (BIC)",
        lambda run: float(run["rise.beats_ramp"] == 1),
        0.5,
        "at least",
        "necessary, not sufficient",
    ),
    (
        "relative spread of path lengths halfway up over that at the start",
        spread_ratio,
        BROAD,
        "at least",
        "broader than the random walk of the start",
    ),
    (
        "share of seeds whose path lengths halfway up have a power-law tail",
        power_law_tail,
        0.5,
        "at least",
        "the best of five models by BIC, and not ruled out",
    ),
)


def judge_rows(results: Results) -> list[ClaimResult]:
    """Judge sharpness, breadth and tail in two regimes, and whether size sharpens the rise."""
    rows = []
    for regime in JUDGED:
        for text, statistic, threshold, wanted, why in ROWS:
            values = [statistic(run) for run in _of(results, regime)]
            rows.append(
                judge(
                    "C9",
                    f"{regime}: {text}",
                    values,
                    threshold,
                    wanted=wanted,
                    why=why,
                    shares="share of seeds" in text,
                )
            )
    rows.append(_sharpening(results, (200, 50), (3200, 800)))
    return [row for row in rows if row.seeds]


def _sharpening(results: Results, small: tuple[int, int], large: tuple[int, int]) -> ClaimResult:
    """Paired by seed and at one L/N: relative width at the large size over that at the small one."""
    widths = {
        size: {
            cell.arguments["seed"]: relative_width(run)
            for cell, run in results.pairs
            if cell.arguments["changes"] == SIZES[size] and not cell.arguments["every"]
        }
        for size in (small, large)
    }
    common = sorted(widths[small].keys() & widths[large].keys())
    ratios = [widths[large][seed] / widths[small][seed] for seed in common]
    words = "at fixed L/N: relative width of the rise at N=3200 over that at N=200"
    why = "a transition sharpens with size, a crossover does not"
    return judge("C9", words, ratios, 0.8, wanted="at most", why=why, over=np.median)


def draw(results: Results) -> list[Picture]:
    """Draw learning curves and path lengths halfway up for the judged regimes."""
    figure = style.figure(5.0)
    grid = figure.subplots(2, len(JUDGED))
    for column, regime in enumerate(JUDGED):
        runs = _of(results, regime)
        if not runs:
            continue
        top, bottom = grid[:, column]
        curves = np.array([run["accuracy"] for run in runs])
        draw_curves(top, np.arange(curves.shape[1]), curves, style.BLUE, "median of the seeds")
        top.set(title=regime, xlabel="step (updates done)", ylabel="accuracy (64 rollouts)", ylim=(0, 1.02))
        top.legend(loc="lower right")
        for when, colour, dashes, label in (
            ("start", style.MUTED, "--", "start: a random walk"),
            ("halfway", style.VERMILION, "-", "halfway up"),
        ):
            rows = [0 if when == "start" else int(run["halfway"]) for run in runs]
            longer = np.array(
                [1 - np.append(0, np.cumsum(run["lengths"][row]))[:-1] for run, row in zip(runs, rows)]
            )
            draw_curves(bottom, np.arange(1, longer.shape[1] + 1), longer, colour, label, dashes)
        bottom.set(
            xlabel="length ℓ (steps of a walk)", ylabel="share of walks ≥ ℓ", xscale="log", yscale="log"
        )
        for axis, ticks in (
            (bottom.xaxis, (1, 2, 5, 10, 20, 50, 100, 200)),
            (bottom.yaxis, (1, 0.8, 0.6, 0.4, 0.2)),
        ):
            axis.set_ticks(ticks, [f"{tick:g}" for tick in ticks])
            axis.minorticks_off()
        bottom.set(xlim=(1, longer.shape[1]), ylim=(0.2, 1.1))
        bottom.legend(loc="lower left")
    text = (
        "Top: accuracy of every seed, unsmoothed. Bottom: exact distribution of path lengths, cut at L; "
        "on these axes a power law is a straight line. Where walks are short a single path is found at "
        "once: a drop at its length, then the random walk again; no scale-free tail."
    )
    return [Picture(name="c9-criticality", title="One exemplar", caption=text, svg=style.to_svg(figure))]


def tables(results: Results) -> list[Table]:
    """Show sharpness and the best model in every regime, and sharpness by size."""
    found = {regime: runs for regime in REGIMES if (runs := _of(results, regime))}
    return [_sharpness_table(results, found), *([_lengths_table(found)] if found else [])]


def _sharpness_table(results: Results, found: dict[str, list[Arrays]]) -> Table:
    rows: list[tuple[str, ...]] = [
        (regime, *_sharpness(runs), f"{np.median([spread_ratio(run) for run in runs]):.2f}")
        for regime, runs in found.items()
    ]
    for (nodes, longest), changes in SIZES.items():
        runs = results.where(changes=changes, every=0)
        if runs:
            rows.append((f"N={nodes}, L={longest} (sizes)", *_sharpness(runs), ""))
    header = (
        "regime",
        "middle (step)",
        "width (steps)",
        "width / middle",
        "width / run",
        "spread ratio",
    )
    caption = (
        "Medians over seeds. Width: 10 to 90 % of a logistic rise. Spread ratio: relative spread halfway "
        "over start."
    )
    return Table("How sharp the rise is", header, tuple(rows), caption)


def _lengths_table(found: dict[str, list[Arrays]]) -> Table:
    rows = []
    for regime, runs in found.items():
        for place, start in enumerate(STARTS):
            winners = Counter(best_model(run, place) for run in runs)
            plausible = np.mean([run["plausible"][place] >= PLAUSIBLE for run in runs])
            firsts = [int(run["first"][place]) for run in runs]
            counts = [f"{winners[model] / len(runs):.2f}" for model in MODELS]
            lengths = f"{start}, from {min(firsts)} to {max(firsts)}"
            rows.append((regime, lengths, *counts, f"{plausible:.2f}"))
    header = ("regime", "lengths", *MODELS, "power law not ruled out")
    caption = (
        "Share of seeds in which each model of the path lengths halfway up has the lowest BIC "
        "(4,096 walks, discrete likelihood, walks longer than L as censored). Tail: from where a "
        "power law fits best, L/10 at most."
    )
    return Table("Path lengths at the transition", header, tuple(rows), caption)


def _sharpness(runs: list[Arrays]) -> tuple[str, ...]:
    middle = np.median([run["rise.midpoint"] for run in runs])
    width = np.median([run["rise.width"] for run in runs])
    relative = np.nanmedian([relative_width(run) for run in runs])
    share = np.median([run["rise.width"] / len(run["accuracy"]) for run in runs])
    return f"{middle:.0f}", f"{width:.0f}", f"{relative:.2f}", f"{share:.2f}"


CLAIM = Claim(
    name="C9",
    title="learning at criticality: a sharp transition with broad path lengths at it",
    method=(
        "Preset critical (one exemplar, L=200) and the same with L=50. Sharp: a logistic rise whose "
        "10-90 % width is at most half of the step of its middle, and which beats a ramp. Broad: "
        "halfway up the relative spread of lengths is at least 1.5 times that at the start. Power law: "
        "4,096 lengths halfway up, discrete maximum likelihood, walks cut at L as right-censored, from "
        "where a power law fits best (L/10 at most): pure or with a cut-off it has the lowest BIC "
        "against lognormal, exponential and two exponentials and is not ruled out (parametric bootstrap "
        "of the Kolmogorov-Smirnov distance, p ≥ 0.1), with an exponent of at least 1 where it has a "
        "cut-off, in at least half of the seeds. A transition sharpens with size: relative width at "
        "N=3200 at most 0.8 of that at N=200, at fixed L/N."
    ),
    changed=(
        "A row on sharpening at fixed L = 50 (at most 0.8; it held with 0.08) was dropped: there L/N falls "
        "by a factor of 16 with the size, and the rise is narrower wherever L/N is smaller, at one size too. "
        "Where all seeds agree on a yes or no, the interval of their share is Clopper and Pearson's; the "
        "bootstrap's had no width."
    ),
    of_paper=True,
    fixed="70ef6c2",
    cells=cells,
    judge=judge_rows,
    draw=draw,
    tables=tables,
)
