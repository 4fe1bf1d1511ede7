"""Percolation: from when on do paths avoid each other, and what sets that moment?"""

from typing import Any

import numpy as np

from conet.base.intervals import interval
from conet.cells import percolation
from conet.cells.cell import Arrays, Cell
from conet.claims import regimes
from conet.claims.heating import load
from conet.claims.shared import draw_band, draw_curves, fresh
from conet.judging.claim import Claim, Results, Scale, Table
from conet.judging.judgement import ClaimResult, judge, judged_within
from conet.report import style
from conet.report.style import Picture

FEW = 30  # committed problems that are few
APART = 1.1  # islands over those of random paths from which on paths avoid each other (our choice)
SMOOTHED = 3  # looks
STEPS = {"steps": 400}
LOAD = 0.16  # problems a node: 128 at N = 800


def size(nodes: int) -> dict[str, Any]:
    """Return the changes for a graph of another size, at one load and lr/M; longer runs for larger graphs."""
    steps = round(400 * max(1.0, np.sqrt(nodes / 800)))
    return {"graph.nodes": nodes, **load(round(LOAD * nodes)), "steps": steps}


WORLDS: dict[str, dict[str, Any]] = {
    "reference": STEPS,
    "N = 400": size(400),
    "N = 1,600": size(1600),
    "K = 10": {**STEPS, "graph.degree": 10},
    "K = 160": {**STEPS, "graph.degree": 160},
    "L = 8": {**STEPS, "problems.max_length": 8},
    "L = 25": {**STEPS, "problems.max_length": 25},
}
QUICK = ("reference", "N = 400", "N = 1,600")
SEEDS = 8


def cells(scale: Scale) -> list[Cell]:
    """Return every world, one cell a seed; 16 seeds at most of the reference, 8 of the others."""
    found = []
    for name in QUICK if scale.quick else WORLDS:
        most = scale.seeds if scale.level == "exhaustive" else SEEDS * (2 if name == "reference" else 1)
        found += [percolation.cell(seed, WORLDS[name]) for seed in fresh(scale)[:most]]
    return found


def ratios(run: Arrays) -> np.ndarray:
    """Islands over those of random paths at every look, in a centred median of three; NaN where none is."""
    from scipy.ndimage import median_filter

    known = run["random_islands"] > 0
    found = np.where(known, run["islands"] / np.where(known, run["random_islands"], 1.0), np.nan)
    return np.where(known, median_filter(np.where(known, found, 1.0), SMOOTHED), np.nan)


def few(run: Arrays) -> float:
    """Islands over those of random paths at the first look with 30 committed problems."""
    reached = np.flatnonzero(run["committed"] >= FEW)
    return float(ratios(run)[reached[0]]) if len(reached) else float("nan")


def onset(run: Arrays) -> float:
    """Committed problems at the first look from which on islands are 1.1 times those of random paths."""
    within = np.flatnonzero(~(ratios(run) >= APART))
    place = within[-1] + 1 if len(within) else 0
    return float(run["committed"][place]) if place < len(run["committed"]) else float("nan")


def of_problems(run: Arrays) -> float:
    """The same as a share of all problems."""
    return onset(run) / float(run["problems"])


def judge_rows(results: Results) -> list[ClaimResult]:
    """Judge percolation of few paths, exclusion of many, and how the onset grows with the graph."""
    runs = results.where(changes=WORLDS["reference"])
    shares = np.array([few(run) for run in runs])
    known = shares[np.isfinite(shares)]
    rows = [
        judged_within(
            "C4",
            f"islands over those of random paths at {FEW} committed problems",
            shares,
            APART,
            float(known.mean()) if len(known) else float("nan"),
            interval(known),
            why="few paths lie as if at random: percolation, and no frustration",
            estimator="mean",
        ),
        judge(
            "C4",
            "islands over those of random paths at the end",
            [float(ratios(run)[-1]) for run in runs],
            1.5,
            why="many paths avoid each other: that is frustration, as a departure from percolation",
        ),
    ]
    return rows + _growing(results)


def _growing(results: Results) -> list[ClaimResult]:
    """Judge the onset at 1,600 nodes over that at 400, paired by seed."""
    small, large = (
        {
            cell.arguments["seed"]: onset(run)
            for cell, run in results.pairs
            if cell.arguments["changes"] == WORLDS[name]
        }
        for name in ("N = 400", "N = 1,600")
    )
    common = sorted(small.keys() & large.keys())
    if not common:
        return []
    text = "committed problems at the onset, N = 1,600 over N = 400"
    why = "at one load 4 is in proportion to the graph, 1 is a number that its size leaves alone"
    return [judge("C4", text, [large[seed] / small[seed] for seed in common], 2.8, why=why)]


