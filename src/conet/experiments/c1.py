"""C1: the learning curve has two stages."""

import numpy as np

from conet.detect import knee
from conet.experiments.cells import Arrays
from conet.experiments.declare import Experiment, Results, Verdict, judge
from conet.experiments.plain import cells, each, spaghetti
from conet.report import style
from conet.report.style import Picture


def slope_ratio(run: Arrays) -> float:
    """Mean slope of the accuracy before the knee over that after it; NaN without a knee."""
    accuracy = run["accuracy"]
    bend = knee(accuracy)
    if bend is None:
        return float("nan")
    first, last = accuracy[:5].mean(), accuracy[-20:].mean()
    middle = accuracy[max(0, bend - 4) : bend + 5].mean()
    before, after = (middle - first) / bend, (last - middle) / (len(accuracy) - bend)
    return float(before / max(after, 1e-6))


def decide(results: Results) -> list[Verdict]:
    """Judge the slope ratio."""
    return [
        judge(
            "C1", "mean slope of accuracy before the knee over that after it", each(results, slope_ratio), 5.0,
            why="a bend that a reader would call two stages", over=np.median,
        ),
    ]  # fmt: skip


def draw(results: Results) -> list[Picture]:
    """Draw the learning curve of every seed with its knee."""
    figure = style.figure(2.8)
    axes = figure.add_subplot()
    curves = np.array([run["accuracy"] for _, run in results.pairs])
    spaghetti(axes, np.arange(curves.shape[1]), curves, style.BLUE, "median of the seeds")
    for curve in curves:
        bend = knee(curve)
        if bend is not None:
            axes.plot(
                bend, curve[max(0, bend - 4) : bend + 5].mean(), "o", ms=3.5, color=style.VERMILION, mew=0
            )
    axes.plot([], [], "o", ms=3.5, color=style.VERMILION, label="knee of a seed")
    axes.set(
        xlabel="step (updates done)", ylabel="accuracy\n(share of rollouts that are correct)", ylim=(0, 1.02)
    )
    axes.legend(loc="lower right")
    text = "Fast rise, knee, slow stage. Thin: every seed, unsmoothed; knee: where two joined lines fit best."
    return [Picture("c1-learning-curve", "Two stages", text, style.to_svg(figure))]


EXPERIMENT = Experiment(
    name="C1",
    title="the learning curve has two stages",
    method=(
        "Preset reference. Knee: two joined straight lines by least squares. The ratio of mean slopes before and after "
        "it has to be at least 5 (median over seeds)."
    ),
    cells=cells,
    judge=decide,
    draw=draw,
)
