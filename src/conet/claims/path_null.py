"""The null beside webs and islands: random paths of the same lengths between the same nodes."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from conet.cells import path_webs
from conet.cells.cell import Arrays, Cell
from conet.claims import shared
from conet.claims.shared import draw_band, draw_curves
from conet.detect import peak
from conet.judging.claim import Results, Scale, Table
from conet.report import style
from conet.report.style import Picture

SEEDS, QUICK_SEEDS = 16, 4  # with a null; more would narrow a curve that no row is judged by
SHOWN = (20, 40, 60, 80, 100, 120, 160, 200, 250, 400, 800)  # steps in the table
QUANTITIES = {
    "web_nodes": "nodes",
    "mean_degree": "mean degree",
    "islands": "islands",
    "giant_component": "largest island",
    "second_component": "second island",
    "cycle_rank": "cycle rank",
    "single_out_share": "single out share",
    "mean_depth": "mean depth",
    "max_depth": "max depth",
    "bridges": "bridges",
    "articulation_points": "articulation points",
    "average_geodesic": "average geodesic",
}
PATHS = (
    "Paths: of problems whose best edges lead to the answer, with a chance of one half at least. Random ones "
    "have the same lengths, begin and end at the same nodes, visit none twice, and are otherwise equally "
    "likely; mean of ten draws a seed."
)


def cells(scale: Scale) -> list[Cell]:
    """Return the plain runs, and of the first seeds those with random paths beside them."""
    most = QUICK_SEEDS if scale.quick else scale.seeds if scale.level == "exhaustive" else SEEDS
    return [*shared.cells(scale), *(path_webs.cell(seed) for seed in shared.fresh(scale)[:most])]


def apart(results: Results) -> tuple[Results, list[Arrays]]:
    """Return the results of the plain runs, and the webs of paths with their null."""
    beside = path_webs.cell(0).function
    plain = [pair for pair in results.pairs if pair[0].function != beside]
    webs = [run for cell, run in results.pairs if cell.function == beside]
    return Results(plain, results.failures), webs


def draw_web(runs: Sequence[Arrays]) -> list[Picture]:
    """Draw average degree and largest island of the paths beside those of random paths; C3."""
    if not runs:
        return []
    figure = style.figure(2.6)
    left, right = figure.subplots(1, 2)
    _both(left, runs, "mean_degree")
    left.axhline(2, color=style.MUTED, lw=0.8)
    left.set(xlabel="step (updates done)", ylabel="average degree of the paths", ylim=(0.9, None))
    _both(right, runs, "giant_component")
    right.set(xlabel="step (updates done)", ylabel="largest island (nodes)", ylim=(0, None))
    left.legend(loc="lower right")
    text = (
        "The web of the paths that a run has committed to, and of random paths in their place. Random paths "
        "come as near to an average degree of two, and past it; their largest island is the larger one. "
        "Thin: every seed; bold: median; shaded: the middle half of the seeds. " + PATHS
    )
    title = "What random paths have as well"
    return [Picture(name="c3-random-paths", title=title, caption=text, svg=style.to_svg(figure))]


def draw_islands(runs: Sequence[Arrays]) -> list[Picture]:
    """Draw the islands of the paths by step, beside those of random paths and the mean field; C4."""
    if not runs:
        return []
    figure = style.figure(2.6)
    left, right = figure.subplots(1, 2)
    _both(left, runs, "islands")
    steps = runs[0]["steps"]
    mean_field = np.array([run["mean_field"] for run in runs])
    left.plot(steps, np.median(mean_field, axis=0), ":", color=style.MUTED, lw=1.4, label="mean field")
    most = max(float(np.nan_to_num(run["run.islands"]).max()) for run in runs)
    left.set(xlabel="step (updates done)", ylabel="islands of the paths")
    left.set_ylim(0, 1.3 * max(most, 1.0))  # room for the legend
    left.legend(loc="upper right")
    ratios = np.array([_over(run, "islands") for run in runs])
    draw_curves(right, steps, ratios, style.BLUE, "islands, over those of random paths")
    right.axhline(1, color=style.MUTED, lw=0.8)
    right.set(xlabel="step (updates done)", ylabel="the run over random paths", ylim=(0, None))
    for axes in (left, right):
        axes.set_xlim(0, 400)
    text = (
        "As many islands as random paths would make as long as few problems are committed; then more. The "
        "rise is one of committed problems, the departure is that paths avoid each other. Mean field: "
        "n - n²(s² - 4)/2N of n paths of s nodes, for few paths. Thin: every seed; bold: median; shaded: "
        "the middle half of the seeds. The first 400 steps. " + PATHS
    )
    title = "Islands, and those of random paths"
    return [Picture(name="c4-random-paths", title=title, caption=text, svg=style.to_svg(figure))]


def _both(axes: Axes, runs: Sequence[Arrays], name: str) -> None:
    steps = runs[0]["steps"]
    draw_curves(axes, steps, np.array([run[f"run.{name}"] for run in runs]), style.BLUE, "of the run")
    chance = np.array([run[f"random.{name}"] for run in runs])
    draw_band(axes, steps, chance, style.VERMILION, "of random paths")


def _over(run: Arrays, name: str) -> np.ndarray:
    """Return a quantity of the run over that of random paths, NaN where these have none."""
    chance = np.where(run[f"random.{name}"] > 0, run[f"random.{name}"], np.nan)
    return run[f"run.{name}"] / chance


def web_table(runs: Sequence[Arrays]) -> list[Table]:
    """Show the web of the final paths beside that of random paths; C3."""
    if not runs:
        return []
    rows = []
    for name, words in QUANTITIES.items():
        row = [words]
        for of in ("run", "random"):
            values = np.array([run[f"final.{of}.{name}"] for run in runs])
            row += [f"{np.nanmean(values):.2f}", f"{np.nanmin(values):.2f} to {np.nanmax(values):.2f}"]
        rows.append(tuple(row))
    header = ("quantity", "the run", "range", "random paths", "range")
    caption = (
        f"Means over {len(runs)} seeds. {PATHS} The run's paths follow one best edge a node, random ones do "
        "not: single out share, cycle rank and depth tell them apart by that alone."
    )
    return [Table("The web of the final paths", header, tuple(rows), caption)]


def islands_table(runs: Sequence[Arrays]) -> list[Table]:
    """Show the islands of the paths by step beside those of random paths and the mean field; C4."""
    if not runs:
        return []
    steps, rows = runs[0]["steps"].tolist(), []
    for step in (step for step in SHOWN if step in steps):
        place = steps.index(step)
        names = ("committed", "run.islands", "random.islands", "mean_field")
        means = [_mean([run[name][place] for run in runs]) for name in names]
        ratio = _mean([_over(run, "islands")[place] for run in runs])
        rows.append((str(step), *(f"{mean:.1f}" for mean in means), f"{ratio:.2f}"))
    header = (
        "step",
        "committed problems",
        "islands",
        "of random paths",
        "mean field",
        "islands, over random",
    )
    caption = (
        f"Means over {len(runs)} seeds. {PATHS} Mean field: n - n²(s² - 4)/2N of n paths of s nodes; for "
        "few paths."
    )
    return [Table("Islands of the committed paths, and by chance", header, tuple(rows), caption)]


def peaks(runs: Sequence[Arrays]) -> list[tuple[str, str, str]]:
    """Return when the islands of paths, and those of random paths, are most numerous, as rows of a table."""
    rows = []
    for name, words in (("run", "the committed paths"), ("random", "random paths in their place")):
        found = [peak(run[f"{name}.islands"], run["steps"]) for run in runs]
        values = np.array([step for step in found if step is not None])
        if len(values):
            text = f"peak of the islands of {words}"
            rows.append((text, f"{np.median(values):.0f}", f"{values.min():.0f} to {values.max():.0f}"))
    return rows


def _mean(values: Sequence[float]) -> float:
    """Return the mean of what is known."""
    known = np.array(values)[np.isfinite(values)]
    return float(known.mean()) if len(known) else float("nan")
