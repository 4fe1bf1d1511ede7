"""Values over two axes as colours, with the scale of the colours above."""

from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from conet.report import style
from conet.report.drawing.axes import (
    CHARACTER,
    LINE,
    axis_label,
    bands,
    breadth_of,
    footer,
    heading,
    heading_lines,
    height_of,
    mark_rows,
    marks,
    scale,
)
from conet.report.drawing.kind import Kind, Space
from conet.views.schema import HeatMap

BODY = 210.0
BAR = 5.0  # points of height of the scale of colours
LEFT, RIGHT = 34.0, 8.0  # points of breadth of what stands left and right of the map
HATCH = "//////"  # what stands for no value: no grey, which is also a colour of the scale


def heat_map_space(panel: HeatMap, breadth: float, first: bool) -> Space:
    """Return the space: heading, scale of colours and names of marks above the map."""
    inner = breadth - LEFT - RIGHT
    header = (
        (1 + len(heading_lines(panel, inner))) * LINE
        + 12
        + (LINE * mark_rows(panel.marks) if first else 0)
        + (6 if panel.bands else 0)
    )
    return Space(header, BODY, footer(panel.x, inner), LEFT, RIGHT)


def draw_heat_map(axes: Axes, panel: HeatMap, first: bool, header: float) -> None:
    """Draw the map; cells without a value are hatched."""
    values = np.array([np.array(row, float) for row in panel.values])
    x, y = np.array(panel.x_edges, float), np.array(panel.y_edges, float)
    colours = colormaps["cividis"].with_extremes(bad=(1, 1, 1, 0))
    low, high = _ends(panel, values)
    even = all(np.allclose(np.diff(edges), np.diff(edges)[:1]) for edges in (x, y))
    if even:
        extent = (x[0], x[-1], y[-1], y[0])
        axes.imshow(values, colours, aspect="auto", interpolation="none", vmin=low, vmax=high, extent=extent)
    else:
        axes.pcolormesh(x, y, values, cmap=colours, vmin=low, vmax=high, rasterized=values.size > 2000)
    if not np.isfinite(values).all():
        ground = Rectangle((0, 0), 1, 1, transform=axes.transAxes, hatch=HATCH, zorder=-1)
        ground.set(facecolor=style.PAPER, edgecolor=style.MUTED, linewidth=0)
        axes.add_patch(ground)
    axes.grid(False)
    scale(axes.xaxis, panel.x)
    scale(axes.yaxis, panel.y)
    axes.set_xlim(x[0], x[-1])
    axes.set_ylim(y[-1], y[0])
    if panel.row_names:
        axes.set_yticks((y[1:] + y[:-1]) / 2, panel.row_names)
    bands(axes, panel.bands, over=True)
    marks(axes, panel.marks, named=first, over=True)
    lift = 6 if panel.bands else 0
    names = LINE * mark_rows(panel.marks) * first + lift
    _colour_scale(axes, panel, colours, (low, high), names)
    lines = heading_lines(panel, breadth_of(axes))
    heading(axes, "\n".join(lines), header - LINE * len(lines))


def _ends(panel: HeatMap, values: np.ndarray) -> tuple[float, float]:
    known = values[np.isfinite(values)]
    low = panel.value.low if panel.value.low is not None else float(known.min(initial=0.0))
    high = panel.value.high if panel.value.high is not None else float(known.max(initial=low))
    return low, high if high > low else low + 1.0


def _colour_scale(axes: Axes, panel: HeatMap, colours: Any, ends: tuple[float, float], over: float) -> None:
    """Draw what colours mean as a strip between the numbers of its ends, above the map."""
    breadth, height = breadth_of(axes), height_of(axes)
    strip = axes.inset_axes((14 / breadth, 1 + (over + 7) / height, 80 / breadth, BAR / height))
    strip.imshow(np.linspace(0, 1, 64)[None], colours, aspect="auto", extent=(0, 1, 0, 1))
    strip.set_axis_off()
    at: dict[str, Any] = {
        "xycoords": "axes fraction",
        "textcoords": "offset points",
        "va": "center",
        "annotation_clip": False,
    }
    strip.annotate(f"{ends[0]:.4g}", (0, 0.5), xytext=(-3, 0), ha="right", fontsize=7.5, **at)
    label = axis_label(panel.value)
    if len(label) * CHARACTER > breadth - 130:
        label = panel.value.name
    strip.annotate(f"{ends[1]:.4g}   {label}", (1, 0.5), xytext=(3, 0), fontsize=7.5, **at)


HEAT_MAP = Kind(draw=draw_heat_map, space=heat_map_space)
