"""Three drawn snapshots of the concept web in one layout: islands become a web."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from conet.network.layout import Layout, colour_islands, lay_out
from conet.report import style
from conet.report.style import Picture
from conet.views.snapshots import EARLY, MOST_NODES, Snapshot
from conet.views.walks_data import WalksData as Material

COLOURS = (style.BLUE, style.VERMILION, style.GREEN, style.ORANGE, style.PURPLE, style.SKY)
WIDTH, HEIGHT = 10.8, 4.3
TITLES = {"islands": "Islands", "peak": "Most islands", "final": "The final web"}
SHAPES = {"concept": "o", "answer": "s", "question": "^"}
AREAS = {"concept": 4.0, "answer": 8.5, "question": 11.0}  # points², of a node without traffic
LONG = 3.5  # edge lengths beyond which an edge is drawn pale: the final web no longer has it
LEVELS = 5  # sizes are drawn in so many steps, which keeps the file small


def draw_webs(material: Material) -> Picture:
    """Draw the webs of :func:`conet.views.snapshots.read_snapshots` side by side."""
    title = "The concept web"
    snapshots = material.snapshots
    if not snapshots:
        return Picture("concept-web", title, absent(material), None)
    most = max(len(snapshot.web.nodes) for snapshot in snapshots)
    if most > MOST_NODES:
        text = f"The web has {most:,} nodes; it is not drawn, as beyond {MOST_NODES:,} nothing can be seen."
        return Picture("concept-web", title, text, None)
    layout = common_layout(snapshots)
    colour = node_colours(snapshots, layout)
    figure = Figure(figsize=(WIDTH, HEIGHT))
    for place, snapshot in enumerate(snapshots):
        width = 1 / max(len(snapshots), 2)
        axes = figure.add_axes((place * width + 0.005, 0.075, width - 0.01, 0.825))
        draw_web(axes, snapshot, layout, colour, material)
    legend(figure)
    return Picture("concept-web", title, caption(material), style.to_svg(figure), wide=True)


def absent(material: Material) -> str:
    """Say why there is no web to draw."""
    threshold = material.run.config.web.threshold
    if not material.run.snapshot_steps():
        return (
            "This run kept no snapshots, so there is no web to draw (setting <code>snapshots.steps</code>)."
        )
    return f"No edge reaches the threshold π ≥ {threshold:g} in any snapshot, so there is no web to draw."


def common_layout(snapshots: tuple[Snapshot, ...]) -> Layout:
    """Lay out the union of the webs, the last one deciding what is a component."""
    return lay_out(*(snapshot.web for snapshot in snapshots))


def node_colours(snapshots: tuple[Snapshot, ...], layout: Layout) -> np.ndarray:
    """Colour of each node: that of its island at the peak, so that one sees the islands join.

    Returns
    -------
    ndarray of str, shape (nodes,)
        Neighbouring islands differ; a node outside the peak's web is ink grey.
    """
    peak = next((snapshot for snapshot in snapshots if snapshot.name == "peak"), snapshots[-1])
    palette = np.array([*COLOURS, style.MUTED], dtype=object)
    return palette[colour_islands(layout, peak.web, len(COLOURS))]


def draw_web(axes: Axes, snapshot: Snapshot, layout: Layout, colour: np.ndarray, material: Material) -> None:
    """Draw one web at the common places; nodes that are not part of it are faint dots."""
    nodes, position = layout.nodes, layout.position
    frame(axes, position)
    web = snapshot.web
    ends = np.searchsorted(nodes, web.sources), np.searchsorted(nodes, web.targets)
    load = snapshot.traffic / material.traffic_walks
    draw_edges(axes, position[ends[0]], position[ends[1]], load, colour[ends[0]], colour[ends[1]])
    flow = np.maximum(*(np.bincount(end, load, minlength=len(nodes)) for end in ends))
    present = np.isin(nodes, web.nodes)
    dots(axes, position[~present], "o", 1.1, style.GHOST, style.GHOST)
    kind = np.full(len(nodes), "concept", dtype=object)
    kind[np.isin(nodes, material.answers)] = "answer"
    kind[np.isin(nodes, material.questions)] = "question"
    draw_nodes(axes, position[present], flow[present], colour[present], kind[present])
    largest = int(web.component_sizes.max())
    text = f"{len(web.nodes)} nodes in {web.components} islands, the largest of {largest}; ⟨k⟩ = {web.mean_degree:.2f}"
    axes.set_title(f"{TITLES[snapshot.name]}, step {snapshot.step:,}", fontsize=11, fontweight="bold", pad=17)
    axes.text(0, 1.012, text, transform=axes.transAxes, fontsize=8, color=style.MUTED, va="bottom")


def draw_edges(
    axes: Axes, start: np.ndarray, end: np.ndarray, load: np.ndarray, leaves: np.ndarray, arrives: np.ndarray
) -> None:
    """Draw edges in the colour of their island, the broader the more walks succeed through them."""
    shade = np.where(leaves == arrives, leaves, style.MUTED)
    long = np.hypot(*(end - start).T) > LONG
    width = np.where(long, 0.9, 1.1 + np.sqrt(np.minimum(load, 8)))
    for chosen, alpha in ((~long, 0.75), (long, 0.35)):
        if chosen.any():
            wedges = tapered(axes, start[chosen], end[chosen], width[chosen], shade[chosen])
            wedges.set_alpha(alpha)
            axes.add_collection(wedges)


def draw_nodes(
    axes: Axes, position: np.ndarray, flow: np.ndarray, colour: np.ndarray, kind: np.ndarray
) -> None:
    """Draw nodes by kind, in few sizes, the larger the more walks succeed through them."""
    level = np.rint(np.sqrt(np.minimum(flow, 16)) / 4 * (LEVELS - 1)).astype(int)
    for name, shape in SHAPES.items():
        for size in range(LEVELS):
            chosen = (kind == name) & (level == size)
            fill = style.PAPER if name == "question" else colour[chosen]
            dots(axes, position[chosen], shape, AREAS[name] * (1 + 0.6 * size), fill, colour[chosen])


def frame(axes: Axes, position: np.ndarray) -> None:
    """Make the axes an empty square that holds all places, the same for every panel."""
    axes.set_axis_off()
    low, high = position.min(axis=0) - 1, position.max(axis=0) + 1
    half = max((high - low).max() / 2, 4)
    middle = (low + high) / 2
    axes.set_xlim(middle[0] - half, middle[0] + half)
    axes.set_ylim(middle[1] - half, middle[1] + half)
    axes.set_aspect("equal", anchor="N")
    axes.apply_aspect()


def tapered(
    axes: Axes, start: np.ndarray, end: np.ndarray, width: np.ndarray, colour: np.ndarray
) -> PolyCollection:
    """Edges as wedges, broad where they leave and thin where they arrive (width in points)."""
    unit = np.ptp(axes.get_xlim()) / (72 * WIDTH * axes.get_position().width)
    along = end - start
    length = np.maximum(np.hypot(*along.T), 1e-9)[:, None]
    normal = np.stack([-along[:, 1], along[:, 0]], axis=1) / length * (unit * width / 2)[:, None]
    corners = np.stack([start + normal, end + 0.15 * normal, end - 0.15 * normal, start - normal], axis=1)
    return PolyCollection(list(corners), facecolors=colour.tolist(), linewidths=0, zorder=1)


def dots(axes: Axes, where: np.ndarray, shape: str, area: float, fill: Any, edge: Any) -> None:
    """Markers of one shape and area (points²)."""
    if len(where):
        axes.scatter(
            where[:, 0], where[:, 1], area, fill, marker=shape, edgecolors=edge, linewidths=0.6, zorder=2
        )


def legend(figure: Figure) -> None:
    """Explain shapes and edges below the panels."""

    def marker(name: str, hollow: bool = False) -> Line2D:
        fill = style.PAPER if hollow else style.MUTED
        return Line2D([], [], marker=SHAPES[name], ls="", mfc=fill, mec=style.MUTED, ms=4.5, label=name)

    ghost = Line2D(
        [], [], marker="o", ls="", mfc=style.GHOST, mec=style.GHOST, ms=2.5, label="not in the web"
    )
    handles = [marker("question", hollow=True), marker("answer"), marker("concept"), ghost]
    figure.legend(
        handles=handles,
        loc="lower center",
        ncols=len(handles),
        fontsize=8.5,
        handletextpad=0.2,
        columnspacing=2.2,
    )


def caption(material: Material) -> str:
    """Say what to see in the webs."""
    threshold = material.run.config.web.threshold
    panels = {
        "islands": f"the snapshot with about {EARLY:g} times the most islands (our choice)",
        "peak": "the one with the most",
        "final": "the last one",
    }
    shown = ", ".join(panels[snapshot.name] for snapshot in material.snapshots)
    return (
        f"Edges that the policy takes with probability π ≥ {threshold:g}, and the nodes they touch, at the "
        "same places in all panels. Look for islands, each linking a few questions to their answers, that "
        "grow, are most numerous (maximal frustration), and join into a sparse web of inverse trees: many "
        "edges lead in, one leads out. Colour: the island to which a node belongs when islands are most "
        "numerous, so that one sees which islands join; grey nodes came later. Each edge is broad where "
        "it leaves and thin where it arrives; long pale ones are given up later. Edges and nodes are the "
        f"larger the more of {material.traffic_walks} walks a question succeed through them. ⟨k⟩: average "
        f"degree, 2 · edges / nodes. Island: a connected component, direction aside. Shown: {shown}."
    )
