"""C4: the maximally frustrated state, where islands are most numerous and compete most."""

import numpy as np

from conet.cells.cell import Arrays
from conet.cells.plain import INTERFERENCE_AT, LABELS_EVERY
from conet.claims import path_null
from conet.claims.c2 import bottom
from conet.claims.c4_marks import frustration_peak, island_peak, marks, peaks
from conet.claims.shared import draw_band, draw_curves, over_seeds
from conet.judging.claim import Claim, Results, Table
from conet.judging.judgement import ClaimResult, judge
from conet.network.islands import merge_steps
from conet.observables.forgetting import accuracies, forgetting_curves, never_falling
from conet.report import style
from conet.report.style import Picture
from conet.views.tables import windowed_mean


def slowing(run: Arrays) -> float:
    """Slope of the accuracy in the half-peak after the frustration peak over that before it."""
    top = frustration_peak(run)
    if not np.isfinite(top):
        return top
    middle, half = int(top), int(top) // 2
    smooth = windowed_mean(run["accuracy"])
    before, after = smooth[middle] - smooth[middle - half], smooth[middle + half] - smooth[middle]
    return float(after / before) if half and before > 0 else float("nan")


PROXIES = ("drop_from_best", "forgetting_rate", "flips")
COMPARED = range(20, 401, 20)  # steps at which a proxy and the exact frustration are compared
AROUND = 10  # steps before and after one at which the frustration is exact


def excesses(run: Arrays, draws: int = 5) -> dict[str, np.ndarray]:
    """Every proxy at every step, with its noise floor subtracted."""
    found = forgetting_curves(run["problem.correct_count"], int(run["rollouts"]), draws=draws)
    return {name: found[name]["excess"] for name in PROXIES}


def agreement(run: Arrays, excess: np.ndarray) -> float:
    """Rank correlation of a proxy without gradients with the exact frustration, over the steps compared."""
    from scipy.stats import spearmanr

    steps = [int(step) for step in run["frustration_steps"] if step in COMPARED]
    exact = [run["frustration"][list(run["frustration_steps"]).index(step)] for step in steps]
    near = [np.nanmean(excess[max(0, step - AROUND) : step + AROUND]) for step in steps]
    return float(spearmanr(exact, near).statistic)


def forgetting_contrast(run: Arrays, excess: np.ndarray) -> float:
    """Excess forgetting within a half to 1.5 of the frustration peak less that of all later steps."""
    top = frustration_peak(run)
    if not np.isfinite(top):
        return top
    first, last = int(top) // 2, int(1.5 * top)
    return float(np.nanmean(excess[first:last]) - np.nanmean(excess[last:]))


def null_contrast(run: Arrays, seed: int) -> float:
    """The same contrast in one simulated run in which no problem ever got worse.

    Its expectation is not zero, since the floor's correction is of first order only.
    """
    accuracy, samples = accuracies(run["problem.correct_count"], int(run["rollouts"]))
    drawn = np.random.default_rng([seed, 4]).binomial(samples, never_falling(accuracy, samples))
    simulated = {**run, "problem.correct_count": drawn}
    return forgetting_contrast(simulated, excesses(simulated, draws=2)["forgetting_rate"])


def judge_rows(results: Results) -> list[ClaimResult]:
    """Judge whether the marks coincide, and whether learning slows and problems are forgotten."""
    results, _ = path_null.apart(results)
    found = [excesses(run) for _, run in results.pairs]
    return [
        *marks(results),
        *peaks(results),
        _slows(results),
        _forgotten(results, found),
        *_agreements(results, found),
    ]


def _forgotten(results: Results, found: list[dict[str, np.ndarray]]) -> ClaimResult:
    contrasts = [
        forgetting_contrast(run, excess["forgetting_rate"]) - null_contrast(run, seed)
        for seed, ((_, run), excess) in enumerate(zip(results.pairs, found))
    ]
    text = (
        "excess forgetting rate around the frustration peak less that of all later steps, less the same "
        "in a simulated run that never forgets"
    )
    why = "problems are forgotten there; against simulated runs since the noise floor alone makes a contrast"
    return judge("C4", text, contrasts, 0.0, why=why)


