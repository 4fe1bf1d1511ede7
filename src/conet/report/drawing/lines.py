"""Curves over an axis, with intervals, marks and bands."""

from collections.abc import Sequence
from itertools import cycle
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import PathPatch
from matplotlib.path import Path

from conet.report import style
from conet.report.drawing.axes import (
    HANDLE,
    LINE,
    OUTDENT,
    bands,
    breadth_of,
    footer,
    header_rows,
    heading,
    heading_lines,
    height_of,
    mark_rows,
    marks,
    scale,
    wrapped_name,
)
from conet.report.drawing.kind import Kind, Space
from conet.views.parts import Series
from conet.views.schema import Lines

DASHES: tuple[Any, ...] = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 1)))
BODY = 150.0  # points of height of the axes
LEFT, RIGHT = 34.0, 8.0  # points of breadth of what stands left and right of them
MARKERS = "osD^vP"
MOST_VECTORS = 3000  # dots of one series beyond which they become a picture inside the SVG
DOT = 2.2  # points across of a single measurement
FEWEST_WITHOUT_MARKERS = 3  # values below which a line gets markers, or nothing would be seen


def lines_space(panel: Lines, breadth: float, first: bool) -> Space:
    """Return the space: heading, legend and names of marks above the axes."""
    inner = breadth - LEFT - RIGHT
    rows = len(heading_lines(panel, inner)) + _legend(panel, inner)[1]
    names = mark_rows(panel.marks) if first else 0
    return Space(LINE * (rows + names) + 6, BODY, footer(panel.x, inner), LEFT, RIGHT)


def draw_lines(axes: Axes, panel: Lines, first: bool, header: float) -> None:
    """Draw a panel of curves; marks are named where it is the ``first`` above others with the same."""
    bands(axes, panel.bands)
    for level in panel.levels:
        axes.axhline(level.value, color=style.INK, lw=0.8, zorder=1)
    gaps = [(band.low, band.high) for band in panel.bands]
    styled = zip(panel.series, looks(panel.series))
    drawn = [series for series, how in styled if _draw(axes, series, how, gaps)]
    scale(axes.xaxis, panel.x)
    scale(axes.yaxis, panel.y)
    marks(axes, panel.marks, named=first)
    if not drawn:
        axes.set_yticks([])
        axes.text(
            0.5, 0.5, panel.empty, transform=axes.transAxes, ha="center", va="center", color=style.MUTED
        )
    _heading(axes, panel, header)


def looks(series: tuple[Series, ...]) -> list[dict[str, Any]]:
    """Colour, dashes and marker of each series, by its role and place."""
    colours, dashes = cycle(style.PALETTE), cycle(DASHES)
    found: list[dict[str, Any]] = []
    for each in series:
        if each.role == "measured":
            found.append({"color": style.SKY})
        elif each.role == "reference":
            found.append({"color": style.INK, "ls": ":", "lw": 1.2})
        elif each.role == "one_of_many":
            found.append({"color": style.MUTED, "lw": 0.6, "alpha": 0.4, "zorder": 1.8})
        elif each.order is not None:
            place = round(each.order * (len(style.SEQUENCE) - 1))
            how = {
                "color": style.SEQUENCE[place],
                "ls": DASHES[place % len(DASHES)],
                "marker": MARKERS[place],
            }
            found.append(how | {"clip_on": False})
        else:
            found.append({"color": next(colours), "ls": next(dashes)})
    return found


def _draw(axes: Axes, series: Series, how: dict[str, Any], gaps: Sequence[tuple[float, float]] = ()) -> bool:
    x, y = (np.array(values, np.float64) for values in (series.x, series.y))
    known = np.isfinite(x) & np.isfinite(y)
    if not known.any():
        return False
    if series.role == "measured":
        _dots(axes, x[known], y[known], series.name, how["color"])
        return True
    if known.sum() < FEWEST_WITHOUT_MARKERS:
        how = {"marker": "o"} | how
    axes.plot(*broken(x[known], y[known], gaps), label=series.name, **how)
    if series.low is not None and series.high is not None:
        low, high = (np.array(values, np.float64) for values in (series.low, series.high))
        axes.fill_between(x, low, high, color=how["color"], alpha=0.18, lw=0, zorder=1)
    return True


def broken(
    x: np.ndarray, y: np.ndarray, gaps: Sequence[tuple[float, float]]
) -> tuple[np.ndarray, np.ndarray]:
    """Break a line at each gap in which it has no value, such as the updates of a heating."""
    for low, high in gaps:
        place, end = np.searchsorted(x, [low, high])
        if place == end and 0 < place < len(x):
            x, y = np.insert(x, place, low), np.insert(y, place, np.nan)
    return x, y


def _dots(axes: Axes, x: np.ndarray, y: np.ndarray, name: str, colour: str) -> None:
    """Draw dots as one path of strokes without length and with round ends: one element in place of many."""
    away = x + 1e-6 * max(np.ptp(x), 1e-6)
    vertices = np.column_stack([x, y, away, y]).reshape(-1, 2)
    path = Path(vertices, np.tile([Path.MOVETO, Path.LINETO], len(x)))
    path.should_simplify = False
    many = len(x) > MOST_VECTORS
    how: dict[str, Any] = {"edgecolor": colour, "capstyle": "round", "zorder": 1.5, "rasterized": many}
    axes.add_artist(PathPatch(path, fill=False, lw=DOT, **how))
    axes.update_datalim(np.column_stack([x, y]))
    axes.plot([], [], ls="", marker="o", ms=DOT, mew=0, color=colour, label=name)
    axes.autoscale_view()


def _legend(panel: Lines, breadth: float) -> tuple[int, int, dict[str, str]]:
    """Return the columns of the legend, its lines in all, and each name as it is written."""
    names = [series.name for series in panel.series if series.name]
    rows = header_rows(names, breadth)
    if max(rows, default=0) != 1:
        return max(rows, default=0), len(rows), {name: name for name in names}
    written = {name: wrapped_name(name, breadth + OUTDENT - HANDLE) for name in names}
    return 1, sum(map(len, written.values())), {name: "\n".join(lines) for name, lines in written.items()}


def _heading(axes: Axes, panel: Lines, header: float) -> None:
    """Write what the vertical axis is, and the legend, above the axes."""
    breadth, height = breadth_of(axes), height_of(axes)
    columns, _, written = _legend(panel, breadth)
    lines = heading_lines(panel, breadth)
    header -= LINE * len(lines)
    heading(axes, "\n".join(lines), header)
    handles, labels = axes.get_legend_handles_labels()
    if handles and columns:
        axes.legend(
            handles,
            [written[label] for label in labels],
            loc="upper left",
            bbox_to_anchor=(-OUTDENT / breadth, 1 + (header - 2) / height),
            ncols=columns,
            borderpad=0,
            borderaxespad=0.2,
            columnspacing=1.6,
            handlelength=2.2,
        )


LINES = Kind(draw=draw_lines, space=lines_space)
