"""What the paper's third version adds: gains are largest at large k, and late SFT makes a model forget."""

import numpy as np

from conet.base.intervals import standard_error
from conet.cells import heat
from conet.cells.cell import Cell
from conet.claims.heating import BASELINE, arm, gain, load, measure
from conet.claims.shared import draw_values, fresh
from conet.judging.claim import Claim, Results, Scale, Table
from conet.judging.judgement import ClaimResult, judge
from conet.report import style
from conet.report.style import Picture

LOADS = (192, 320)
HEATED = arm("heat", "detector")
LATE = {strength: arm("heat", "detector", sft_learning_rate=strength, factor=4.0) for strength in (0.15, 0.4)}
ANY = arm("heat", "detector", sft_learning_rate=0.4, factor=4.0, pick="random")
ARMS = {
    "RLVR": BASELINE,
    "heated at the signal": HEATED,
    "heated late": LATE[0.15],
    "heated late, 0.4": LATE[0.4],
    "heated late, 0.4, any walk": ANY,
}
LARGE_K = ("pass@64", "pass@256")


def cells(scale: Scale) -> list[Cell]:
    """Return all arms of every load, one cell a seed."""
    arms = list(ARMS.values())
    return [heat.cell(seed, arms, load(count)) for count in LOADS for seed in fresh(scale)]


def judge_rows(results: Results) -> list[ClaimResult]:
    """Judge gains at large k against that at k = 1, and what late heating costs."""
    rows = []
    for count in LOADS:
        changes = load(count)
        first = gain(results, changes, HEATED)
        for name in LARGE_K:
            text = f"M={count}: {name} gained by mild heating at the heating signal, less pass@1 gained"
            more = gain(results, changes, HEATED, name=name) - first
            why = "the gain is larger at large k; paired by seed"
            rows.append(judge("v3", text, more, 0.0, why=why, problems=count))
        for words, late in (
            ("mildly", LATE[0.15]),
            ("strongly (0.4)", LATE[0.4]),
            ("strongly, on any walk", ANY),
        ):
            lost = measure(results, changes, late, "before") - measure(results, changes, late, "after")
            text = f"M={count}: pass@1 lost while heating late (four times that step) {words}"
            rows.append(
                judge("v3", text, lost, 0.01, why="forgetting that can be told from noise", problems=count)
            )
        text = f"M={count}: final pass@1 lost to heating late, strongly, on any walk"
        lost = -gain(results, changes, ANY)
        rows.append(judge("v3", text, lost, 0.0, why="forgetting that lasts; paired by seed", problems=count))
    return rows


def draw(results: Results) -> list[Picture]:
    """Draw the paired gain of every arm at every k, every seed a dot."""
    figure = style.figure(3.2)
    panels = figure.subplots(1, len(LOADS), sharey=True)
    names = [f"{words}, {name}" for words in list(ARMS)[1:] for name in ("pass@1", *LARGE_K)]
    for axes, count in zip(np.atleast_1d(panels), LOADS):
        values = [
            gain(results, load(count), each, name=name)
            for each in list(ARMS.values())[1:]
            for name in ("pass@1", *LARGE_K)
        ]
        draw_values(axes, names, values, 0.0)
        axes.set(title=f"M = {count}", xlabel="at the end, exact,\nless that of RLVR")
        axes.tick_params(axis="y", labelsize=6.5)
    text = "Each dot: one seed, paired with RLVR of equal updates. Bar: mean, with its 95 % interval."
    return [
        Picture(
            name="v3-heating", title="Large k, and late", caption=text, svg=style.to_svg(figure), wide=True
        )
    ]


def tables(results: Results) -> list[Table]:
    """Show what every arm gains at every k, and what happens while it is heated."""
    rows = []
    for count in LOADS:
        changes = load(count)
        for words, each in list(ARMS.items())[1:]:
            gains = [gain(results, changes, each, name=name) for name in ("pass@1", *LARGE_K)]
            shock = measure(results, changes, each, "after") - measure(results, changes, each, "before")
            heated = measure(results, changes, each, "problems").mean()
            step = np.median(measure(results, changes, each, "step"))
            numbers = (
                *(f"{one.mean():+.4f} ± {standard_error(one):.4f}" for one in gains),
                f"{shock.mean():+.4f}",
            )
            rows.append((str(count), words, *numbers, f"{heated:.0f}", f"{step:.0f}"))
    header = ("M", "arm", *("pass@1", *LARGE_K), "pass@1 while heating", "problems heated", "median step")
    caption = "Gain over RLVR at the end, paired by seed, with standard errors."
    return [Table("Gains at k, and the heating itself", header, tuple(rows), caption)]


CLAIM = Claim(
    name="v3",
    title="heating gains most at large k, and late SFT makes a model forget",
    method=(
        "Preset reference at M = 192 and 320 at fixed lr/M. The heating of C8 (accuracy below 0.1 of 256 "
        "samples, shortest correct walk, 10 SFT steps of 0.15 logits) at the heating signal; late: at four "
        "times that step, also with 0.4 logits, and with any correct walk. The gain in pass@64 and pass@256 "
        "has to be at least that in pass@1; SFT makes forget if exact pass@1 falls by at least 0.01 while it "
        "lasts, and for good if the run ends below RLVR."
    ),
    of_paper=True,
    fixed="d16e117",
    cells=cells,
    judge=judge_rows,
    draw=draw,
    tables=tables,
)
