"""C4: the maximally frustrated state, where islands are most numerous and compete most."""

import numpy as np

from conet.cells.cell import Arrays
from conet.cells.plain import INTERFERENCE_AT, LABELS_EVERY
from conet.claims.c2 import bottom
from conet.claims.regimes import COINCIDE, distance
from conet.claims.shared import cells, draw_band, draw_curves, over_seeds
from conet.detect import peak
from conet.judging.claim import Claim, Results, Table
from conet.judging.judgement import ClaimResult, judge
from conet.network.islands import merge_steps
from conet.observables.forgetting import accuracies, forgetting_curves, never_falling
from conet.report import style
from conet.report.style import Picture
from conet.views.tables import windowed_mean


def island_peak(run: Arrays) -> float:
    """Step with the most islands; NaN where there are none."""
    return _step(peak(run["islands"]))


def frustration_peak(run: Arrays) -> float:
    """Step with the largest exact frustration over committed nodes; NaN where there is none."""
    return _step(peak(run["frustration"], run["frustration_steps"]))


def _step(found: int | None) -> float:
    return float("nan") if found is None else float(found)


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
COMPARED = (20, 400)  # first and last step at which a proxy and the exact frustration are compared
AROUND = 10  # steps before and after one at which the frustration is exact


def excesses(run: Arrays, draws: int = 5) -> dict[str, np.ndarray]:
    """Every proxy at every step, with its noise floor subtracted."""
    found = forgetting_curves(run["problem.correct_count"], int(run["rollouts"]), draws=draws)
    return {name: found[name]["excess"] for name in PROXIES}


def agreement(run: Arrays, excess: np.ndarray) -> float:
    """Rank correlation of a proxy without gradients with the exact frustration, over the steps compared."""
    from scipy.stats import spearmanr

    steps = [int(step) for step in run["frustration_steps"] if COMPARED[0] <= step <= COMPARED[1]]
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
    found = [excesses(run) for _, run in results.pairs]
    return [*_marks(results), *_slows(results), _forgotten(results, found), *_agreements(results, found)]


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


def _marks(results: Results) -> list[ClaimResult]:
    pairs = (
        (
            "distance of the island peak from the V bottom, as a share of the V bottom's step",
            (island_peak, bottom),
            "the paper shows both at the same moment",
        ),
        (
            "distance of the frustration peak from the island peak, as a share of the latter",
            (frustration_peak, island_peak),
            "islands compete most where they are most numerous",
        ),
        (
            "distance of the frustration peak from the V bottom, as a share of the latter",
            (frustration_peak, bottom),
            "the V bottom is what can be seen in a language model",
        ),
    )
    rows = []
    for text, (mark, reference), why in pairs:
        values = [distance(mark(run), reference(run)) for _, run in results.pairs]
        rows.append(judge("C4", text, values, COINCIDE, wanted="at most", why=why))
    return rows


def _slows(results: Results) -> list[ClaimResult]:
    return [
        judge(
            "C4",
            "largest frustration over that at the end",
            over_seeds(results, lambda run: np.nanmax(run["frustration"]) / run["frustration"][-1]),
            5.0,
            why="a peak, not a plateau",
            over=np.median,
        ),
        judge(
            "C4",
            "slope of the accuracy after the frustration peak over that before it",
            over_seeds(results, slowing),
            0.8,
            wanted="at most",
            why="learning slows",
        ),
    ]


def draw(results: Results) -> list[Picture]:
    """Draw islands, frustration and forgetting over the same steps, and the merge tree."""
    figure = style.figure(5.6)
    islands, frustration, forgetting = figure.subplots(3, 1, sharex=True, height_ratios=(3, 3, 2))
    runs = [run for _, run in results.pairs]
    steps = np.arange(len(runs[0]["accuracy"]))
    draw_curves(islands, steps, np.array([run["islands"] for run in runs]), style.BLUE, "islands")
    of_questions = np.array([run["question_islands"] for run in runs])
    draw_curves(islands, steps, of_questions, style.SKY, "with a question", "--")
    islands.set(ylabel="islands\n(components, π ≥ 0.3)", ylim=(0, None))
    islands.legend(loc="upper right")
    curves = np.array([run["frustration"] for run in runs])
    draw_curves(frustration, runs[0]["frustration_steps"], curves, style.VERMILION, "frustration, exact")
    frustration.set(ylabel="frustration\nΣ(Σ|g| - |Σg|), committed nodes", ylim=(0, None))
    frustration.legend(loc="upper right")
    rates = np.array([windowed_mean(1000 * excesses(run)["forgetting_rate"]) for run in runs])
    draw_band(forgetting, steps, rates, style.GREEN, "forgetting, over its noise floor")
    forgetting.axhline(0, color=style.INK, lw=0.8)
    forgetting.set(xlabel="step (updates done)", ylabel="forgetting rate\n(10⁻³ a step)", xlim=(0, 400))
    forgetting.legend(loc="upper right")
    text = (
        "Islands and frustration rise and fall together. Frustration: how much the exact gradients of "
        "single questions cancel at nodes that have committed (largest π ≥ 0.3). Thin: every seed; "
        "bold: median. Forgetting: in a centred 9-step window; median of the seeds, and shaded the "
        "middle half of them. The first 400 steps."
    )
    return [
        Picture(name="c4-frustration", title="Maximal frustration", caption=text, svg=style.to_svg(figure)),
        dendrogram(results),
    ]


def tables(results: Results) -> list[Table]:
    """Show when each mark comes."""
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
    return [
        _interfering(results),
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
        "Merge tree of seed 0: a branch joins at the step from which its questions stay in one island to "
        "the end."
    )
    return Picture(
        name="c4-merge-tree", title="Which islands merge, and when", caption=text, svg=style.to_svg(figure)
    )


CLAIM = Claim(
    name="C4",
    title="maximal frustration: islands are most numerous and compete most at the bottom of the V",
    method=(
        "Preset reference; exact frustration every 20 steps. Marks coincide when they lie within a "
        "quarter of each other. Learning slows when the slope after the frustration peak is at most 0.8 "
        "of that before; problems are forgotten there when the excess forgetting rate is above that of "
        "later steps, by more than in a simulated run in which no problem ever gets worse (binomial "
        "draws around each problem's best never-falling accuracy; one a seed)."
    ),
    changed=(
        "Forgetting: a first version asked for twice the later rate, which is zero within noise, so the "
        "ratio said nothing. A second judged the plain contrast against zero; but the noise floor is "
        "biased where problems are being learned, and simulated runs that never forget have a contrast "
        "of about -0.0002. Now that of such a run is subtracted."
    ),
    of_paper=True,
    quick=True,
    fixed="f3bbd25",
    cells=cells,
    judge=judge_rows,
    draw=draw,
    tables=tables,
)
