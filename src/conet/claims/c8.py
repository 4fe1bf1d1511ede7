"""C8: Annealed-RLVR beats RLVR, and the timing of the heating is what counts."""

import numpy as np

from conet.base.intervals import standard_error
from conet.cells.cell import Cell
from conet.claims.heating import BASELINE, LOADS, arm, cells, gain, load, measure
from conet.claims.shared import draw_values, fresh
from conet.judging.claim import Claim, Results, Scale, Table
from conet.judging.judgement import ClaimResult, judge
from conet.report import style
from conet.report.style import Picture

STRENGTHS = (0.15, 0.4)
WALKS = arm("none", 0, extra=32)  # 256 harvested walks a question cost 32 updates at G = 8
EARLY, LATE = {"factor": 0.33}, {"factor": 4.0}
ARMS = [
    BASELINE,
    WALKS,
    *[
        arm("heat", "detector", sft_learning_rate=s, pick=p)
        for s in STRENGTHS
        for p in ("shortest", "random")
    ],
    *[arm("heat", "detector", sft_learning_rate=s, **when) for s in STRENGTHS for when in (EARLY, LATE)],
    *[arm(sham, "detector", sft_learning_rate=s) for s in STRENGTHS for sham in ("solved", "noise")],
]
HEATED = arm("heat", "detector")


def all_cells(scale: Scale) -> list[Cell]:
    """Return all arms for every load (two of them when quick)."""
    loads = LOADS[:2] if scale.quick else LOADS
    return [cell for questions in loads for cell in cells(fresh(scale), ARMS, load(questions))]


def loads_in(results: Results) -> list[int]:
    """Return the loads that were run."""
    return sorted({int(cell.arguments["changes"]["problems.count"]) for cell, _ in results.pairs})


def judge_rows(results: Results) -> list[ClaimResult]:
    """Judge each load: against both baselines, other times, and both shams."""
    rows = []
    for questions in loads_in(results):
        changes, where = load(questions), f"M={questions}"
        comparisons = (
            ("pass@1 gained by mild heating at the heating signal, equal updates", BASELINE, "pass@1"),
            ("pass@64 gained by the same", BASELINE, "pass@64"),
            ("pass@1 gained against a baseline of equal walks", WALKS, "pass@1"),
            (
                "pass@1 above the same heating early (a third of that step)",
                arm("heat", "detector", **EARLY),
                "pass@1",
            ),
            (
                "pass@1 above the same heating late (four times that step)",
                arm("heat", "detector", **LATE),
                "pass@1",
            ),
            ("pass@1 above the sham: SFT on solved problems", arm("solved", "detector"), "pass@1"),
            ("pass@1 above the sham: noise of the same norm", arm("noise", "detector"), "pass@1"),
        )
        why = "any gain at all; paired by seed"
        for text, against, name in comparisons:
            values = gain(results, changes, HEATED, against, name)
            rows.append(judge("C8", f"{where}: {text}", values, 0.0, why=why, problems=questions))
        strong = gain(results, changes, arm("heat", "detector", sft_learning_rate=0.4))
        text = f"{where}: pass@1 gained by strong heating (0.4) then"
        rows.append(judge("C8", text, strong, 0.0, why=why, problems=questions))
    return rows


def name_of(chosen: dict) -> str:
    """Name an arm for people."""
    if chosen["kind"] == "none":
        return "RLVR" + (f", {chosen['extra']} more updates" if chosen.get("extra") else "")
    when = {0.33: "early", 4.0: "late"}.get(chosen.get("factor", 1.0), "at the signal")
    kind = {"heat": "heat", "solved": "sham: solved problems", "noise": "sham: noise"}[chosen["kind"]]
    pick = ", random walk" if chosen["pick"] == "random" else ""
    return f"{kind} {chosen['sft_learning_rate']:g} {when}{pick}"


def draw(results: Results) -> list[Picture]:
    """Draw the paired gain of every arm, every seed a dot, a panel a load."""
    loads = loads_in(results)
    figure = style.figure(3.4, width=style.WIDTH * (1.0 if len(loads) < 3 else 1.25))
    panels = np.atleast_1d(figure.subplots(1, len(loads), sharex=True, sharey=True))
    for axes, questions in zip(panels, loads):
        values = [gain(results, load(questions), each) for each in ARMS[1:]]
        draw_values(axes, [name_of(each) for each in ARMS[1:]], values, 0.0)
        axes.set(title=f"M = {questions} questions", xlabel="final pass@1 (exact)\nless that of RLVR")
    text = (
        "Each dot: one seed, paired with RLVR of equal updates from the same graph, questions and "
        "random stream. Bar: mean, with its 95 % interval. Loads at fixed lr/M. The signal is the "
        "online detector's."
    )
    return [
        Picture(
            name="c8-annealed",
            title="Annealed-RLVR against RLVR",
            caption=text,
            svg=style.to_svg(figure),
            wide=True,
        )
    ]


def tables(results: Results) -> list[Table]:
    """Show every arm's numbers for every load."""
    found = []
    for questions in loads_in(results):
        rows = []
        for each in ARMS:
            final = measure(results, load(questions), each)
            diff = gain(results, load(questions), each)
            error = standard_error(diff)
            shock = measure(results, load(questions), each, "after") - measure(
                results, load(questions), each, "before"
            )
            problems = measure(results, load(questions), each, "problems")
            step = measure(results, load(questions), each, "step")
            numbers = (f"{final.mean():.4f}", f"{diff.mean():+.4f} ± {error:.4f}", f"{shock.mean():+.3f}")
            rows.append((name_of(each), *numbers, f"{problems.mean():.0f}", f"{np.median(step):.0f}"))
        header = (
            "arm",
            "final pass@1",
            "gain ± s.e.",
            "change while heating",
            "problems heated",
            "median step",
        )
        found.append(
            Table(f"M = {questions}", header, tuple(rows), "Means over seeds; exact success probabilities.")
        )
    return found


CLAIM = Claim(
    name="C8",
    title="Annealed-RLVR beats RLVR, and timing is the active ingredient",
    method=(
        "Preset reference at loads M/N from 0.16 to 0.4 at fixed lr/M. Heating: accuracy below 0.1 of "
        "256 harvested samples with at least one correct walk; its shortest one; 10 SFT steps of 0.15 "
        "logits. Every arm branches off one baseline a seed; all have equal updates; one baseline has "
        "32 updates more, which is what the harvest costs. A gain holds when the 95 % interval of the "
        "paired difference lies above zero. Shams: SFT on up to as many solved problems (so many there "
        "are: 50 for 50 hard ones at M=128, 96 for 171 at M=320, means over seeds), and logit noise of "
        "the same norm at the same nodes. So the sham differs in the number of demonstrations as well, "
        "and so do early, at the signal, and late: fewer problems are hard the later it is. The tables "
        "have the numbers."
    ),
    of_paper=True,
    quick=True,
    fixed="fafedb2",
    cells=all_cells,
    judge=judge_rows,
    draw=draw,
    tables=tables,
)
