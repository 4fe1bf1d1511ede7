"""C5: in the slow stage single problems jump, and attach at the frontier of the web."""

import numpy as np

from conet.cells import apart
from conet.cells.cell import Arrays, Cell
from conet.cells.frontier import KINDS
from conet.claims.shared import against_apart, fresh, over_seeds, runs_of
from conet.detect import knee
from conet.judging.claim import Claim, Results, Scale, Table
from conet.judging.judgement import ClaimResult, judge
from conet.report import style
from conet.report.style import Picture

SHARP = 40  # steps from 10 to 90 %: a twentieth of the run


def cells(scale: Scale) -> list[Cell]:
    """Return one run a seed that keeps its webs, and one of the same problems with a policy each."""
    arguments = {"named": "reference", "changes": {}}
    found = [Cell("conet.cells.frontier:frontier_run", {"seed": seed, **arguments}) for seed in fresh(scale)]
    return found + [apart.cell(seed, 1) for seed in fresh(scale)]


def learned(run: Arrays) -> np.ndarray:
    """Mark the problems that end solved and did not begin so."""
    return (run["high"] >= 0.5) & (run["low"] <= 0.5)


def late(run: Arrays) -> np.ndarray:
    """Mark the problems whose rise has its middle after the knee, and that end solved."""
    return (run["midpoint"] > (knee(run["accuracy"]) or 0)) & learned(run)


def width_ratio(run: Arrays) -> float:
    """Median width of the logistic rises after the knee over that before it; NaN where a side has none."""
    return _late_over_early(run, run["width"])


def relative_ratio(run: Arrays) -> float:
    """The same of the widths over the steps of half the rise, as C9 takes them."""
    return _late_over_early(run, run["width"] / np.maximum(run["midpoint"], 1.0))


def _late_over_early(run: Arrays, values: np.ndarray) -> float:
    rose = learned(run) & (run["beats_ramp"] == 1)
    after, before = rose & late(run), rose & ~late(run)
    if not after.any() or not before.any():
        return float("nan")
    return float(np.median(values[after]) / np.median(values[before]))


def sharp_share(run: Arrays) -> float:
    """Share of the late problems with a logistic rise of at most :data:`SHARP` steps."""
    chosen = late(run)
    sharp = (run["beats_ramp"] == 1) & (run["width"] <= SHARP)
    return float(sharp[chosen].mean()) if chosen.any() else float("nan")


def attached_share(run: Arrays) -> float:
    """Share of the late problems whose path ends in the web that was there before."""
    chosen = late(run) & (run["kind"] >= 0)
    return float((run["kind"][chosen] > 0).mean()) if chosen.any() else float("nan")


def leaf_share(run: Arrays) -> float:
    """Share of the late attached problems whose junction was a leaf."""
    chosen = late(run) & (run["kind"] > 0)
    return float((run["kind"][chosen] == KINDS.index("leaf")).mean()) if chosen.any() else float("nan")


def judge_rows(results: Results) -> list[ClaimResult]:
    """Judge the jumps and where the new paths attach."""
    return [
        judge(
            "C5",
            f"share of problems learned after the knee that rise within {SHARP} steps",
            over_seeds(results, sharp_share),
            0.5,
            why="most of them jump: a twentieth of the run",
        ),
        *_narrower(results),
        judge(
            "C5",
            "share of problems learned after the knee that attach to the web that was there",
            over_seeds(results, attached_share),
            0.8,
            why="new skills are bolted on",
        ),
        judge(
            "C5",
            "share of those junctions that were leaves of the web",
            over_seeds(results, leaf_share),
            0.5,
            why="the frontier, rather than a trunk",
        ),
    ]


