"""The heat map of problems × steps."""

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from conet.report import style
from conet.report.axes import guide_note, step_axis
from conet.report.style import Picture
from conet.rollouts import Counts
from conet.views.walks_data import WalksData as Material

BINS = 200  # at most so many columns
ENOUGH = 24  # rollouts of a problem that a bin should hold at least, or chance alone would solve it
ROWS = 400  # at most so many rows
SOLVED = 0.5  # accuracy in a bin from which a problem counts as solved there


def draw_problems(material: Material) -> Picture:
    """Draw the accuracy of each problem in bins of steps."""
    name, title = "problems", "Problem by problem"
    if material.problems is None:
        text = "The run kept no rollouts (<code>snapshots.rollouts</code>), or too many to be unfolded."
        return Picture(name, title, text, None)
    accuracy, width = binned_accuracy(material.problems)
    first = first_solved(accuracy)
    order = np.lexsort((-np.nan_to_num(accuracy).mean(axis=1), first))
    rows, merged = grouped(accuracy[order])
    figure = style.figure(3.9)
    draw_map(figure, material, rows, (width * rows.shape[1], merged * len(rows)))
    bins = "a step" if width == 1 else f"{width} steps"
    row = "a problem" if merged == 1 else f"{merged} problems"
    text = (
        f"Accuracy of each problem in bins of {bins}; a row is {row}, sorted by the bin in which its "
        f"accuracy first reaches {SOLVED:g}. Look for single problems that jump from near 0 to near 1 "
        "within few steps, each at its own time: the slow stage is a sequence of such jumps. Dark gaps "
        f"behind the front are problems that were solved and forgotten again. {never(first)}"
    )
    return Picture(name, title, text + guide_note(material, "Bar above the map"), style.to_svg(figure))


def draw_map(figure: Figure, material: Material, rows: np.ndarray, reach: tuple[int, int]) -> None:
    """Draw rows of accuracy, which reach over so many steps and problems, with a colour bar."""
    assert material.problems is not None
    steps, count = material.problems.samples.shape
    axes = figure.add_subplot()
    colours = colormaps["cividis"].with_extremes(bad=style.GHOST)
    extent = (0, reach[0], reach[1], 0)
    image = axes.imshow(rows, colours, aspect="auto", interpolation="none", vmin=0, vmax=1, extent=extent)
    step_axis(axes, material, over=True)
    axes.grid(False)
    axes.set_xlim(0, steps)
    axes.set_ylim(count, 0)
    axes.yaxis.set_major_locator(MaxNLocator(8, integer=True))
    axes.set_ylabel("problem\n(in order of being first solved)")
    bar = figure.colorbar(image, ax=axes, pad=0.015, aspect=28)
    if bar.solids is not None:
        bar.solids.set_rasterized(True)
    bar.outline.set_linewidth(0.5)
    bar.ax.tick_params(length=2)
    bar.set_label("accuracy (share of rollouts correct)")


def never(first: np.ndarray) -> str:
    """Say how many problems were never solved."""
    count = int(np.isinf(first).sum())
    if not count:
        return "Every problem was solved at some time."
    return f"{count} of {len(first)} {'problem was' if count == 1 else 'problems were'} never solved (bottom rows)."


def binned_accuracy(problems: Counts) -> tuple[np.ndarray, int]:
    """Accuracy in bins of equally many steps.

    Returns
    -------
    accuracy : ndarray of float64, shape (problems, bins)
        NaN where a bin holds no rollout of the problem.
    width : int
        Steps a bin.
    """
    steps = len(problems.samples)
    rollouts = max(1, int(problems.samples.max()))
    width = min(steps, max(-(-steps // BINS), -(-ENOUGH // rollouts)))
    starts = np.arange(0, steps, width)
    correct = np.add.reduceat(problems.correct_count, starts, axis=0).T
    samples = np.add.reduceat(problems.samples, starts, axis=0).T
    return np.divide(correct, samples, out=np.full(correct.shape, np.nan), where=samples > 0), width


def first_solved(accuracy: np.ndarray) -> np.ndarray:
    """Bin in which each problem is first solved, float64, shape (problems,); inf where never."""
    solved = accuracy >= SOLVED
    return np.where(solved.any(axis=1), solved.argmax(axis=1), np.inf)


def grouped(rows: np.ndarray) -> tuple[np.ndarray, int]:
    """Average neighbouring rows where there are more than can be drawn; says how many make one."""
    size = -(-len(rows) // ROWS)
    if size == 1:
        return rows, 1
    starts = np.arange(0, len(rows), size)
    known = np.isfinite(rows)
    total = np.add.reduceat(np.where(known, rows, 0), starts, axis=0)
    count = np.add.reduceat(known, starts, axis=0)
    return np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0), size
