"""A view as a matplotlib figure: where its panels go, at three widths, or on axes that the user gives.

Places are computed here, in points, and not by a layout engine: panels of one figure then line up exactly,
and a figure takes a third of the time.
"""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from conet.base.errors import ConetError
from conet.report.drawing.axes import breadth_of, root
from conet.report.drawing.bars import BARS
from conet.report.drawing.heat_map import HEAT_MAP
from conet.report.drawing.kind import Kind, Space
from conet.report.drawing.lines import LINES
from conet.report.drawing.network import NETWORK
from conet.report.drawing.text import TEXT
from conet.report.drawing.width import Width, usual_width
from conet.views.schema import View

INCHES = {"narrow": 3.1, "column": 7.2, "wide": 10.8}
EDGE, BETWEEN = 4.0, 14.0  # points around the figure, and between panels
KINDS: dict[str, Kind] = {
    "lines": LINES,
    "heat_map": HEAT_MAP,
    "network": NETWORK,
    "bars": BARS,
    "text": TEXT,
}


def draw(view: View, width: Width | None = None, axes: Axes | Sequence[Axes] | None = None) -> Figure:
    """Draw a view.

    Parameters
    ----------
    view
        With at least one panel.
    width
        "column" (7.2 inches), "narrow" (3.1 inches, panels below each other) or "wide" (10.8 inches); what
        suits the view where absent.
    axes
        Where to draw instead: as many axes as there are panels, or one, which is divided among them.

    Returns
    -------
    matplotlib.figure.Figure
        A new one without pyplot, or that of the axes.

    Raises
    ------
    ConetError
        When there is nothing to draw, or the axes are too few or too many.
    """
    if not view.panels:
        raise ConetError(f"figure {view.name!r}: {view.absent}", "a run that has its data", "choose another")
    width = width or usual_width(view)
    if axes is None:
        figure, places, headers = _laid_out(view, width)
    else:
        places = _given(view, axes)
        figure = root(places[0])
        headers = [space.header for space in _spaces(view, width, breadth_of(places[0]))]
    for number, (panel, place, header) in enumerate(zip(view.panels, places, headers)):
        KINDS[panel.kind].draw(place, panel, _named(view, width, number), header)
    if axes is None and (legend := KINDS[view.panels[0].kind].legend):
        legend(figure, view.panels)
    return figure


def _columns(view: View, width: Width) -> int:
    if width == "narrow" or view.arrangement == "below":
        return 1
    return min(len(view.panels), 3 if width == "wide" else 2)


def _named(view: View, width: Width, number: int) -> bool:
    """Whether the marks of a panel are named, or stand below those of another."""
    return number == 0 or _columns(view, width) > 1


def _spaces(view: View, width: Width, breadth: float) -> list[Space]:
    return [
        KINDS[panel.kind].space(panel, breadth, _named(view, width, number))
        for number, panel in enumerate(view.panels)
    ]


def _laid_out(view: View, width: Width) -> tuple[Figure, list[Axes], list[float]]:
    """Return an empty figure of the size that the panels need, their axes, and the height above each."""
    across = 72 * INCHES[width] - 2 * EDGE
    columns = _columns(view, width)
    breadth = (across - BETWEEN * (columns - 1)) / columns
    spaces = _spaces(view, width, breadth)
    rows = [spaces[first : first + columns] for first in range(0, len(spaces), columns)]
    heights = [
        [max(getattr(space, part) for space in row) for part in ("header", "body", "footer")] for row in rows
    ]
    kind = KINDS[view.panels[0].kind]
    below = kind.legend_height(view.panels, across) if kind.legend_height else 0.0
    height = 2 * EDGE + sum(map(sum, heights)) + BETWEEN * (len(rows) - 1) + below
    figure = Figure(figsize=(INCHES[width], height / 72))
    FigureCanvasAgg(figure)
    places, headers, top = [], [], height - EDGE
    for row, (header, body, footer) in zip(rows, heights):
        for column, space in enumerate(row):
            left = EDGE + column * (breadth + BETWEEN) + space.left
            places.append(_place(figure, left, top - header - body, breadth - space.left - space.right, body))
            headers.append(header)
        top -= header + body + footer + BETWEEN
    return figure, places, headers


def _place(figure: Figure, left: float, bottom: float, breadth: float, body: float) -> Axes:
    """Add axes at a place in points."""
    width, height = 72 * figure.get_figwidth(), 72 * figure.get_figheight()
    return figure.add_axes((left / width, bottom / height, breadth / width, body / height))


def _given(view: View, axes: Axes | Sequence[Axes]) -> list[Axes]:
    count = len(view.panels)
    if not isinstance(axes, Axes):
        found = list(np.ravel(np.array(axes, dtype=object)))
        if not all(isinstance(one, Axes) for one in found):
            got = f"axes={axes!r}"[:100]
            raise ConetError(got, "matplotlib Axes, one a panel", f"axes=figure.subplots({count})")
        if len(found) != count:
            remedy = f"axes=figure.subplots({count})"
            raise ConetError(f"{len(found)} axes for {count} panels of {view.name!r}", "one a panel", remedy)
        return found
    if count == 1:
        return [axes]
    axes.set_axis_off()
    if view.arrangement == "beside":
        return [axes.inset_axes((number / count, 0, 0.86 / count, 1)) for number in range(count)]
    return [axes.inset_axes((0, 1 - (number + 0.74) / count, 1, 0.62 / count)) for number in range(count)]
