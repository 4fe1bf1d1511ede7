"""C7: foreign SFT makes the policy forget at once, RLVR mends it in few steps; which edges break?"""

from functools import partial

import numpy as np

from conet.base.intervals import mean_interval
from conet.cells.cell import Arrays, Cell
from conet.cells.forget import RECOVERY
from conet.claims.shared import fresh, over_seeds
from conet.config import preset
from conet.judging.claim import Claim, Results, Scale, Table
from conet.judging.judgement import ClaimResult, judge
from conet.report import style
from conet.report.style import Picture

FOREIGN = (4, 16, 64)
STEPS = (10, 40, 160)
RATE = 0.15
CASE = (FOREIGN.index(16), STEPS.index(40))  # 16 foreign tasks, 40 SFT steps: the design's case


def cells(scale: Scale) -> list[Cell]:
    """Return one run a seed with all its branches."""
    arguments = {"foreign": list(FOREIGN), "sft_steps": list(STEPS), "sft_learning_rate": RATE, "changes": {}}
    return [Cell("conet.cells.forget:forgetting_run", {"seed": seed, **arguments}) for seed in fresh(scale)]


def drop(run: Arrays) -> float:
    """Accuracy lost to the SFT, exact."""
    return float(run["before"] - run["recovery"][CASE][0])


def regained(run: Arrays) -> float:
    """Share of the loss regained after ten RLVR updates."""
    curve = run["recovery"][CASE]
    return float((curve[RECOVERY.index(10)] - curve[0]) / (run["before"] - curve[0]))


def contrast(name: str, run: Arrays, null: str = "random_mean") -> float:
    """Mean over the flipped edges over the mean of all committed edges, or of those that the SFT meets."""
    return float(run[f"damage.{name}.mean"][CASE] / run[f"damage.{name}.{null}"][CASE])


def judge_rows(results: Results) -> list[ClaimResult]:
    """Judge the loss, the recovery, and whether the flipped edges are trunks."""
    return [*_damage(results), *_trunks(results)]


def _damage(results: Results) -> list[ClaimResult]:
    return [
        judge(
            "C7",
            "accuracy lost to SFT on 16 foreign tasks (40 steps of 0.15)",
            over_seeds(results, drop),
            0.1,
            why="a tenth of all problems, by tasks that share none of their questions",
            problems=preset("reference").problems.count,
        ),
        judge(
            "C7",
            "share of the loss regained by ten RLVR updates",
            over_seeds(results, regained),
            0.5,
            why="ten updates are 1/80 of the training",
        ),
        judge(
            "C7",
            "share of committed nodes whose best edge flips",
            over_seeds(results, lambda run: run["damage.flipped_share"][CASE]),
            0.1,
            wanted="at most",
            why="few edges carry the damage",
        ),
    ]


def _trunks(results: Results) -> list[ClaimResult]:
    kinds = (
        (
            "disconnected",
            "questions that a flipped edge alone cuts off, against a random committed edge",
            "trunks",
        ),
        ("traffic", "traffic of a flipped edge against a random committed edge", "trunks"),
        ("betweenness", "betweenness of a flipped edge against a random committed edge", "bridges"),
    )
    rows = []
    for null, where in (("random_mean", ""), ("taught_mean", " at a node that the foreign tasks visit")):
        why = ", where alone something can flip" if where else ""
        rows += [
            judge(
                "C7",
                f"{text}{where}",
                over_seeds(results, partial(contrast, name, null=null)),
                1.0,
                why=f"were they {word}, more than random{why}",
            )
            for name, text, word in kinds
        ]
    return rows


def draw(results: Results) -> list[Picture]:
    """Draw the recovery of every seed, and the loss over tasks and steps."""
    figure = style.figure(2.8)
    left, right = figure.subplots(1, 2)
    runs = [run for _, run in results.pairs]
    for run in runs:
        left.plot(RECOVERY, run["recovery"][CASE], color=style.BLUE, lw=0.4, alpha=0.3)
    left.plot(
        RECOVERY, np.median([run["recovery"][CASE] for run in runs], axis=0), "o-", color=style.BLUE, ms=3
    )
    left.axhline(
        np.median([run["before"] for run in runs]), color=style.MUTED, lw=1, ls="--", label="before the SFT"
    )
    left.set(
        xlabel="RLVR updates after the SFT", ylabel="accuracy on the own questions (exact)", ylim=(0, 1.02)
    )
    left.set_xscale("symlog", linthresh=1)
    left.set_xticks(RECOVERY, [str(value) for value in RECOVERY])
    left.legend(loc="lower right")
    looks = (("o-", style.SKY), ("s--", style.BLUE), ("^:", style.INK))
    for row, (count, (dashes, colour)) in enumerate(zip(FOREIGN, looks)):
        lost = np.array([run["before"] - run["recovery"][row, :, 0] for run in runs])
        ends = np.array([mean_interval(values)[1:] for values in lost.T]).T
        middle = lost.mean(axis=0)
        label = f"{count} foreign tasks"
        right.errorbar(
            STEPS, middle, np.abs(ends - middle), fmt=dashes, color=colour, ms=3.5, capsize=2, label=label
        )
    right.set(xlabel="SFT steps of 0.15 logits", ylabel="accuracy lost (exact)", xscale="log", ylim=(0, None))
    right.set_xticks(STEPS, [str(value) for value in STEPS])
    right.minorticks_off()
    right.legend(loc="upper left")
    text = (
        "Left: accuracy after SFT on 16 foreign tasks (40 steps), and what RLVR regains; thin: every "
        "seed, bold: median. Right: the loss, mean over seeds with its 95 % interval."
    )
    return [
        Picture(name="c7-forgetting", title="Forgetting and recovery", caption=text, svg=style.to_svg(figure))
    ]


