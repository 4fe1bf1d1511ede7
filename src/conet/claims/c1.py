"""C1: the learning curve has two stages."""

import numpy as np

from conet.cells.cell import Arrays
from conet.claims.shared import against_apart, cells_with, draw_curves, over_seeds, runs_of
from conet.detect import Counts, CurveModels, curve_models, knee
from conet.detect.models import MODELS, TWO_RISES
from conet.judging.claim import Claim, Results, Table
from conet.judging.judgement import ClaimResult, judge
from conet.observables.length import END_STEPS, START_STEPS
from conet.report import style
from conet.report.style import Picture

BEYOND = 1.3  # times the bend of a curve without stages: seen without fitting, as the V of C2


def bend(accuracy: np.ndarray) -> float:
    """Mean slope of the accuracy before the knee over that after it; NaN without a knee."""
    place = knee(accuracy)
    if place is None:
        return float("nan")
    first, last = accuracy[:START_STEPS].mean(), accuracy[-END_STEPS:].mean()
    middle = accuracy[max(0, place - 4) : place + 5].mean()
    before, after = (middle - first) / place, (last - middle) / (len(accuracy) - place)
    return float(before / max(after, 1e-6))


def saturating(accuracy: np.ndarray) -> np.ndarray:
    """Return the exponential a - b·exp(-t/τ) that fits a curve best by least squares: it has no stages."""
    from scipy.optimize import curve_fit

    time = np.arange(len(accuracy), dtype=np.float64)

    def curve(time: np.ndarray, end: float, height: float, scale: float) -> np.ndarray:
        return end - height * np.exp(-time / np.exp(scale))

    begin = (accuracy[-END_STEPS:].mean(), np.ptp(accuracy), np.log(len(accuracy) / 8))
    bounds = (-np.inf, [np.inf, np.inf, np.log(100.0 * len(accuracy))])
    found, _ = curve_fit(curve, time, accuracy, p0=begin, bounds=bounds)
    return curve(time, *found)


def models(run: Arrays) -> CurveModels | None:
    """Compare one rise (line, exponential, S-curves) with two segments and with two logistics."""
    counts = run["problem.correct_count"], run["problem.correct_length_sum"]
    return curve_models(Counts.of(*counts, float(run["rollouts"])), {**MODELS, **TWO_RISES})


def margin(run: Arrays) -> float:
    """BIC of the best single rise less that of two logistics: positive where two rises win."""
    found = models(run)
    if found is None:
        return float("nan")
    two = ("segments", *TWO_RISES)
    return min(value for name, value in found.bic.items() if name not in two) - found.bic["two logistics"]


def beyond_saturation(results: Results) -> ClaimResult:
    """Judge the bend against one without stages: the row that needs the learning curve alone."""
    return judge(
        "C1",
        "slope of accuracy before the knee over that after it, over the same of the best exponential",
        over_seeds(results, lambda run: bend(run["accuracy"]) / bend(saturating(run["accuracy"]))),
        BEYOND,
        why="an exponential has no stages and bends by a factor of 16: a bend alone says nothing",
        over=np.median,
    )


def judge_rows(results: Results) -> list[ClaimResult]:
    """Judge the bend against no stages, two rises against one, and both against problems apart."""
    whole, apart = ({seed: margin(run) for seed, run in runs_of(results, n).items()} for n in (0, 1))
    return [
        beyond_saturation(results),
        judge(
            "C1",
            "the same slope ratio, over that of problems with a policy each",
            against_apart(results, lambda run, null: bend(run["accuracy"]) / bend(null["accuracy"])),
            BEYOND,
            why="the part of the bend that the problems make together",
            over=np.median,
        ),
        judge(
            "C1",
            "BIC of the best single rise (line, exponential, S-curve) less that of two logistics",
            list(whole.values()),
            6.0,
            why="strong evidence (Kass and Raftery 1995) for two rises; straight segments were a straw man",
            over=np.median,
        ),
        judge(
            "C1",
            "the same BIC difference, less that of problems with a policy each",
            [whole[seed] - apart[seed] for seed in whole.keys() & apart.keys()],
            6.0,
            why="whether the second rise is of problems that share one policy",
            over=np.median,
        ),
    ]


def draw(results: Results) -> list[Picture]:
    """Draw the learning curve of every seed with its knee, and that of problems apart."""
    figure = style.figure(2.8)
    axes = figure.add_subplot()
    curves = np.array([run["accuracy"] for run in runs_of(results).values()])
    alone = np.array([run["accuracy"] for run in runs_of(results, 1).values()])
    draw_curves(axes, np.arange(curves.shape[1]), curves, style.BLUE, "median of the seeds")
    if len(alone):
        draw_curves(axes, np.arange(alone.shape[1]), alone, style.MUTED, "a policy for each problem", "--")
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
    text = (
        "Thin: every seed, unsmoothed; knee: where two joined lines fit best. Dashed: the same graphs and "
        "problems, each problem with a policy of its own."
    )
    return [Picture(name="c1-learning-curve", title="Two stages", caption=text, svg=style.to_svg(figure))]


def tables(results: Results) -> list[Table]:
    """Count which curve fits best, with one policy and with a policy each."""
    rows = []
    for where, together in (("one policy", 0), ("a policy each", 1)):
        found = [one for run in runs_of(results, together).values() if (one := models(run))]
        for name in found[0].bic if found else ():
            bics = np.array([one.bic[name] for one in found])
            wins = str(sum(one.best == name for one in found))
            rows.append(
                (where, name, wins, f"{np.median(bics):.1f}", f"{bics.min():.1f} to {bics.max():.1f}")
            )
    header = ("problems have", "model", "best on seeds", "median BIC", "range")
    caption = "BIC less that of the seed's best model; 0 is best."
    return [Table("Which curve describes the reward", header, tuple(rows), caption), _bends(results)]


def _bends(results: Results) -> Table:
    curves = {
        "one policy": over_seeds(results, lambda run: bend(run["accuracy"])),
        "the best exponential": over_seeds(results, lambda run: bend(saturating(run["accuracy"]))),
        "a policy for each problem": over_seeds(results, lambda run: bend(run["accuracy"]), 1),
    }
    rows = tuple(
        (name, f"{np.nanmedian(values):.1f}", f"{np.nanmin(values):.1f} to {np.nanmax(values):.1f}")
        for name, values in curves.items()
        if np.isfinite(values).any()
    )
    caption = "Mean slope of the accuracy before the knee over that after it, over seeds."
    return Table("How much each curve bends", ("curve", "median", "range"), rows, caption)


CLAIM = Claim(
    name="C1",
    title="the learning curve has two stages",
    method=(
        "Preset reference, and the same graphs and problems with a policy for each problem: first passage, "
        "the null without anything in common. Knee: two joined straight lines by least squares. The ratio "
        "of mean slopes before and after it has to be 1.3 times that of the exponential that fits the "
        "seed's curve best, and 1.3 times that of the null (medians over seeds). Two logistics have to "
        "beat one line, exponential or S-curve (logistic, Hill, Weibull) by a BIC of 6, with autocorrelated "
        "residuals; by 6 more than in the null."
    ),
    changed=(
        "The ratio of slopes stood alone, at least 5, and held with 15.8. A pure exponential has 16.3, so it "
        "showed saturation. Two straight segments against S-curves (they failed) were a straw man: a curve "
        "of two smooth rises is what the claim means. Both rows were replaced, and their seeds as well."
    ),
    of_paper=True,
    quick=True,
    fixed="d16e117",
    cells=cells_with(1),
    judge=judge_rows,
    draw=draw,
    tables=tables,
)
