"""Values by name with their intervals: a dot and a line a row."""

import numpy as np
from matplotlib.axes import Axes

from conet.report import style
from conet.report.drawing.axes import (
    CHARACTER,
    LINE,
    breadth_of,
    footer,
    heading,
    root,
    scale,
    wrapped,
    wrapped_name,
)
from conet.report.drawing.kind import Kind, Space
from conet.views.schema import Bars

RIGHT = 8.0  # points of breadth to the right of the axes
ROW = 16.0  # points of height of a row
MOST_LEFT = 0.42  # of the breadth for the names


def bars_space(panel: Bars, breadth: float, first: bool) -> Space:
    """Return the space: names to the left, wrapped where they are long."""
    left = min(MOST_LEFT * breadth, max(map(len, panel.names), default=0) * CHARACTER + 10)
    lines = max((len(_wrapped(name, left)) for name in panel.names), default=1)
    body = max(1, len(panel.names)) * (ROW + LINE * (lines - 1))
    inner = breadth - left - RIGHT
    title = len(wrapped(panel.title, inner)) if panel.title else 0
    return Space(LINE * title + 4, body, footer(panel.value, inner), left, RIGHT)


def draw_bars(axes: Axes, panel: Bars, first: bool, header: float) -> None:
    """Draw each value as a dot, its interval as a line, and levels as vertical lines."""
    rows = np.arange(len(panel.names))
    values = np.array(panel.values, float)
    for level in panel.levels:
        axes.axvline(level.value, color=style.INK, lw=0.8, zorder=1)
    if panel.low is not None and panel.high is not None:
        low, high = np.array(panel.low, float), np.array(panel.high, float)
        known = np.isfinite(low) & np.isfinite(high)
        axes.hlines(rows[known], low[known], high[known], color=style.BLUE, lw=1.6, zorder=2)
    axes.plot(values, rows, "o", color=style.BLUE, ms=4.5, zorder=3)
    left = MOST_LEFT * 72 * root(axes).get_figwidth()
    axes.set_yticks(rows, ["\n".join(_wrapped(name, left)) for name in panel.names])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.grid(axis="y", visible=False)
    scale(axes.xaxis, panel.value)
    if panel.title:
        lines = wrapped(panel.title, breadth_of(axes))
        heading(axes, "\n".join(lines), header - LINE * len(lines))


def _wrapped(name: str, left: float) -> list[str]:
    return wrapped_name(name, left - 10)


BARS = Kind(draw=draw_bars, space=bars_space)
