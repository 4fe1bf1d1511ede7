"""The concept web at three moments, in one layout: islands become a web."""

import numpy as np

from conet.network.layout import Layout, lay_out
from conet.network.web import Web
from conet.views.schema import Edges, Network, Nodes, View, empty_view
from conet.views.snapshots import EARLY, MOST_NODES, Snapshot
from conet.views.walks_data import WalksData

NAME, TITLE = "concept-web", "The concept web"
TITLES = {"islands": "Islands", "peak": "Snapshot with most islands", "final": "The last web"}
SHOWN_AS = {"none": "concept", "both": "question"}
GROUPS = 5  # so many of the largest islands of the last web have a colour of their own


def concept_web(data: WalksData) -> View:
    """Return the webs of :func:`conet.views.snapshots.read_snapshots`."""
    snapshots = data.snapshots
    if not snapshots:
        return empty_view(NAME, TITLE, _absent(data))
    most = max(len(snapshot.web.nodes) for snapshot in snapshots)
    if most > MOST_NODES:
        why = f"The web has {most:,} nodes; it is not drawn, as beyond {MOST_NODES:,} nothing can be seen."
        return empty_view(NAME, TITLE, why)
    layout = lay_out(*(snapshot.web for snapshot in snapshots))
    group, names = island_groups(snapshots[-1].web, layout)
    panels = tuple(
        network(
            snapshot.web,
            snapshot.traffic / data.traffic_walks,
            layout,
            step=snapshot.step,
            title=f"{TITLES[snapshot.name]}: update {snapshot.step:,}",
            note=_note(snapshot),
            group=group,
            groups=names,
        )
        for snapshot in snapshots
    )
    return View(
        name=NAME,
        title=TITLE,
        caption=_caption() + _off_the_peak(data),
        definition=_definition(data),
        panels=panels,
        arrangement="beside",
    )


def island_groups(last: Web, layout: Layout) -> tuple[np.ndarray, tuple[str, ...]]:
    """Number the largest islands of the last web; colours stand for them in all panels.

    Returns
    -------
    group : ndarray of int, shape (nodes of the layout,)
        -1 outside of them.
    names : tuple of str
    """
    sizes = last.component_sizes
    order = np.argsort(-sizes, kind="stable")[:GROUPS]
    rank = np.full(len(sizes) + 1, -1)
    rank[order] = np.arange(len(order))
    names = tuple(
        f"{ORDINALS[place]} at the end: {sizes[island]} nodes" for place, island in enumerate(order)
    )
    return rank[last.labels[layout.nodes]], names


ORDINALS = ("largest", "2nd", "3rd", "4th", "5th")


def network(
    web: Web,
    load: np.ndarray,
    layout: Layout,
    *,
    step: int | None,
    title: str,
    note: str,
    group: np.ndarray,
    groups: tuple[str, ...],
) -> Network:
    """Return one web, with the ``role`` of its nodes, at the common places.

    Parameters
    ----------
    load : ndarray of float64, shape (edges of the web,)
        What flows through each edge.
    group, groups
        As from :func:`island_groups`.
    """
    ends = [np.searchsorted(layout.nodes, end) for end in (web.sources, web.targets)]
    flow = np.maximum(*(np.bincount(end, load, minlength=len(layout.nodes)) for end in ends))
    place = np.round(layout.position, 3)
    role = web.attributes["role"][layout.nodes].tolist()
    nodes = Nodes(
        id=layout.nodes,
        x=place[:, 0],
        y=place[:, 1],
        role=tuple(SHOWN_AS.get(one, one) for one in role),
        island=by_size(web)[layout.nodes],
        group=group,
        size=np.round(flow, 3),
    )
    edges = Edges(source=ends[0], target=ends[1], weight=web.weights, size=np.round(load, 3))
    return Network(title=title, note=note, step=step, nodes=nodes, edges=edges, groups=groups)


def by_size(web: Web) -> np.ndarray:
    """Island of each node of the graph, numbered by size, the largest 0; -1 outside the web."""
    order = np.argsort(-web.component_sizes, kind="stable")
    rank = np.full(web.components + 1, -1)
    rank[order] = np.arange(len(order))
    return rank[web.labels]


def _note(snapshot: Snapshot) -> str:
    web = snapshot.web
    largest = int(web.component_sizes.max())
    return f"{web.components} islands of {len(web.nodes)} nodes, the largest of {largest}"


def _off_the_peak(data: WalksData) -> str:
    """Say so where the run had its most islands between two snapshots."""
    peak = data.stages.island_peak
    shown = next((snapshot for snapshot in data.snapshots if snapshot.name == "peak"), None)
    if shown is None or peak is None or peak == shown.step:
        return ""
    most = int(np.nanmax(data.column("islands")))
    return (
        f" Webs are kept at few updates: the run had most islands, {most}, at update {peak:,}, and no "
        f"web was kept there. Of those kept, that of update {shown.step:,} has the most, "
        f"{shown.web.components}."
    )


def _absent(data: WalksData) -> str:
    if not data.run.snapshot_steps():
        return "This run kept no snapshots, so there is no web to draw (setting snapshots.steps)."
    threshold = data.run.config.web.threshold
    return f"No edge reaches the threshold π ≥ {threshold:g} in any snapshot, so there is no web to draw."


def _caption() -> str:
    return (
        "Look for islands, each linking a few questions to their answers, that grow, are most numerous "
        "(maximal frustration), and join into a sparse web of inverse trees: many edges lead in, one leads "
        "out. A colour stands for one of the largest islands of the last web, in all panels: what has one "
        "colour and is still apart will be joined. All else is grey."
    )


def _definition(data: WalksData) -> str:
    return (
        f"Edges that the policy takes with probability π ≥ {data.run.config.web.threshold:g}, and the nodes "
        "they touch, at the same places in all panels; arrows lead where a walk goes. Island: a connected "
        f"component, direction aside. Edges and nodes are the larger the more of {data.traffic_walks} "
        "rollouts a problem succeed through them; long pale edges are given up later. Shown, of the "
        f"{len(data.run.snapshot_steps())} snapshots that the run kept: the one with the most islands; of "
        f"those before it, the one whose number of islands is nearest to {EARLY:g} times that (our choice); "
        "and the last."
    )
