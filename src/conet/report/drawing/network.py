"""A network with fixed places: arrows along the edges, nodes by role, colours by group."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import PathPatch
from matplotlib.path import Path

from conet.report import style
from conet.report.drawing.axes import LINE, breadth_of, heading, wrapped
from conet.report.drawing.kind import Kind, Space
from conet.views.schema import Network

LONG = 3.5  # edge lengths beyond which an edge is drawn pale: the places were not made for it
COLOURS = (*style.PALETTE, style.MUTED)  # of groups; the last, at place -1, for what has none
MOST = 16.0  # flow from which a node grows no more
TITLE, NOTE = 5.6, 4.0  # points of width of a character of the title, which is bold, and of the note
HEAD = 3.2  # points of length of an arrow's head on the thinnest edge


def _regular(corners: int, turn: float) -> np.ndarray:
    angle = 2 * np.pi * np.arange(corners) / corners + turn
    return np.column_stack([np.cos(angle), np.sin(angle)])


# Corners of the shape of each role, and its radius in points where nothing flows.
DOT = _regular(10, 0)
SHAPES = {
    "concept": (DOT, 1.0),
    "answer": (_regular(4, np.pi / 4), 1.8),
    "question": (_regular(3, np.pi / 2), 2.1),
}
MARKERS = {"question": "^", "answer": "s", "concept": "o"}  # the same for the legend


def network_space(panel: Network, breadth: float, first: bool) -> Space:
    """Return the space: a square, with title and note above."""
    title, note = _above(panel, breadth)
    return Space(LINE * (len(title) + len(note)) + 6, breadth, 0.0)


def draw_network(axes: Axes, panel: Network, first: bool, header: float) -> None:
    """Draw one network; nodes that are not part of it are faint dots."""
    place = np.column_stack([np.array(panel.nodes.x, float), np.array(panel.nodes.y, float)])
    frame(axes, place)
    point = np.ptp(axes.get_xlim()) / breadth_of(axes)
    group = np.array(panel.nodes.group, int)
    group = np.where(group < len(style.PALETTE), group, -1)
    draw_edges(axes, panel, place, group, point)
    draw_nodes(axes, panel, place, group, point)
    title, note = _above(panel, breadth_of(axes))
    over = LINE * len(note) + (7 if note else 5)
    heading(axes, "\n".join(title), over, 0, fontsize=9, fontweight="bold")
    heading(axes, "\n".join(note), 4, 0, fontsize=7.5, color=style.MUTED)


def _above(panel: Network, breadth: float) -> tuple[list[str], list[str]]:
    """Lines of the title, and of the note below it."""
    return wrapped(panel.title, breadth, TITLE), wrapped(panel.note, breadth, NOTE) if panel.note else []


def frame(axes: Axes, place: np.ndarray) -> None:
    """Make the axes an empty square that holds all places, the same for every panel."""
    axes.set_axis_off()
    low, high = place.min(axis=0) - 1, place.max(axis=0) + 1
    half = max((high - low).max() / 2, 4)
    middle = (low + high) / 2
    axes.set_xlim(middle[0] - half, middle[0] + half)
    axes.set_ylim(middle[1] - half, middle[1] + half)
    axes.set_aspect("equal", anchor="N")
    axes.apply_aspect()


def draw_edges(axes: Axes, panel: Network, place: np.ndarray, group: np.ndarray, point: float) -> None:
    """Draw edges as arrows in the colour of their group, the broader the more flows through them."""
    source, target = np.array(panel.edges.source, int), np.array(panel.edges.target, int)
    if not len(source):
        return
    start, end = place[source], place[target]
    shade = np.where(group[source] == group[target], group[source], -1)
    long = np.hypot(*(end - start).T) > LONG
    flow = np.minimum(np.array(panel.edges.size, float), MOST / 2)
    width = np.where(long, 0.5, 0.6 + 0.45 * np.sqrt(flow))
    corners = arrows(start, end, width, point)
    for colour in np.unique(shade):
        for chosen, alpha in ((~long, 0.85), (long, 0.3)):
            how = {"facecolor": COLOURS[colour], "lw": 0, "alpha": alpha, "zorder": 1}
            together(axes, corners[chosen & (shade == colour)], **how)


def arrows(start: np.ndarray, end: np.ndarray, width: np.ndarray, point: float) -> np.ndarray:
    """Corners of arrows with shafts of a width in points; the head ends before the node it leads to.

    Returns
    -------
    ndarray of float64, shape (edges, 7, 2)
    """
    length = np.maximum(np.hypot(*(end - start).T), 1e-9)[:, None]
    along = (end - start) / length
    across = np.column_stack([-along[:, 1], along[:, 0]])
    head = np.minimum((HEAD + 1.2 * width) * point, 0.6 * length[:, 0])[:, None]
    tip = end - along * np.minimum(1.6 * point, 0.2 * length)
    neck, half = tip - along * head, across * (width * point / 2)[:, None]
    wing = across * (0.36 * head)
    corners = [start + half, neck + half, neck + wing, tip, neck - wing, neck - half, start - half]
    return np.stack(corners, axis=1)


def draw_nodes(axes: Axes, panel: Network, place: np.ndarray, group: np.ndarray, point: float) -> None:
    """Draw nodes by role, the larger the more flows through them."""
    inside = np.array(panel.nodes.island, int) >= 0
    role = np.array(panel.nodes.role)
    flow = np.minimum(np.nan_to_num(np.array(panel.nodes.size, float)), MOST)
    ghosts = polygons(place[~inside], np.full((~inside).sum(), 0.8 * point), DOT)
    together(axes, ghosts, facecolor=style.GHOST, lw=0, zorder=1.5)
    radius = point * np.sqrt(1 + 0.6 * np.sqrt(flow))
    for name, (shape, size) in SHAPES.items():
        for colour in np.unique(group[inside & (role == name)]):
            chosen = inside & (role == name) & (group == colour)
            shade = COLOURS[colour]
            fill = style.PAPER if name == "question" else shade
            corners = polygons(place[chosen], size * radius[chosen], shape)
            together(axes, corners, facecolor=fill, edgecolor=shade, lw=0.6, zorder=2)


def polygons(middle: np.ndarray, radius: np.ndarray, shape: np.ndarray) -> np.ndarray:
    """Corners of one shape at many places, float64, shape (places, corners, 2)."""
    return middle[:, None] + radius[:, None, None] * shape


def together(axes: Axes, corners: np.ndarray, **how: Any) -> None:
    """Draw many polygons as one: an SVG then holds one element in place of a thousand.

    Parameters
    ----------
    corners : ndarray of float64, shape (polygons, corners, 2)
    """
    if not len(corners):
        return
    count, each = corners.shape[:2]
    vertices = np.concatenate([corners, corners[:, :1]], axis=1).reshape(-1, 2)
    codes = np.tile([Path.MOVETO, *[Path.LINETO] * (each - 1), Path.CLOSEPOLY], count)
    axes.add_artist(PathPatch(Path(vertices, codes), **how))


def network_legend(figure: Any, panels: Sequence[Network]) -> None:
    """Explain roles, and below them groups, under the panels."""
    breadth, height = 72 * figure.get_figwidth(), 72 * figure.get_figheight()
    top = legend_height(panels, breadth)
    for handles in _handles(panels):
        columns = _legend_columns(handles, breadth)
        figure.legend(
            handles=handles,
            loc="upper center",
            ncols=columns,
            fontsize=7.5,
            handletextpad=0.2,
            columnspacing=1.6,
            borderaxespad=0,
            borderpad=0,
            bbox_to_anchor=(0.5, top / height),
        )
        top -= _rows_height(handles, columns)


def legend_height(panels: Sequence[Network], breadth: float) -> float:
    """Points of height of the legend."""
    return 4 + sum(_rows_height(handles, _legend_columns(handles, breadth)) for handles in _handles(panels))


def _rows_height(handles: list[Line2D], columns: int) -> float:
    return 1.1 * LINE * -(-len(handles) // columns) + 4


def _handles(panels: Sequence[Network]) -> list[list[Line2D]]:
    """Entries of the legend: those of the roles, and those of the groups where there are any."""

    def marker(label: str, shape: str, fill: str, edge: str, size: float = 4.2) -> Line2D:
        return Line2D([], [], marker=shape, ls="", mfc=fill, mec=edge, ms=size, label=label)

    there = {role for panel in panels for role in panel.nodes.role}
    roles = [
        marker(name, MARKERS[name], style.PAPER if name == "question" else style.MUTED, style.MUTED)
        for name in ("question", "answer", "concept")
        if name in there
    ]
    roles.append(marker("not in this web", "o", style.GHOST, style.GHOST, 2.2))
    names = max((panel.groups for panel in panels), key=len)
    groups = [marker(name, "o", colour, colour) for name, colour in zip(names, style.PALETTE)]
    return [roles, groups] if groups else [roles]


def _legend_columns(handles: list[Line2D], breadth: float) -> int:
    longest = max(len(str(handle.get_label())) for handle in handles)
    return int(max(1, min(len(handles), breadth // (longest * 4.0 + 24))))


NETWORK = Kind(draw=draw_network, space=network_space, legend=network_legend, legend_height=legend_height)
