"""Finite size: does the merge of the islands sharpen with N, and does one web survive?"""

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator

from conet.base.intervals import central
from conet.cells import curves
from conet.cells.cell import Arrays, Cell
from conet.claims import regimes
from conet.claims.declare import Experiment, Results, Scale, Table, Verdict, Wanted, judge, judged
from conet.claims.heating import RATE
from conet.report import style
from conet.report.style import Picture

LOAD = 0.16  # questions a node: 128 at N=800
SIZES = (200, 400, 800, 1600, 3200, 6400, 12_800)
HUGE = 51_200
SETTLED = 800  # below, the running median of a run is wider than its merge
ROLLOUTS = ("G = 8 N/800", "G = 8")
# Seeds at most, and steps between two webs.
EFFORT = {200: (16, 1), 400: (16, 1), 800: (16, 1), 1600: (16, 1), 3200: (8, 2), 6400: (4, 4), 12_800: (3, 8),
          HUGE: (2, 16)}  # fmt: skip


def changes_for(nodes: int, rollouts: str) -> dict[str, int | float]:
    """Return the changes to `reference`: all at fixed M/N and lr/M; longer runs for larger graphs."""
    questions = round(LOAD * nodes)
    return {
        "graph.nodes": nodes, "problems.count": questions, "learner.learning_rate": RATE * questions,
        "learner.rollouts": max(2, nodes // 100) if rollouts == ROLLOUTS[0] else 8,
        "steps": round(800 * max(1.0, np.sqrt(nodes / 800))),
    }  # fmt: skip


def sizes_for(scale: Scale) -> tuple[int, ...]:
    """Return the sizes of a level."""
    if scale.quick:
        return SIZES[:4]
    return (*SIZES, HUGE) if scale.level == "exhaustive" else SIZES


def cells(scale: Scale) -> list[Cell]:
    """Return all runs, the largest first, so that none is left for the end."""
    found = []
    for nodes in reversed(sizes_for(scale)):
        seeds, every = EFFORT[nodes]
        for rollouts in ROLLOUTS:
            changes = changes_for(nodes, rollouts)
            found += [curves.cell(seed, changes, web_every=every) for seed in range(min(seeds, scale.seeds))]
    return list({cell.key: cell for cell in found}.values())


def runs_at(results: Results, nodes: int, rollouts: str) -> list[Arrays]:
    """Return the runs of one size, by seed."""
    return results.where(changes=changes_for(nodes, rollouts), web_every=EFFORT[nodes][1])


def sizes_in(results: Results) -> list[int]:
    """Return the sizes that were run."""
    return [nodes for nodes in EFFORT if runs_at(results, nodes, ROLLOUTS[0])]


def merging(run: Arrays) -> np.ndarray:
    """Largest component over its peak, both of its running median over a twentieth of the run.

    Single components break and join again within a few steps; the median leaves the rise.
    """
    from scipy.ndimage import median_filter

    giant = run["giant_component"]
    smooth = median_filter(giant, size=len(giant) // 20 + 1, mode="nearest")
    return smooth / max(1.0, smooth.max())


def crossing(run: Arrays, share: float) -> float:
    """Step at which the largest component first has this share of its peak (see :func:`merging`)."""
    return float(run["web_steps"][np.argmax(merging(run) >= share)])


def relative_width(run: Arrays) -> float:
    """Steps from 10 to 90 % of the largest component's peak over the step of 50 %; NaN without learning."""
    if regimes.final_accuracy(run) < regimes.LEARNED:
        return float("nan")
    return (crossing(run, 0.9) - crossing(run, 0.1)) / crossing(run, 0.5)


def giant_share(run: Arrays) -> float:
    """Share of the web's nodes in its largest component at the end."""
    return float(run["giant_component"][-1] / max(1.0, run["web_nodes"][-1]))


def exponent(groups: Mapping[int, np.ndarray]) -> tuple[float, tuple[float, float]]:
    """Slope of ln(median over seeds) against ln N, and its 95 % percentile interval.

    Parameters
    ----------
    groups
        Size to the values of its seeds. The bootstrap draws seeds anew within each size.

    Returns
    -------
    tuple
        NaN and (-inf, inf) with fewer than three sizes.
    """
    if len(groups) < 3:
        return float("nan"), (-np.inf, np.inf)
    rng = np.random.default_rng(0)
    drawn = [rng.choice(values, (9999, len(values))) for values in groups.values()]
    medians = np.array([np.median(values, axis=-1) for values in drawn])
    clock = np.log(list(groups)) - np.log(list(groups)).mean()
    slopes = clock @ np.log(medians) / (clock @ clock)
    middles = np.log([np.median(values) for values in groups.values()])
    return float(clock @ middles / (clock @ clock)), central(slopes)


def scaling(
    results: Results, rollouts: str, statistic: Callable[[Arrays], float], text: str, wanted: Wanted, why: str
) -> Verdict:
    """Judge the one exponent of a curve over all sizes from :data:`SETTLED` on."""
    groups: dict[int, np.ndarray] = {}
    values: list[float] = []
    for nodes in sizes_in(results):
        if nodes >= SETTLED:
            found = np.array([statistic(run) for run in runs_at(results, nodes, rollouts)])
            values.extend(found)
            known = found[np.isfinite(found) & (found > 0)]
            groups |= {nodes: known} if len(known) else {}
    text = f"{rollouts}: exponent of N, from {SETTLED} on, in the {text} (all runs in one fit)"
    estimate, ci = exponent(groups)
    verdict = judged("C2", text, values, -0.1, estimate, ci, wanted=wanted, why=why)
    return replace(verdict, values=())  # an exponent belongs to no seed


def decide(results: Results) -> list[Verdict]:
    """Judge sharpening, the one web, and V and marks at the largest size."""
    verdicts = []
    largest = sizes_in(results)[-1]
    for rollouts in ROLLOUTS:
        found = runs_at(results, largest, rollouts)
        verdicts += [
            scaling(results, rollouts, relative_width, "relative width of the merge", "at most",
                    "a transition sharpens as a power of the size"),
            scaling(results, rollouts, giant_share, "largest component's share of the web at the end", "at least",
                    "one web that does not fall apart as graphs grow"),
            judge("C2", f"N={largest}, {rollouts}: end over minimum of the pooled correct length",
                  [regimes.v_ratio(run) for run in found], 1.3, why="as at the reference size"),
            judge("C4", f"N={largest}, {rollouts}: distance of the island peak from the V bottom, over the latter",
                  [regimes.apart(regimes.island_peak(run), regimes.bottom(run)) for run in found], regimes.APART,
                  wanted="at most", why="as at the reference size"),
        ]  # fmt: skip
    return verdicts


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
        points(axes, results, rollouts, statistic, marker, dashes, colour, rollouts)
    axes.set(xlabel="N (nodes)", ylabel=label)
    axes.legend(loc="best")


def points(
    axes: Axes, results: Results, rollouts: str, statistic: Callable[[Arrays], float], marker: str, dashes: str,
    colour: str, label: str,
) -> None:  # fmt: skip
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
        (regimes.bend, "knee", "s", "--", style.VERMILION),
        (regimes.island_peak, "island peak", "^", ":", style.GREEN),
    ):
        points(axes, results, ROLLOUTS[0], mark, marker, dashes, colour, label)
    axes.set(xlabel="N (nodes)", ylabel="step (G = 8 N/800)")
    axes.legend(loc="upper left")


def tables(results: Results) -> list[Table]:
    """Show every size, for both numbers of rollouts."""
    header = ("N", "seeds", "steps", "accuracy", "V ratio", "V bottom", "knee", "island peak", "islands / M",
              "merge (50 %)", "relative width", "giant / N", "giant / web", "second peak / N", "finite size")  # fmt: skip
    found = []
    for rollouts in ROLLOUTS:
        rows = [_row(nodes, runs_at(results, nodes, rollouts)) for nodes in sizes_in(results)]
        caption = (
            "Medians over seeds. Islands, second component and finite size at their peaks; giant: the largest component at "
            "the end. Finite size: mean component of a node outside the largest (nodes). A dash: accuracy below 0.2."
        )
        found.append(Table(rollouts, header, tuple(rows), caption))
    return found


def _row(nodes: int, runs: list[Arrays]) -> tuple[str, ...]:
    middle = regimes.median_of
    return (
        f"{nodes:,}", str(len(runs)), str(len(runs[0]["accuracy"])) if runs else "–",
        middle(map(regimes.final_accuracy, runs), ".2f"), middle(map(regimes.v_ratio, runs), ".2f"),
        middle(map(regimes.bottom, runs)), middle(map(regimes.bend, runs)), middle(map(regimes.island_peak, runs)),
        middle((run["islands"].max() / (LOAD * nodes) for run in runs), ".2f"),
        middle(crossing(run, 0.5) for run in runs), middle(map(relative_width, runs), ".2f"),
        middle((run["giant_component"][-1] / nodes for run in runs), ".3f"), middle(map(giant_share, runs), ".3f"),
        middle((run["second_component"].max() / nodes for run in runs), ".3f"),
        middle(run["finite_size"].max() for run in runs),
    )  # fmt: skip


EXPERIMENT = Experiment(
    name="finite-size",
    title="does the merge of the islands sharpen with the size of the graph?",
    method=(
        "Preset reference at N from 200 to 12,800, fixed M/N = 0.16, lr/M and degree; G = 8 N/800 (2 at least), and G = 8. "
        "Learning takes about √N steps, since fewer walks arrive by chance; so beyond N = 800 a run has 800 √(N/800) "
        "steps. Fewer seeds at large N (3 at 12,800). Merge: rise of the largest component, in a running median over a "
        "twentieth of the run, to its peak. It sharpens when its relative width falls at least as N^-0.1; one web "
        "survives when the largest component's share of the web falls no faster than N^-0.1. Exponents: one least-squares "
        "line a curve through ln(median over seeds) against ln N from N = 800 on; the interval draws seeds anew within each "
        "size. V and marks as in C2 and C4; below six seeds nothing is decided."
    ),
    changed=(
        "Exponents were first fitted seed by seed over all sizes. At N = 200 and 400 the running median is wider than the "
        "merge, and seeds differed in the sizes they had. Now one fit a curve, from N = 800 on. Rows of three seeds were "
        "decided by a bootstrap that cannot leave their range; they are now undecided."
    ),
    cells=cells,
    judge=decide,
    draw=draw,
    tables=tables,
)