def tables(results: Results) -> list[Table]:
    """Show loss and recovery for every number of tasks and steps."""
    runs = [run for _, run in results.pairs]
    recovery = np.mean([run["recovery"] for run in runs], axis=0)
    rows = []
    for row, count in enumerate(FOREIGN):
        for column, steps in enumerate(STEPS):
            flips = np.mean([run["damage.flips"][row, column] for run in runs])
            curve = [f"{value:.3f}" for value in recovery[row, column]]
            rows.append((str(count), str(steps), f"{flips:.0f}", *curve))
    header = ("foreign tasks", "SFT steps", "edges flipped", *(f"after {k} updates" for k in RECOVERY))
    before = np.mean([run["before"] for run in runs])
    caption = f"Exact accuracy on the own questions, mean over seeds; {before:.3f} before the SFT."
    return [Table("Loss and recovery", header, tuple(rows), caption), _ratios(runs)]


def _ratios(runs: list[Arrays]) -> Table:
    """Compare flipped with random edges in all cases."""
    problems = preset("reference").problems.count
    rows = []
    for case in np.ndindex(len(FOREIGN), len(STEPS)):
        broken = [run for run in runs if run["damage.flips"][case] > 0]
        ratios = [
            [run[f"damage.{name}.mean"][case] / run[f"damage.{name}.random_mean"][case] for run in broken]
            for name in ("traffic", "disconnected")
        ]
        cut = np.mean(
            [run["damage.connected_before"][case] - run["damage.connected_after"][case] for run in runs]
        )
        lost = problems * np.mean([run["before"] - run["recovery"][case][0] for run in runs])
        middles = [f"{np.mean(values):.2f}" if values else "–" for values in ratios]
        numbers = [str(len(broken)), *middles, f"{cut:.1f}", f"{lost:.1f}"]
        rows.append((str(FOREIGN[case[0]]), str(STEPS[case[1]]), *numbers))
    header = (
        "foreign tasks",
        "SFT steps",
        "seeds with a flip",
        "traffic ratio",
        "cut-off ratio",
        "questions disconnected",
        "questions lost",
    )
    caption = (
        "Ratios: a flipped edge over a random committed one, mean over the seeds with a flip. "
        "Disconnected: questions whose best edges led to their answer in time before the SFT, less "
        f"those after; lost: accuracy lost × {problems}."
    )
    return Table("Flipped against random edges, in all cases", header, tuple(rows), caption)


CLAIM = Claim(
    name="C7",
    title="catastrophic forgetting under SFT, fast recovery under RLVR",
    method=(
        "Preset reference, trained to its end; then SFT on foreign tasks (other nodes; one random "
        "correct walk of the uniform policy each, 0.15 logits a task and step), then RLVR on the own "
        "questions. Thresholds for 16 tasks and 40 steps: at least 0.1 of accuracy lost, at least half "
        "of it regained in ten updates, at most a tenth of the committed edges flipped. The paper says "
        "that the flipped edges are trunks (bridges): then their traffic, betweenness, and the "
        "questions that each alone cuts off exceed those of random committed edges (ratio above 1), of all "
        "or of those at nodes that the foreign tasks visit. The "
        "judged case is the onset of forgetting. Where the damage is large, flipped edges are like "
        "random ones and the ratios go to one: the last table has all nine cases."
    ),
    changed=(
        "The rows on committed edges at nodes that the foreign tasks visit were added later, when the others "
        "were known: at other nodes nothing can flip, so they are the fairer comparison."
    ),
    of_paper=True,
    quick=True,
    fixed="fafedb2",
    cells=cells,
    judge=judge_rows,
    draw=draw,
    tables=tables,
)
