"""C1: the learning curve has two stages."""

import numpy as np

from conet.cells.cell import Arrays
from conet.claims.shared import cells, draw_curves, over_seeds
from conet.detect import Counts, CurveModels, curve_models, knee
from conet.judging.claim import Claim, Results, Table
from conet.judging.judgement import ClaimResult, judge
from conet.observables.length import END_STEPS, START_STEPS
from conet.report import style
from conet.report.style import Picture


def slope_ratio(run: Arrays) -> float:
    """Mean slope of the accuracy before the knee over that after it; NaN without a knee."""
    accuracy = run["accuracy"]
    place = knee(accuracy)
    if place is None:
        return float("nan")
    first, last = accuracy[:START_STEPS].mean(), accuracy[-END_STEPS:].mean()
    middle = accuracy[max(0, place - 4) : place + 5].mean()
    before, after = (middle - first) / place, (last - middle) / (len(accuracy) - place)
    return float(before / max(after, 1e-6))


def models(run: Arrays) -> CurveModels | None:
    """Compare two segments with a line, an exponential and S-curves."""
    counts = run["problem.correct_count"], run["problem.correct_length_sum"]
    return curve_models(Counts.of(*counts, float(run["rollouts"])))


def margin(run: Arrays) -> float:
    """BIC of the best other model less that of two segments: positive where segments win."""
    found = models(run)
    if found is None:
        return float("nan")
    return min(value for name, value in found.bic.items() if name != "segments") - found.bic["segments"]


def bend(results: Results) -> ClaimResult:
    """Judge the slope ratio: the row that needs the learning curve alone."""
    return judge(
        "C1",
        "mean slope of accuracy before the knee over that after it",
        over_seeds(results, slope_ratio),
        5.0,
        why="a bend that a reader would call two stages",
        over=np.median,
    )


def judge_rows(results: Results) -> list[ClaimResult]:
    """Judge the slope ratio, and the segments against smooth curves."""
    strict = judge(
        "C1",
        "BIC of the best line, exponential or S-curve less that of two segments",
        over_seeds(results, margin),
        6.0,
        why="two stages in the strict sense: strong evidence for a bend that no smooth curve explains",
    )
    return [bend(results), strict]


def draw(results: Results) -> list[Picture]:
    """Draw the learning curve of every seed with its knee."""
    figure = style.figure(2.8)
    axes = figure.add_subplot()
    curves = np.array([run["accuracy"] for _, run in results.pairs])
    draw_curves(axes, np.arange(curves.shape[1]), curves, style.BLUE, "median of the seeds")
    for curve in curves:
        place = knee(curve)
        if place is not None:
            axes.plot(
                place, curve[max(0, place - 4) : place + 5].mean(), "o", ms=3.5, color=style.VERMILION, mew=0
            )
    axes.plot([], [], "o", ms=3.5, color=style.VERMILION, label="knee of a seed")
    axes.set(
        xlabel="step (updates done)", ylabel="accuracy\n(share of rollouts that are correct)", ylim=(0, 1.02)
    )
    axes.legend(loc="lower right")
    text = "Fast rise, knee, slow stage. Thin: every seed, unsmoothed; knee: where two joined lines fit best."
    return [Picture(name="c1-learning-curve", title="Two stages", caption=text, svg=style.to_svg(figure))]


def tables(results: Results) -> list[Table]:
    """Count which curve fits best."""
    found = [models(run) for _, run in results.pairs]
    names = list(found[0].bic) if found and found[0] else []
    rows = []
    for name in names:
        bics = np.array([one.bic[name] for one in found if one])
        wins = sum(one.best == name for one in found if one)
        rows.append((name, str(wins), f"{np.median(bics):.1f}", f"{bics.min():.1f} to {bics.max():.1f}"))
    caption = "BIC less that of the seed's best model; 0 is best."
    return [
        Table(
            "Which curve describes the reward",
            ("model", "best on seeds", "median BIC", "range"),
            tuple(rows),
            caption,
        )
    ]


CLAIM = Claim(
    name="C1",
    title="the learning curve has two stages",
    method=(
        "Preset reference. Knee: two joined straight lines by least squares. The ratio of mean slopes "
        "before and after it has to be at least 5 (median over seeds). Second row: two segments have to "
        "beat a straight line, a concave exponential and S-curves (logistic, Hill, Weibull) by a BIC of "
        "6, with autocorrelated residuals: expected to fail."
    ),
    of_paper=True,
    quick=True,
    fixed="f3bbd25",
    cells=cells,
    judge=judge_rows,
    draw=draw,
    tables=tables,
)
