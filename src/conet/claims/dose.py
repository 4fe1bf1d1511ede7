"""Dose: whether the moment of a heating counts, or how many problems it teaches."""

import numpy as np

from conet.base.intervals import standard_error
from conet.cells.cell import Cell
from conet.claims.heating import BASELINE, arm, cells, gain, load, measure
from conet.claims.shared import fresh
from conet.judging.claim import Claim, Results, Scale, Table
from conet.judging.judgement import ClaimResult, judge
from conet.report import style
from conet.report.style import Picture

LOADS, TIMES, MOST, SEEDS = (192, 320), (15, 30, 60, 120, 200), 20, 16
ALL = {step: arm("heat", step) for step in TIMES}
EQUAL = {step: arm("heat", step, most=MOST) for step in TIMES}
ARMS = [BASELINE, *ALL.values(), *EQUAL.values()]


def all_cells(scale: Scale) -> list[Cell]:
    """Return all arms at both loads; at one when quick."""
    seeds = fresh(scale) if scale.level == "exhaustive" else fresh(scale)[:SEEDS]
    loads = LOADS[1:] if scale.quick else LOADS
    return [cell for questions in loads for cell in cells(seeds, ARMS, load(questions))]


def loads_in(results: Results) -> list[int]:
    """Return the loads that were run."""
    return sorted({int(cell.arguments["changes"]["problems.count"]) for cell, _ in results.pairs})


def gains(results: Results, questions: int, arms: dict[int, dict]) -> np.ndarray:
    """Return the paired gain in pass@1 of every seed at every moment, shape (seeds, moments)."""
    return np.array([gain(results, load(questions), one) for one in arms.values()]).T


def slope(found: np.ndarray) -> np.ndarray:
    """Return the slope of every seed's gain against the logarithm of the step, shape (seeds,)."""
    clock = np.log(TIMES) - np.log(TIMES).mean()
    return found @ clock / (clock @ clock)


def judge_rows(results: Results) -> list[ClaimResult]:
    """Judge whether earlier heating gains more, with all hard problems and with equally many."""
    rows = []
    for questions in loads_in(results):
        for what, arms in (("all hard problems", ALL), (f"{MOST} of them", EQUAL)):
            text = f"M = {questions}, heating on {what}: slope of the gain for e-fold later"
            why = "earlier is better where it is lower"
            found = slope(gains(results, questions, arms))
            rows.append(judge("dose", text, found, -0.003, why=why, problems=questions))
    return rows


def tables(results: Results) -> list[Table]:
    """Show gains and numbers of problems at every moment."""
    found = []
    for questions in loads_in(results):
        rows = []
        for step in TIMES:
            cells_of = []
            for arms in (ALL, EQUAL):
                values = gain(results, load(questions), arms[step])
                taught = measure(results, load(questions), arms[step], "problems").mean()
                cells_of += [f"{values.mean():+.4f} ± {standard_error(values):.4f}", f"{taught:.0f}"]
            rows.append((str(step), *cells_of))
        header = ("step", "gain, all hard problems", "problems", f"gain, at most {MOST}", "problems")
        caption = "Gain in exact pass@1 over RLVR, paired by seed, with standard errors."
        found.append(Table(f"M = {questions}", header, tuple(rows), caption))
    return found


def draw(results: Results) -> list[Picture]:
    """Draw the gain against the moment, for both doses."""
    loads = loads_in(results)
    figure = style.figure(2.5)
    panels = np.atleast_1d(figure.subplots(1, len(loads), sharey=True))
    for axes, questions in zip(panels, loads):
        axes.axhline(0, color=style.MUTED, lw=0.8)
        for arms, colour, label in (
            (ALL, style.BLUE, "all hard problems"),
            (EQUAL, style.VERMILION, f"{MOST} of them"),
        ):
            found = gains(results, questions, arms)
            axes.errorbar(
                TIMES, found.mean(axis=0), standard_error(found.T), color=colour, fmt="o-", ms=4, label=label
            )
        axes.set(title=f"M = {questions}", xscale="log", xlabel="step of the heating")
        axes.set_xticks(TIMES, [str(step) for step in TIMES])
        axes.minorticks_off()
        axes.set_xlim(TIMES[0] / 1.2, TIMES[-1] * 1.2)
    panels[0].set_ylabel("gain in pass@1")
    panels[0].legend(fontsize=6.5)
    text = "Means over seeds with standard errors; 10 SFT steps of 0.15 logits, the shortest correct walk."
    return [Picture(name="dose", title="Dose or time", caption=text, svg=style.to_svg(figure))]


CLAIM = Claim(
    name="dose",
    title="is an earlier heating better, or a larger one?",
    method=(
        "C8's heating at fixed steps, on all hard problems and on 20 of them drawn at random, at M = "
        "192 and 320; sixteen seeds. The earlier, the more problems are hard. A slope of the gain "
        "against the logarithm of the step, seed by seed: earlier is better where it lies below "
        "-0.003 (0.008 from step 15 to 200)."
    ),
    fixed="ff00cf0",
    cells=all_cells,
    judge=judge_rows,
    draw=draw,
    tables=tables,
    page="results-annealing.md",
)
