"""A view as a matplotlib figure: where its panels go, at three widths, or on axes that the user gives.

Places are computed here, in points, and not by a layout engine: panels of one figure then line up exactly, and a
figure takes a third of the time.
"""

from collections.abc import Callable, Sequence
from typing import Any, Literal

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from conet.base.errors import ConetError
from conet.report.drawing.lines import draw_lines, lines_header
from conet.views.schema import View

Width = Literal["narrow", "column", "wide"]
INCHES = {"narrow": 3.6, "column": 7.2, "wide": 10.8}
LEFT, RIGHT, TOP, BOTTOM, BETWEEN = 34.0, 8.0, 4.0, 29.0, 16.0  # points around and between axes

DRAW: dict[str, Callable[..., None]] = {"lines": draw_lines}
HEADER: dict[str, Callable[[Any, float, bool], float]] = {"lines": lines_header}
BODY = {"lines": 150.0}  # points of height of the axes alone


def draw(view: View, width: Width = "column", axes: Axes | Sequence[Axes] | None = None) -> Figure:
    """Draw a view.

    Parameters
    ----------
    view
        With at least one panel.
    width
        "column" (7.2 inches), "narrow" (3.6 inches, panels below each other) or "wide" (10.8 inches).
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
    if axes is None:
        figure, places = laid_out(view, width)
    else:
        places = _given(view, axes)
        figure = places[0].figure  # type: ignore[assignment]
    for number, (panel, place) in enumerate(zip(view.panels, places)):
        DRAW[panel.kind](place, panel, first=number == 0 or beside(view, width))
    return figure


def beside(view: View, width: Width) -> bool:
    """Whether the panels stand beside each other at this width."""
    return view.arrangement == "beside" and width != "narrow"


def laid_out(view: View, width: Width) -> tuple[Figure, list[Axes]]:
    """Return an empty figure of the size that the panels need, and the axes of each."""
    across = 72 * INCHES[width]
    columns = len(view.panels) if beside(view, width) else 1
    breadth = (across - columns * (LEFT + RIGHT)) / columns
    headers = [
        HEADER[panel.kind](panel, breadth, columns > 1 or not number)
        for number, panel in enumerate(view.panels)
    ]
    bodies = [BODY[panel.kind] for panel in view.panels]
    rows = [(max(headers), max(bodies))] if columns > 1 else list(zip(headers, bodies))
    height = TOP + sum(header + body + BOTTOM for header, body in rows) + BETWEEN * (len(rows) - 1)
    figure = Figure(figsize=(across / 72, height / 72))
    FigureCanvasAgg(figure)
    places, down = [], height - TOP
    for number in range(len(view.panels)):
        header, body = rows[0 if columns > 1 else number]
        left = LEFT + (breadth + LEFT + RIGHT) * (number if columns > 1 else 0)
        bottom = down - header - body
        places.append(figure.add_axes((left / across, bottom / height, breadth / across, body / height)))
        if columns == 1:
            down = bottom - BOTTOM - BETWEEN
    return figure, places


def _given(view: View, axes: Axes | Sequence[Axes]) -> list[Axes]:
    count = len(view.panels)
    if not isinstance(axes, Axes):
        found = list(axes)
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