def draw(results: Results) -> list[Picture]:
    """Draw islands against committed problems, and the onset of every world."""
    figure = style.figure(2.8)
    left, right = figure.subplots(1, 2)
    runs = results.where(changes=WORLDS["reference"])
    across = np.arange(1, 129)
    for name, colour, label in (
        ("islands", style.BLUE, "of the run"),
        ("random_islands", style.VERMILION, "of random paths"),
        ("mean_field", style.MUTED, "mean field"),
    ):
        curves = np.array([_against_committed(run, name, across) for run in runs])
        (draw_curves if name == "islands" else draw_band)(left, across, curves, colour, label)
    left.set(xlabel="committed problems", ylabel="islands of their paths", ylim=(0, 70), xlim=(0, 128))
    left.legend(loc="upper left")
    for row, changes in enumerate(WORLDS.values()):
        values = np.array([of_problems(run) for run in results.where(changes=changes)])
        right.plot(values, [row] * len(values), "o", ms=3, color=style.BLUE, alpha=0.6, mew=0)
        if np.isfinite(values).any():
            right.plot([np.nanmedian(values)] * 2, [row - 0.3, row + 0.3], "-", color=style.INK, lw=1.5)
    right.set_yticks(range(len(WORLDS)), list(WORLDS))
    right.set(xlabel="committed problems at the onset,\nover all problems", xlim=(0, 1))
    right.invert_yaxis()
    text = (
        "Left: preset reference; random paths have the lengths of the run's and lead between the same nodes. "
        "Right: from where on islands are 1.1 times those of random paths; dots: seeds; bars: medians."
    )
    return [
        Picture(
            name="percolation",
            title="Where paths begin to avoid each other",
            caption=text,
            svg=style.to_svg(figure),
        )
    ]


def _against_committed(run: Arrays, name: str, across: np.ndarray) -> np.ndarray:
    """Return a curve over the number of committed problems, NaN beyond the most there are."""
    order = np.maximum.accumulate(run["committed"])
    first = np.flatnonzero(np.diff(order, prepend=-1.0) > 0)
    values = np.interp(across, order[first], run[name][first])
    return np.where(across <= order[-1], values, np.nan)


def tables(results: Results) -> list[Table]:
    """Show every world."""
    middle, rows = regimes.median_of, []
    for name, changes in WORLDS.items():
        runs = results.where(changes=changes)
        if runs:
            rows.append(
                (
                    name,
                    str(len(runs)),
                    middle((run["committed"][-1] / run["problems"] for run in runs), ".2f"),
                    middle(map(few, runs), ".2f"),
                    middle(map(onset, runs)),
                    middle(map(of_problems, runs), ".2f"),
                    middle((ratios(run)[-1] for run in runs), ".2f"),
                    middle(run["largest"][-1] for run in runs),
                    middle(run["random_largest"][-1] for run in runs),
                )
            )
    header = (
        "world",
        "seeds",
        "committed at the end",
        "ratio at 30",
        "onset (problems)",
        "onset / all",
        "ratio at the end",
        "largest island",
        "of random paths",
    )
    caption = (
        "Medians over seeds. Committed: the best edges lead to the answer with a chance of one half at "
        "least; at the end as a share of all problems. Ratio: islands over those of random paths of the same "
        "lengths between the same nodes. Onset: committed problems from where on it is at least 1.1. Islands "
        "in nodes."
    )
    return [Table("From when on paths avoid each other", header, tuple(rows), caption)]


CLAIM = Claim(
    name="percolation",
    title="when do islands depart from those of random paths?",
    method=(
        "Preset reference, 400 updates, islands of the committed problems' paths every 5 updates, against "
        "those of random paths of the same lengths between the same nodes (ten draws). Few paths percolate: "
        "at 30 committed problems the ratio lies between 1/1.1 and 1.1. Many avoid each other: at the end it "
        "is at least 1.5. The onset (ratio of 1.1 from there on) moves with the size of the graph: at one "
        "load, four times the nodes have it at 2.8 times the problems at least. Other degrees and longest "
        "walks are a table; one look at one other seed gave the thresholds."
    ),
    fixed="d16e117",
    cells=cells,
    judge=judge_rows,
    draw=draw,
    tables=tables,
)
