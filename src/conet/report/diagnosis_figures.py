"""Figures of a diagnosis: what other people's rollouts show over the steps of their training."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from conet.detect import Interval
from conet.diagnosis import Diagnosis
from conet.diagnosis.visits import by_step, some
from conet.observables.length import WINDOW, window_sums, windowed_correct_length, within_problem_length
from conet.report import style
from conet.report.axes import NAME_HEIGHT, curve, finish
from conet.report.problems import BINS, SOLVED, first_solved, grouped
from conet.report.style import Picture

MOST_DRAWN = 4000  # problems in the map
COVERED = 0.9  # of the fixed problems that need a correct answer in the window


def guides(found: Diagnosis) -> Iterator[tuple[str, str, Any, float, Interval | None]]:
    """Name, how its line is called and drawn, step and interval of each moment that the run has."""
    knee, bottom = found.detail("stage").knee, found.detail("correct-length").bottom
    if knee is not None:
        yield "knee", "solid", "-", knee.estimate, knee
    if bottom is not None:
        yield "V bottom", "dashed", (0, (5, 2)), bottom.estimate, bottom
    if found.detail("heating").step is not None:
        yield "time to heat", "dotted", (0, (1, 1.5)), found.detail("heating").step, None


def guide_note(found: Diagnosis) -> str:
    """Explain the vertical lines, where there are any."""
    names = [f"{name} ({called})" for name, called, *_ in guides(found)]
    return f" Vertical lines: {', '.join(names)}." if names else ""


def step_axis(axes: Axes, found: Diagnosis, *, names: bool = False, over: bool = False) -> None:
    """Scale the axis of steps and mark the moments of the run; ``over`` a picture, in another colour."""
    first, last = int(found.steps["step"][0]), int(found.steps["step"][-1])
    margin = 0.01 * max(last - first, 1)
    axes.set_xlim(first - margin, last + margin)
    axes.xaxis.set_major_locator(MaxNLocator(9, integer=True))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.set_xlabel("step (as the trainer counts)")
    # The rightmost is named lowest, so that no name is crossed by another line.
    ordered = sorted(guides(found), key=lambda guide: -guide[3])
    for row, (name, _, dashes, step, interval) in enumerate(ordered):
        axes.axvline(step, color=style.VERMILION if over else style.MUTED, lw=0.9, ls=dashes, zorder=1)
        if not names:
            continue
        text = f"{name}, step {step:,.0f}"
        if interval is not None and np.isfinite(interval.low):
            axes.axvspan(interval.low, interval.high, color=style.GHOST, alpha=0.35, lw=0, zorder=0)
            text += f" [{interval.low:,.0f}, {interval.high:,.0f}]"
        _name(axes, step, text, row, step > (first + 2 * last) / 3)


def _name(axes: Axes, step: float, text: str, row: int, left: bool) -> None:
    height = 1 + NAME_HEIGHT * (row + 0.6)
    across = axes.get_xaxis_transform()
    axes.plot([step, step], [1, height], transform=across, color=style.MUTED, lw=0.6, clip_on=False)
    axes.annotate(
        text, (step, height), xycoords=across, xytext=(-3 if left else 3, 0), textcoords="offset points",
        fontsize=7, color=style.MUTED, ha="right" if left else "left", va="center",
    )  # fmt: skip


def column(found: Diagnosis, name: str) -> np.ndarray:
    """Return a column of the steps as float64, NaN where unknown."""
    import polars as pl

    return found.steps[name].cast(pl.Float64).fill_null(float("nan")).to_numpy()


def windowed(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Centred mean over 9 rows, weighted; NaN where nothing is known."""
    known = np.isfinite(values)
    total = window_sums(np.where(known, values, 0) * weights)
    count = window_sums(known * weights)
    return np.divide(total, count, out=np.full(len(values), np.nan), where=count > 0)


def draw_learning(found: Diagnosis) -> Picture:
    """Accuracy against step."""
    figure = style.figure(3.1)
    axes = figure.add_subplot()
    steps, accuracy, samples = (column(found, name) for name in ("step", "accuracy", "samples"))
    axes.plot(
        steps, accuracy, ".", color=style.SKY, ms=4, mew=0, label="each step", rasterized=len(steps) > 3000
    )
    drawn = curve(
        axes, steps, windowed(accuracy, samples), color=style.BLUE, label=f"centred {WINDOW}-step mean"
    )
    if found.log.validation is not None:
        rows = found.log.validation
        axes.plot(
            rows["step"], rows["accuracy"], color=style.VERMILION, ls="--", marker="s", label="validation"
        )
    axes.set_ylim(-0.02, 1.02)
    axes.set_ylabel("accuracy\n(share of answers that are correct)")
    step_axis(axes, found, names=True)
    finish(axes, drawn, "no answers", loc="best")
    text = (
        "Look for a fast rise that bends at the knee into a long, slow stage. Accuracy: the share of the step's "
        "answers that are correct. Knee: where two joined straight lines fit best; it counts only where the curve "
        "is at least twice as steep before it as after it. Shaded: 95 % intervals over problems."
    )
    if found.detail("groups").filtered:
        text += (
            " Groups without signal are missing from the files, so this is the accuracy of the groups kept."
        )
    return Picture("learning-curve", "Learning curve", text + guide_note(found), style.to_svg(figure))


