"""What the figures over steps share: the axis with its stages and heated steps, curves, notes."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from conet.report import style
from conet.views.walks_data import WalksData as Material

# Attribute of the stages, name, and how its line is drawn and called.
GUIDES = (
    ("v_bottom", "V bottom", (0, (5, 2)), "dashed"),
    ("island_peak", "most islands", (0, (1, 1.5)), "dotted"),
    ("knee", "knee", "-", "solid"),
)
NAME_HEIGHT = 0.075  # of a guide's name above the axes, as a share of them


def step_axis(axes: Axes, material: Material, *, names: bool = False, over: bool = False) -> None:
    """Scale the axis of steps, shade heated ones, and mark the stages of the run.

    Parameters
    ----------
    names
        Whether the stages are named above the axes.
    over
        Whether a picture fills the axes: lines stand out from light and dark then, and the shading
        lies above the axes.
    """
    last = int(material.steps[-1]) + 1
    axes.set_xlim(-0.01 * last, 1.01 * last)
    axes.xaxis.set_major_locator(MaxNLocator(9, integer=True))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.set_xlabel("step (updates done)")
    for first, end in heated_spans(material):
        low, high = (1.01, 1.04) if over else (0, 1)
        axes.axvspan(first, end, low, high, color=style.SHADE, lw=0, zorder=0, clip_on=not over)
    for row, (_, text, dashes, _, step) in enumerate(guides(material)):
        axes.axvline(step, color=style.VERMILION if over else style.MUTED, lw=0.9, ls=dashes, zorder=1)
        if names:
            _name_guide(axes, step, f"{text}, step {step}", 2 - row, step > 0.75 * last)


def _name_guide(axes: Axes, step: int, text: str, row: int, left: bool) -> None:
    """Write a guide's name above the axes, in a row of its own, so that near ones do not overlap."""
    height = 1 + NAME_HEIGHT * (row + 0.6)
    across = axes.get_xaxis_transform()
    axes.plot([step, step], [1, height], transform=across, color=style.MUTED, lw=0.6, clip_on=False)
    axes.annotate(
        text, (step, height), xycoords=across, xytext=(-3 if left else 3, 0), textcoords="offset points",
        fontsize=7, color=style.MUTED, ha="right" if left else "left", va="center",
    )  # fmt: skip


def guides(material: Material) -> Iterator[tuple[str, str, Any, str, int]]:
    """The guides of those stages that the run has, each with its step."""
    for guide in GUIDES:
        step = getattr(material.stages, guide[0])
        if step is not None:
            yield *guide, int(step)


def guide_note(material: Material, heated: str = "Shaded") -> str:
    """Explain the vertical lines and the shading, where there are any."""
    names = [f"{text} ({called})" for _, text, _, called, _ in guides(material)]
    lines = f" Vertical lines: {', '.join(names)}." if names else ""
    return lines + (f" {heated}: heated steps." if heated_spans(material) else "")


def heated_spans(material: Material) -> list[tuple[int, int]]:
    """First step, and the one after the last, of each stretch of heated steps."""
    heated = (material.metrics["phase"] == "heat").to_numpy().astype(int)
    turns = np.flatnonzero(np.diff(heated, prepend=0, append=0))
    steps = np.append(material.steps, material.steps[-1] + 1)
    return [(int(steps[first]), int(steps[end])) for first, end in turns.reshape(-1, 2)]


def curve(axes: Axes, steps: np.ndarray, values: np.ndarray, **how: Any) -> bool:
    """Draw the finite values, with markers where they are too few for a line; say whether any are."""
    known = np.isfinite(values)
    if known.any():
        if known.sum() < 3:
            how = {"marker": "o"} | how
        axes.plot(steps[known], values[known], **how)
    return bool(known.any())


def from_zero(axes: Axes, least: float) -> None:
    """Scale the vertical axis from 0 to a little above what is drawn, at the least to ``least``."""
    highest = axes.dataLim.ymax
    axes.set_ylim(0, max(1.06 * highest, least) if np.isfinite(highest) else least)


def finish(axes: Axes, drawn: bool, why_empty: str, **legend: Any) -> None:
    """Put the legend in, above the axes where nothing else is asked for; say why a plot is empty."""
    if drawn:
        above = {"loc": "lower right", "bbox_to_anchor": (1.01, 0.99), "ncols": 3}
        axes.legend(**(legend or above))
    else:
        axes.set_yticks([])
        axes.text(0.5, 0.5, why_empty, transform=axes.transAxes, ha="center", va="center", color=style.MUTED)
