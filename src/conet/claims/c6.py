"""C6: policy collapse: diversity vanishes while pass@1 still rises."""

from functools import partial

import numpy as np

from conet.cells.apart import ENOUGH
from conet.cells.cell import Arrays
from conet.cells.plain import PASS_K
from conet.claims.shared import against_apart, cells_with, draw_curves, over_seeds, runs_of
from conet.config import preset
from conet.judging.claim import Claim, Results, Table
from conet.judging.judgement import ClaimResult, judge
from conet.observables.pass_at_k import pass_at_k
from conet.report import style
from conet.report.style import Picture

JUDGED_K = (128, 256, 512)


def change(run: Arrays, k: int) -> float:
    """pass@k at the end less that at step 0, exact."""
    return float(np.diff(run["snapshot.pass_at_k"][[0, -1], PASS_K.index(k)])[0])


def collective(run: Arrays, null: Arrays, k: int) -> float:
    """pass@k at the end less that of problems with a policy each, which begin at the same pass@k."""
    alone = pass_at_k(null["end_correct"].astype(np.int64), ENOUGH, k).mean()
    return float(run["snapshot.pass_at_k"][-1, PASS_K.index(k)] - alone)


def rise_after(run: Arrays) -> float:
    """How much pass@1 still rises after the path entropy has lost half of its largest value."""
    entropy = run["snapshot.path_entropy"]
    largest = int(np.nanargmax(entropy))
    halved = largest + np.flatnonzero(entropy[largest:] <= entropy[largest] / 2)
    half = int(halved[0]) if len(halved) else -1
    return float(run["snapshot.pass_at_k"][-1, 0] - run["snapshot.pass_at_k"][half, 0])


def judge_rows(results: Results) -> list[ClaimResult]:
    """Judge the vanishing path entropy, the rise meanwhile, and what it costs."""
    rows = [
        (
            "less that at step 0",
            lambda k: over_seeds(results, partial(change, k=k)),
            "does training cost problems that could be solved before? At small k it gains, at large k it "
            "loses; the paper names no k",
        ),
        (
            "less that of problems with a policy each",
            lambda k: against_apart(results, partial(collective, k=k)),
            "what is below is what problems that share a policy cost one another",
        ),
    ]
    count = preset("reference").problems.count
    costs = [
        judge("C6", f"pass@{k} at the end {than}", values(k), 0.0, wanted="at most", why=why, problems=count)
        for than, values, why in rows
        for k in JUDGED_K
    ]
    return [*entropy_rows(results), *costs]


def entropy_rows(results: Results) -> list[ClaimResult]:
    """Judge the vanishing path entropy, and the rise of pass@1 meanwhile."""
    return [
        judge(
            "C6",
            "path entropy of successful walks at the end over its largest value",
            over_seeds(
                results,
                lambda run: run["snapshot.path_entropy"][-1] / np.nanmax(run["snapshot.path_entropy"]),
            ),
            0.1,
            wanted="at most",
            why="one path a problem",
        ),
        judge(
            "C6",
            "rise of pass@1 after the path entropy has fallen to half of its largest value",
            over_seeds(results, rise_after),
            0.05,
            why="collapse goes on while the score still rises",
        ),
    ]


def draw(results: Results) -> list[Picture]:
    """Draw pass@1, pass@256 and the path entropy."""
    figure = style.figure(2.8)
    left, right = figure.subplots(1, 2)
    runs = list(runs_of(results).values())
    steps = runs[0]["snapshot_steps"]
    passes = np.array([run["snapshot.pass_at_k"] for run in runs])
    draw_curves(left, steps, passes[:, :, 0], style.BLUE, "pass@1")
    draw_curves(left, steps, passes[:, :, PASS_K.index(256)], style.VERMILION, "pass@256", "--")
    left.set(xlabel="step (updates done)", ylabel="pass@k (exact)", ylim=(0, 1.02))
    left.legend(loc="lower right")
    entropy = np.array([run["snapshot.path_entropy"] for run in runs])
    draw_curves(right, steps, entropy, style.GREEN, "path entropy")
    right.set(
        xlabel="step (updates done)",
        ylabel="path entropy of successful walks\n(nats, 64 walks)",
        ylim=(0, None),
    )
    text = (
        "pass@1 closes up to pass@256, and every problem keeps one path. Exact pass@k: mean of 1 - (1 - p)^k."
    )
    return [Picture(name="c6-collapse", title="Policy collapse", caption=text, svg=style.to_svg(figure))]


def tables(results: Results) -> list[Table]:
    """Show pass@k at the start and at the end."""
    count = preset("reference").problems.count
    ends = np.mean([run["snapshot.pass_at_k"][[0, -1]] for run in runs_of(results).values()], axis=0)
    rows = []
    for place, k in enumerate(PASS_K):
        values = over_seeds(results, partial(change, k=k))
        alone = ends[1, place] - against_apart(results, partial(collective, k=k)).mean()
        numbers = (f"{ends[0, place]:.4f}", f"{ends[1, place]:.4f}", f"{alone:.4f}", f"{values.mean():+.4f}")
        fallen = f"{(values < 0).sum()} of {len(values)}"
        rows.append((str(k), *numbers, f"{values.mean() * count:+.1f}", fallen))
    header = (
        "k",
        "at step 0",
        "at the end",
        "a policy each",
        "change",
        "in problems",
        "seeds where it falls",
    )
    return [
        Table(
            "What training costs",
            header,
            tuple(rows),
            "Means over seeds; exact, but for the problems with a policy each at the end.",
        )
    ]


CLAIM = Claim(
    name="C6",
    title="policy collapse: diversity vanishes while pass@1 still rises",
    method=(
        "Preset reference, exact success probabilities p at 17 snapshots. The path entropy has to end below "
        "a tenth of its largest value; pass@1 has to rise by at least 0.05 after it has halved; pass@k at "
        "the end has to be below that at step 0, and below that of the same problems with a policy each "
        "(2,048 walks a problem), for k of 128, 256 and 512. Path entropy: plug-in estimate "
        "from the successful ones of 64 walks a problem, mean over problems with one at least; never above "
        "the log of their number, so biased low where few succeed, as at the start."
    ),
    changed=(
        "The row on the rise of pass@1 first waited until the gap pass@256 - pass@1 had halved. The gap is "
        "about 0.98 - pass@1, so that row could not fail in a run that learns; it waits until the path "
        "entropy has halved, which nothing ties to pass@1. The row on the gap itself (at most a tenth of its "
        "largest value at the end) was dropped for the same reason. pass@k was judged at k = 256 alone, and "
        "what comes out depends on k. The rows against problems with a policy each came later, before any "
        "run that has what they need. The seeds are others."
    ),
    of_paper=True,
    quick=True,
    fixed="d16e117, the rows against problems with a policy each at f02449c",
    cells=cells_with(1),
    judge=judge_rows,
    draw=draw,
    tables=tables,
)