def _narrower(results: Results) -> list[ClaimResult]:
    """Judge whether late rises are narrower, in steps and for the time they waited."""
    text = "width of the rise of problems learned after the knee over that of those before it"
    return [
        judge(
            "C5",
            f"median {text}",
            over_seeds(results, width_ratio),
            1.0,
            wanted="at most",
            why="a jump special to the slow stage would take fewer steps",
        ),
        judge(
            "C5",
            f"median relative {text}",
            over_seeds(results, relative_ratio),
            1.0,
            wanted="at most",
            why="relative to the step of half the rise, as in C9: a long wait, and then a jump",
        ),
        judge(
            "C5",
            "the same, over that of problems with a policy each",
            against_apart(results, lambda run, null: relative_ratio(run) / relative_ratio(null)),
            1.0,
            wanted="at most",
            why="whoever rises as fast late as early has the smaller relative width late, also alone",
        ),
    ]


def draw(results: Results) -> list[Picture]:
    """Draw onset against width, and the distance of the junction."""
    figure = style.figure(2.8)
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    runs = list(runs_of(results).values())
    middle = np.concatenate([run["midpoint"] for run in runs])
    width = np.concatenate([run["width"] for run in runs])
    rose = np.concatenate([(run["beats_ramp"] == 1) for run in runs])
    left.plot(middle[rose], width[rose], ".", ms=2.5, color=style.BLUE, alpha=0.5, mew=0, rasterized=True)
    left.axhline(SHARP, color=style.VERMILION, lw=1, ls="--", label=f"{SHARP} steps")
    left.set(
        xlabel="step of half the rise", ylabel="width of the rise\n(steps from 10 to 90 %)", yscale="log"
    )
    left.set_yticks([5, 10, 20, 40, 80], ["5", "10", "20", "40", "80"])
    left.minorticks_off()
    left.legend(loc="upper right")
    distance = np.concatenate([run["distance"][late(run) & (run["kind"] > 0)] for run in runs])
    counts = np.bincount(distance.astype(int))
    right.bar(np.arange(len(counts)), counts / counts.sum(), color=style.GREEN)
    right.set(xlabel="edges from question to junction", ylabel="share of late problems")
    right.set_xticks(np.arange(len(counts)))
    text = (
        "Left: each problem of each seed with a logistic rise. Right: how far from its question a "
        "problem learned after the knee meets the web that was there before its onset."
    )
    return [
        Picture(name="c5-frontier", title="Jumps at the frontier", caption=text, svg=style.to_svg(figure))
    ]


def tables(results: Results) -> list[Table]:
    """Count where late problems attach."""
    runs = list(runs_of(results).values())
    kinds = np.concatenate([run["kind"][late(run)] for run in runs])
    rows = tuple((kind, f"{np.mean(kinds == place):.2f}") for place, kind in enumerate(KINDS))
    caption = (
        "Separate: no node of the path was in the web; leaf or trunk: at most one neighbour of the junction, "
        "or more."
    )
    return [Table("Where problems learned after the knee attach", ("junction", "share"), rows, caption)]


CLAIM = Claim(
    name="C5",
    title="phase-transition-like learning at the frontier",
    method=(
        "Preset reference. Each problem's record is fitted by a constant, a line and a logistic rise "
        "(binomial likelihood, BIC). Late: half of the rise after the knee. A jump: the logistic wins "
        "and takes at most 40 steps from 10 to 90 %. The junction: first node of the final path that "
        "was in the web of the other problems before the onset (committed edges on their successful "
        "walks, kept every 10 steps). A jump that is special to the slow stage is narrower than the "
        "rises before the knee: the ratio of median widths has to be at most 1, in steps, and over the step "
        "of half the rise. The last is compared with that of the same problems with a policy each."
    ),
    changed=(
        "The ratio of widths was added: that late problems rise within 40 steps says little if early "
        "ones do so as well. Relative widths were added later, since C9 judges sharpness by them; and the "
        "null, since relative widths shrink with the wait by themselves. The seeds are others."
    ),
    of_paper=True,
    quick=True,
    fixed="d16e117",
    cells=cells,
    judge=judge_rows,
    draw=draw,
    tables=tables,
)