def _agreements(results: Results, found: list[dict[str, np.ndarray]]) -> list[ClaimResult]:
    rows = []
    for name in PROXIES:
        values = [agreement(run, excess[name]) for (_, run), excess in zip(results.pairs, found)]
        text = f"rank agreement of {name.replace('_', ' ')} (over its noise floor) with the exact frustration"
        rows.append(judge("C4", text, values, 0.5, why="only such proxies exist for language models"))
    return rows


def _slows(results: Results) -> ClaimResult:
    return judge(
        "C4",
        "slope of the accuracy after the frustration peak over that before it",
        over_seeds(results, slowing),
        0.8,
        wanted="at most",
        why="learning slows",
    )


def draw(results: Results) -> list[Picture]:
    """Draw islands, frustration and forgetting over the same steps, the null of islands, the merge tree."""
    results, webs = path_null.apart(results)
    figure = style.figure(6.6)
    panels = figure.subplots(4, 1, sharex=True, height_ratios=(3, 3, 2, 2))
    runs = [run for _, run in results.pairs]
    steps = np.arange(len(runs[0]["accuracy"]))
    for axes, name, colour, label, dashes in (
        (panels[0], "islands", style.BLUE, "islands", "-"),
        (panels[0], "question_islands", style.SKY, "with a question", "--"),
        (panels[1], "frustration", style.VERMILION, "frustration, exact", "-"),
        (panels[2], "frustration_share", style.ORANGE, "share that cancels", "-"),
    ):
        where = runs[0]["frustration_steps"] if name.startswith("frustration") else steps
        draw_curves(axes, where, np.array([run[name] for run in runs]), colour, label, dashes)
    rates = np.array([windowed_mean(1000 * excesses(run)["forgetting_rate"]) for run in runs])
    draw_band(panels[3], steps, rates, style.GREEN, "forgetting, over its noise floor")
    panels[0].set(ylabel="islands\n(components, π ≥ 0.3)", ylim=(0, None))
    panels[1].set(ylabel="frustration\nΣ(Σ|g| - |Σg|), committed nodes", ylim=(0, None))
    panels[2].set(ylabel="the same over ΣΣ|g|,\ncommitted nodes", ylim=(0, None))
    panels[3].axhline(0, color=style.INK, lw=0.8)
    panels[3].set(xlabel="step (updates done)", ylabel="forgetting rate\n(10⁻³ a step)", xlim=(0, 400))
    for axes in panels:
        axes.legend(loc="upper right")
    text = (
        "Islands and frustration rise and fall together. Frustration: how much the exact gradients of "
        "single questions cancel at nodes that have committed (largest π ≥ 0.3); below it, which share of "
        "these gradients that is. Thin: every seed; bold: median. Forgetting: in a centred 9-step window; "
        "median of the seeds, and shaded the middle half of them. The first 400 steps."
    )
    return [
        Picture(name="c4-frustration", title="Maximal frustration", caption=text, svg=style.to_svg(figure)),
        *path_null.draw_islands(webs),
        dendrogram(results),
    ]


def tables(results: Results) -> list[Table]:
    """Show which problems interfere, islands by step beside those of random paths, and when marks come."""
    results, webs = path_null.apart(results)
    rows = []
    for name, mark in (
        ("V bottom", bottom),
        ("island peak", island_peak),
        ("frustration peak", frustration_peak),
    ):
        values = over_seeds(results, mark)
        rows.append((name, f"{np.median(values):.0f}", f"{values.min():.0f} to {values.max():.0f}"))
    said = over_seeds(results, lambda run: run["detector_step"])
    rows.append(
        (
            "heating signal of the online detector",
            f"{np.median(said):.0f}",
            f"{said.min():.0f} to {said.max():.0f}",
        )
    )
    rows += path_null.peaks(webs)
    return [
        _interfering(results),
        *path_null.islands_table(webs),
        Table("When", ("mark", "median step", "range over seeds"), tuple(rows), "Preset reference."),
    ]


