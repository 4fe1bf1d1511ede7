"""What all panels with axes share: scales, headings, marks with their names, shaded stretches."""

import re
import textwrap
from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.axis import Axis as MatplotlibAxis
from matplotlib.axis import XAxis
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from conet.report import style
from conet.views.parts import Axis, Band, Mark

LINE = 10.5  # points of height of a line of text
CHARACTER = 4.1  # points of width of a character of a label
HANDLE = 32.0  # points of width of a legend's line with the gaps around it
OUTDENT = 20.0  # points by which a heading begins left of the axes
FOOTER = 29.0  # points of height of the numbers and the name of a horizontal axis
NUMBER = 34.0  # points of width that a number at a horizontal axis needs with the gap beside it
DASHES: dict[str, Any] = {
    "v_bottom": (0, (5, 2)),
    "island_peak": (0, (1, 1.5)),
    "knee": "-",
    "heating_signal": (0, (4, 1.5, 1, 1.5)),
}
BREAKS = (", ", " ", "=", "[.:/_]")  # after which a name is broken, the best first
OTHER_DASHES: Any = (0, (8, 3))


def root(axes: Axes) -> Figure:
    """Return the figure that axes belong to."""
    figure = axes.get_figure(root=True)
    assert figure is not None
    return figure


def breadth_of(axes: Axes) -> float:
    """Return the breadth of axes in points."""
    return 72 * root(axes).get_figwidth() * axes.get_position().width


def height_of(axes: Axes) -> float:
    """Return the height of axes in points."""
    return 72 * root(axes).get_figheight() * axes.get_position().height


def heading(axes: Axes, text: str, over: float, left: float = -OUTDENT, **how: Any) -> None:
    """Write lines above the axes, so many points over them, from a little left of them on."""
    axes.annotate(
        text,
        (0, 1),
        xytext=(left, over),
        xycoords="axes fraction",
        textcoords="offset points",
        va="bottom",
        annotation_clip=False,
        **how,
    )


def wrapped(text: str, breadth: float, character: float = CHARACTER) -> list[str]:
    """Return the lines of a text that has so many points of breadth; one at least."""
    return textwrap.wrap(text, max(8, int(breadth / character))) or [""]


def wrapped_name(name: str, breadth: float) -> list[str]:
    """Return the lines of a name, as that of an arm: broken at commas, else at blanks, else inside words."""
    return [line.rstrip() for line in _broken(name, max(8, int(breadth / CHARACTER)), BREAKS)]


def _broken(text: str, most: int, ends: Sequence[str]) -> list[str]:
    """Break a text after the first of these ends, and what is then too long after the next."""
    if len(text.rstrip()) <= most:
        return [text]
    if not ends:
        return [text[first : first + most] for first in range(0, len(text), most)]
    lines: list[str] = []
    for part in filter(None, re.split(f"(?<={ends[0]})", text)):
        if lines and len((lines[-1] + part).rstrip()) <= most:
            lines[-1] += part
        else:
            lines += _broken(part, most, ends[1:])
    return lines


def heading_lines(panel: Any, breadth: float) -> list[str]:
    """Return title and vertical axis of a panel, as lines that fit above axes of that breadth."""
    label = axis_label(panel.y)
    return wrapped(f"{panel.title}: {label}" if panel.title else label, breadth + OUTDENT)


def footer(axis: Axis, breadth: float) -> float:
    """Return the points of height that the numbers and the name below axes of that breadth need."""
    return FOOTER + LINE * (len(wrapped(axis_label(axis), breadth)) - 1)


def axis_label(axis: Axis) -> str:
    """Name and unit of an axis."""
    return f"{axis.name} ({axis.unit})" if axis.unit else axis.name


