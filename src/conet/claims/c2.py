"""C2: the length of correct answers is V-shaped; and what makes its right arm."""

import numpy as np

from conet.cells.cell import Arrays
from conet.claims.shared import cells, draw_curves, over_seeds
from conet.detect import arc, shortest
from conet.judging.claim import Claim, Results, Table
from conet.judging.judgement import ClaimResult, judge
from conet.observables.length import (
    END_STEPS,
    length_decomposition,
    solved_at,
    windowed_correct_length,
    within_problem_curve,
)
from conet.report import style
from conet.report.style import Picture


def pooled_ratio(run: Arrays) -> float:
    """End over minimum of the pooled correct length."""
    lengths = arc(run["correct_length_sum"], run["correct_count"])
    return float(lengths["end"] / lengths["min"]) if lengths["min"] and lengths["end"] else float("nan")


def bottom(run: Arrays) -> int:
    """Step of the V's bottom."""
    found = shortest(run["correct_length_sum"], run["correct_count"])
    return 0 if found is None else found[0]


def within_curve(run: Arrays) -> np.ndarray:
    """Correct length of the problems solved at the bottom, each with the same weight."""
    correct_count, rollouts = run["problem.correct_count"], int(run["rollouts"])
    solved = solved_at(correct_count, rollouts, bottom(run))
    return within_problem_curve(correct_count, run["problem.correct_length_sum"], solved)


def within_ratio(run: Arrays) -> float:
    """End over bottom of the within-problem curve."""
    curve = within_curve(run)
    at_bottom = np.nanmean(curve[max(0, bottom(run) - 4) : bottom(run) + 5])
    return float(np.nanmean(curve[-END_STEPS:]) / at_bottom)


def parts(run: Arrays) -> dict[str, float | None]:
    """Take the change of the pooled length from the bottom to the end apart."""
    low = slice(max(0, bottom(run) - 4), bottom(run) + 5)
    columns = run["problem.correct_count"], run["problem.correct_length_sum"]
    ends = slice(-END_STEPS, None)
    return length_decomposition(*(part[rows].sum(axis=0) for rows in (low, ends) for part in columns))


def judge_rows(results: Results) -> list[ClaimResult]:
    """Judge the pooled V, the within-problem V, and composition's share of the right arm."""
    shares = over_seeds(
        results, lambda run: (parts(run)["composition"] or 0.0) / (parts(run)["change"] or np.nan)
    )
    return [
        judge(
            "C2",
            "end over minimum of the pooled correct length",
            over_seeds(results, pooled_ratio),
            1.3,
            why="a rise that is seen without fitting",
        ),
        judge(
            "C2",
            "within-problem V: end over bottom for the problems solved at the bottom",
            over_seeds(results, within_ratio),
            1.3,
            why="the same rise, were it in the problems themselves",
        ),
        judge(
            "C2",
            "composition's share of the right arm",
            shares,
            0.5,
            why="above one half, newly solved problems make the arm",
        ),
    ]


def draw(results: Results) -> list[Picture]:
    """Draw the pooled and the within-problem length of every seed."""
    figure = style.figure(2.8)
    axes = figure.add_subplot()
    runs = [run for _, run in results.pairs]
    pooled = np.array(
        [windowed_correct_length(run["correct_length_sum"], run["correct_count"]) for run in runs]
    )
    within = np.array([within_curve(run) for run in runs])
    steps = np.arange(pooled.shape[1])
    draw_curves(axes, steps, pooled, style.BLUE, "pooled over all correct rollouts")
    draw_curves(axes, steps, within, style.VERMILION, "within the problems solved at the bottom", "--")
    axes.set(
        xlabel="step (updates done)", ylabel="length of correct rollouts\n(steps of a walk)", ylim=(0, None)
    )
    axes.legend(loc="upper right")
    text = (
        "The pooled length falls and rises; for a fixed set of problems it stays flat. Thin: every "
        "seed, in a centred 9-step window; bold: median of the seeds."
    )
    return [
        Picture(
            name="c2-correct-length",
            title="The V, pooled and within problems",
            caption=text,
            svg=style.to_svg(figure),
        )
    ]


def tables(results: Results) -> list[Table]:
    """Show the decomposition, averaged over seeds."""
    found = [parts(run) for _, run in results.pairs]
    names = ("change", "within", "composition", "entered", "left", "reweighted")
    rows = []
    for name in names:
        values = np.array([one[name] for one in found if one[name] is not None], np.float64)
        rows.append((name, f"{values.mean():+.2f}", f"{values.min():+.2f} to {values.max():+.2f}"))
    caption = (
        "Steps of a walk. Change = within + composition exactly; composition = entered (solved only at "
        "the end) + left (solved only at the bottom) + reweighted."
    )
    title = "Change of the pooled correct length from the bottom to the end"
    return [Table(title, ("part", "mean over seeds", "range"), tuple(rows), caption)]


CLAIM = Claim(
    name="C2",
    title="correct answers first get shorter, then longer",
    method=(
        "Preset reference. Pooled length in a centred 9-step window; its end (last 20 steps) over its "
        "minimum has to be at least 1.3. The same threshold for the problems solved (accuracy of at "
        "least one half) at the bottom, each with the same weight: expected to fail. The change from "
        "bottom to end is split exactly (Shapley) into a within-problem and a composition part."
    ),
    of_paper=True,
    quick=True,
    fixed="f3bbd25",
    cells=cells,
    judge=judge_rows,
    draw=draw,
    tables=tables,
)