def _interfering(results: Results) -> Table:
    rows = []
    for cell, run in results.pairs[:4]:
        for problem, other, node, interference in run["interference"][:3]:
            labels = run["labels"][INTERFERENCE_AT // LABELS_EVERY]
            together = labels[int(problem)] == labels[int(other)] >= 0
            where = "one island" if together else "different islands"
            pair = f"{int(problem)} against {int(other)}"
            rows.append((str(cell.arguments["seed"]), pair, str(int(node)), f"{interference:.3f}", where))
    header = ("seed", "problems", "node", "interference", "their islands")
    caption = (
        f"The three pairs of problems that interfere most at step {INTERFERENCE_AT}, of the first seeds: "
        "their exact gradients oppose each other at one committed node."
    )
    return Table("Which problems interfere, and where", header, tuple(rows), caption)


def dendrogram(results: Results) -> Picture:
    """Draw which questions of the first seed merge with which, and when."""
    from matplotlib import rc_context
    from scipy.cluster.hierarchy import dendrogram as tree
    from scipy.cluster.hierarchy import linkage
    from scipy.spatial.distance import squareform

    run = results.pairs[0][1]
    last = (len(run["labels"]) - 1) * LABELS_EVERY
    steps = [LABELS_EVERY * place for place in range(len(run["labels"]))]
    never = 1.15 * last
    merged = np.nan_to_num(merge_steps(steps, run["labels"]), nan=never)
    np.fill_diagonal(merged, 0.0)
    figure = style.figure(2.8)
    axes = figure.add_subplot()
    links = linkage(squareform(merged, checks=False), "single")
    with rc_context({"lines.linewidth": 0.8}):
        tree(links, ax=axes, no_labels=True, color_threshold=0, above_threshold_color=style.BLUE)
    axes.axhspan(1.05 * last, 1.25 * last, color=style.SHADE, lw=0)
    axes.text(
        0.01,
        1.18 * last,
        "never merged",
        fontsize=7,
        color=style.MUTED,
        transform=axes.get_yaxis_transform(),
        va="center",
    )
    axes.set(
        xlabel="questions of one seed",
        ylabel="step from which they stay\nin one island",
        ylim=(0, 1.25 * last),
    )
    text = (
        f"Merge tree of seed {results.pairs[0][0].arguments['seed']}: a branch joins at the step from which "
        "its questions stay in one island to the end."
    )
    return Picture(
        name="c4-merge-tree", title="Which islands merge, and when", caption=text, svg=style.to_svg(figure)
    )


CLAIM = Claim(
    name="C4",
    title="maximal frustration: islands are most numerous and compete most at the bottom of the V",
    method=(
        "Preset reference; exact frustration every 5 steps up to 250. Islands and frustration are smoothed "
        "over 21 steps before their peaks are taken. Two marks coincide when the interval of the ratio of "
        "their steps lies between 1/1.2 and 1.2. Frustration has a peak when its largest value is 1.3 times "
        "its mean from half of that step to twice it; the same for its share of all gradients at committed "
        "nodes. Learning slows when the slope after the frustration peak is at most 0.8 of that before; "
        "problems are forgotten there when the excess forgetting rate is above that of later steps, by more "
        "than in a simulated run in which no problem ever gets worse (binomial draws around each problem's "
        "best never-falling accuracy; one a seed)."
    ),
    changed=(
        "Forgetting: a first version asked for twice the later rate, which is zero within noise, so the "
        "ratio said nothing. A second judged the plain contrast against zero; but the noise floor is "
        "biased where problems are being learned, and simulated runs that never forget have a contrast "
        "of about -0.0002. Now that of such a run is subtracted. Marks: the mean of absolute distances "
        "(against a quarter) counts noise as distance; there were three definitions of coincidence and is "
        "now one. Frustration was known every 20 steps, and unsmoothed. Its largest value over that at the "
        "end (at least 5; it held with 70) can hardly fail, since all gradients vanish at the end; it was "
        "replaced by the two rows on a peak. The seeds are others."
    ),
    of_paper=True,
    quick=True,
    fixed="d16e117",
    cells=path_null.cells,
    judge=judge_rows,
    draw=draw,
    tables=tables,
)