def draw_length(found: Diagnosis) -> Picture:
    """The V of the correct length: pooled, and within a fixed set of problems."""
    name, title = "correct-length", "The V of the correct length"
    if not found.log.visits.measured:
        return Picture(name, title, "The lengths of the answers are not known.", None)
    figure = style.figure(3.0)
    axes = figure.add_subplot()
    steps, total, correct = (column(found, part) for part in ("step", "correct_length_sum", "correct_count"))
    pooled = windowed_correct_length(total, correct, found.detail("correct-length").window)
    drawn = curve(axes, steps, pooled, color=style.BLUE, label="pooled over all correct answers")
    note = _within(axes, found)
    axes.set_ylabel("length of correct answers\n(" + unit(found) + ")")
    axes.margins(y=0.12)
    step_axis(axes, found)
    finish(axes, drawn, "no answer was correct")
    text = (
        "Look for correct answers that first get shorter, while single skills shorten their own paths, and then "
        f"longer, while skills join. Verdict: {found.detail('correct-length').why}. Pooled: total length over number "
        "of correct answers in a "
        f"centred window of {found.detail('correct-length').window} steps; the vertical axis does not start at zero. {note}"
    )
    return Picture(name, title, text + guide_note(found), style.to_svg(figure))


def unit(found: Diagnosis) -> str:
    """What the lengths are counted in."""
    source = found.log.record.sources.get("length", "")
    return source.split(" of ")[0] if " of " in source else source.replace("column", "as in column")


def _within(axes: Axes, found: Diagnosis) -> str:
    """Draw the correct length of a fixed set of problems, and explain it."""
    valley, counts = found.detail("correct-length").valley, found.log.counts
    if valley is None:
        return ""
    part = valley.within
    sizes = (
        f"From its bottom to the end, the pooled length changes by {valley.change.estimate:+.3g}: {part.estimate:+.3g} "
        f"within problems, {valley.composition.estimate:+.3g} by composition (who is solved)."
    )
    if np.isnan(valley.change.estimate):
        sizes = ""
    if counts.problems < found.log.visits.problems:
        return sizes + " Problems are too many to be followed one by one in the figure."
    row = int(np.searchsorted(counts.steps, valley.bottom.estimate))
    window = found.detail("correct-length").window
    near = slice(max(0, row - window // 2), row + window // 2 + 1)
    right, drawn = counts.correct_count[near].sum(axis=0), counts.samples[near].sum(axis=0)
    fixed = (right >= SOLVED * drawn) & (right > 0)
    if not fixed.any():
        return f"{sizes} No problem is solved where the length is shortest, so there is no curve within problems."
    within, coverage = within_problem_length(
        counts.correct_count, counts.correct_length_sum, fixed, found.detail("correct-length").window
    )
    label = f"within the problems solved at its bottom ({int(fixed.sum())})"
    curve(
        axes,
        counts.steps,
        np.where(coverage >= COVERED, within, np.nan),
        color=style.VERMILION,
        ls="--",
        label=label,
    )
    return (
        f"{sizes} Within: mean over the {int(fixed.sum())} problems with an accuracy of at least one half around step "
        f"{valley.bottom.estimate:.0f}, each with the same weight, where 9 in 10 of them have a correct answer."
    )


def draw_problems(found: Diagnosis) -> Picture:
    """Accuracy of each problem in bins of steps."""
    visits = found.detail("outcomes").visits
    chosen = some(np.arange(len(visits)), MOST_DRAWN)
    bins = int(np.clip(np.median(visits[chosen]), 1, BINS))
    _, correct, samples = by_step(found.log.visits, chosen, bins)
    accuracy = np.divide(correct, samples, out=np.full(correct.shape, np.nan), where=samples > 0).T
    first = first_solved(accuracy)
    order = np.lexsort((-np.nan_to_num(accuracy).mean(axis=1), first))
    rows, merged = grouped(accuracy[order])
    figure = style.figure(3.9)
    axes = figure.add_subplot()
    colours = colormaps["cividis"].with_extremes(bad=style.GHOST)
    extent = (float(found.steps["step"][0]), float(found.steps["step"][-1]) + 1, merged * len(rows), 0)
    image = axes.imshow(rows, colours, aspect="auto", interpolation="none", vmin=0, vmax=1, extent=extent)
    step_axis(axes, found, over=True)
    axes.grid(False)
    axes.set_xlim(*extent[:2])
    axes.set_ylim(len(chosen), 0)
    axes.yaxis.set_major_locator(MaxNLocator(8, integer=True))
    axes.set_ylabel("problem\n(in order of being first solved)")
    bar = figure.colorbar(image, ax=axes, pad=0.015, aspect=28)
    if bar.solids is not None:
        bar.solids.set_rasterized(True)
    bar.outline.set_linewidth(0.5)
    bar.ax.tick_params(length=2)
    bar.set_label("accuracy (share of answers correct)")
    row = "a problem" if merged == 1 else f"{merged} problems"
    part = "" if len(chosen) == len(visits) else f" {len(chosen):,} problems drawn at random are shown."
    text = (
        f"Accuracy of each problem; a row is {row}, sorted by when its accuracy first reaches {SOLVED:g}.{part} Grey: not "
        "visited. Look for single problems that jump from near 0 to near 1, each at its own time, and for dark gaps "
        "behind the front: problems that were solved and forgotten again."
    )
    return Picture("problems", "Problem by problem", text + guide_note(found), style.to_svg(figure))