def scale(axis: MatplotlibAxis, wanted: Axis) -> None:
    """Set scale, limits, ticks and (below) the name of an axis."""
    across = isinstance(axis, XAxis)
    axes: Any = axis.axes
    if wanted.scale != "linear":
        base = 2 if wanted.scale == "log2" else 10
        (axes.set_xscale if across else axes.set_yscale)("log", base=base)
        axis.set_major_locator(LogLocator(base, numticks=12))
        axis.set_minor_locator(NullLocator())
    else:
        most = min(9, max(2, int(breadth_of(axes) // NUMBER))) if across else 5
        axis.set_major_locator(MaxNLocator(most, integer=wanted.whole, steps=[1, 2, 2.5, 5, 10]))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
    _limits(axes, across, wanted)
    if across:
        axes.set_xlabel("\n".join(wrapped(axis_label(wanted), breadth_of(axes))))


def _limits(axes: Any, across: bool, wanted: Axis) -> None:
    """Set the ends, with a margin beyond those that are given, so that nothing lies on the frame."""
    low, high = axes.get_xlim() if across else axes.get_ylim()
    if wanted.scale == "linear":
        low = low if wanted.low is None else min(wanted.low, low) if not across else wanted.low
        high = high if wanted.high is None else max(wanted.high, high) if not across else wanted.high
        margin = (0.01 if across else 0.02) * (high - low)
        low = low - margin if wanted.low is not None and (across or wanted.high is not None) else low
        high = high + margin if wanted.high is not None else high
    if high <= low:  # one step alone
        low, high = low - 0.5, high + 0.5
    (axes.set_xlim if across else axes.set_ylim)(low, high)


def header_rows(names: Sequence[str], breadth: float) -> list[int]:
    """Distribute legend entries over rows; returns how many stand in each."""
    if not names:
        return []
    longest = max(len(name) for name in names) * CHARACTER + HANDLE
    columns = max(1, min(len(names), int(breadth // longest)))
    rows = -(-len(names) // columns)
    return [columns] * rows


def mark_rows(marks: Sequence[Mark]) -> int:
    """Return how many rows of names the marks need above the axes: one each, so that none overlap."""
    return len(marks)


def marks(axes: Axes, wanted: Sequence[Mark], *, named: bool = True, over: bool = False) -> None:
    """Draw marks as vertical lines, and name them above the axes.

    Parameters
    ----------
    over
        Whether a picture fills the axes: a border of paper lets lines stand out from it then.
    """
    left, right = axes.get_xlim()
    border = [withStroke(linewidth=2.7, foreground=style.PAPER)] if over else None
    # The rightmost is named lowest, so that no name is crossed by another line.
    for row, mark in enumerate(sorted(wanted, key=lambda mark: -mark.step)):
        dashes = DASHES.get(mark.name, OTHER_DASHES)
        axes.axvline(mark.step, color=style.MUTED, lw=0.9, ls=dashes, zorder=1.2, path_effects=border)
        if mark.low is not None and mark.high is not None and not over:
            axes.axvspan(mark.low, mark.high, color=style.GHOST, alpha=0.35, lw=0, zorder=0)
        if named:
            _name(axes, mark, row, (mark.step - left) / (right - left))


def _name(axes: Axes, mark: Mark, row: int, place: float) -> None:
    """Write what a mark is, on the side of it that has room; ``place`` is its share of the breadth."""
    text, leftwards = f"{mark.label}: {mark.step:,.0f}", place > 0.6
    if mark.low is not None and mark.high is not None:
        text += f" [{mark.low:,.0f}, {mark.high:,.0f}]"
    if len(text) * CHARACTER > (1 - place) * breadth_of(axes):
        leftwards = leftwards or place > 0.5
    across = axes.get_xaxis_transform()
    height = LINE * (row + 0.5)
    style_of_line = {"arrowstyle": "-", "color": style.MUTED, "lw": 0.6, "shrinkA": 0, "shrinkB": 0}
    axes.annotate(
        text,
        (mark.step, 1),
        xycoords=across,
        xytext=(-3 if leftwards else 3, height),
        textcoords="offset points",
        fontsize=7,
        color=style.MUTED,
        ha="right" if leftwards else "left",
        va="center",
        annotation_clip=False,
    )
    axes.annotate(
        "",
        (mark.step, 1),
        xycoords=across,
        xytext=(0, height + 3),
        textcoords="offset points",
        arrowprops=style_of_line,
        annotation_clip=False,
    )


def bands(axes: Axes, wanted: Sequence[Band], *, over: bool = False) -> None:
    """Shade stretches of the horizontal axis; above the axes where a picture fills them."""
    for band in wanted:
        low, high = (1.01, 1.04) if over else (0, 1)
        axes.axvspan(band.low, band.high, low, high, color=style.SHADE, lw=0, zorder=0, clip_on=not over)
