"""The last webs of runs on the same graph, in one layout."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np

from conet.diagnosis.comparison import Comparison, Side
from conet.engine.softmax import softmax
from conet.network.graph import Graph
from conet.network.layout import Layout, lay_out
from conet.network.problems import Problems
from conet.network.web import Web
from conet.observables.web import threshold_edges
from conet.runs.directory import Run
from conet.views.schema import Edges, Network, Nodes, View, empty_view
from conet.views.snapshots import MOST_NODES
from conet.views.walks.concept_web import by_size, roles

NAME, TITLE = "last-webs", "The last webs"
MOST = 4  # panels
GROUPS = ("in all these webs", "in this web alone")


@dataclass(frozen=True)
class Last:
    """The web of a run's last snapshot, its edges, and the successful walks of one rollout a problem over each."""

    name: str
    step: int
    web: Web
    edges: np.ndarray
    traffic: np.ndarray


def last_webs(comparison: Comparison) -> View:
    """Return the last webs of the most runs that share a graph with each other, and of them at most four."""
    chosen = on_one_graph(comparison.sides)[:MOST]
    if len(chosen) < 2:
        return empty_view(
            NAME, TITLE, "No two of these are runs of walks on the same graph, so there is no common web."
        )
    runs = [Run(side.path) for side in chosen if side.path is not None]
    graph, problems = runs[0].graph(), runs[0].tasks()
    found = [one for side, run in zip(chosen, runs) if (one := last_web(side, run, graph)) is not None]
    if len(found) < 2:
        return empty_view(NAME, TITLE, "Fewer than two of these runs have a snapshot with a web.")
    if max(len(one.web.nodes) for one in found) > MOST_NODES:
        return empty_view(
            NAME, TITLE, f"The webs have more than {MOST_NODES:,} nodes; nothing could be seen."
        )
    layout = lay_out(*(one.web for one in reversed(found)))  # the last of these, our first, decides
    common = reduce(np.intersect1d, [one.edges for one in found])
    count = np.sum([np.isin(layout.nodes, one.web.nodes) for one in found], axis=0)
    panels = tuple(_panel(one, layout, count, len(found), problems, len(common)) for one in found)
    return View(
        name=NAME,
        title=TITLE,
        caption=(
            "Look for what the webs have in common, and for the trunks that only one of them has. The places are those "
            "of the first web; long pale edges are ways that it does not take."
        ),
        definition=(
            f"Edges that the last policy takes with probability π ≥ {runs[0].config.web.threshold:g}, at the same places "
            "in all panels. The larger, the more rollouts succeed through them."
        ),
        panels=panels,
        arrangement="beside",
    )


def on_one_graph(sides: Sequence[Side]) -> list[Side]:
    """Return the largest group of runs of walks with the same graph and the same problems; of equal ones the first."""
    groups: dict[str, list[Side]] = {}
    for side in sides:
        if side.kind == "walks" and side.path is not None:
            world = {
                key: value for key, value in side.settings.items() if key.startswith(("graph.", "problems."))
            }
            groups.setdefault(json.dumps([side.seed, world], sort_keys=True), []).append(side)
    return max(groups.values(), key=len, default=[])


def last_web(side: Side, run: Run, graph: Graph) -> Last | None:
    """Read the last snapshot; None where there is none, or no edge reaches the threshold."""
    steps = run.snapshot_steps()
    if not steps:
        return None
    arrays = run.snapshot(steps[-1])
    probability = softmax(arrays["logits"], graph)
    edges = threshold_edges(probability, run.config.web.threshold)
    if not len(edges):
        return None
    used = np.zeros(graph.edges)
    used[arrays["traffic_edges"]] = arrays["traffic_counts"] / run.config.snapshots.traffic_walks
    web = Web.from_graph(graph, edges, probability[edges])
    return Last(side.name, steps[-1], web, edges, used[edges])


def _panel(
    one: Last, layout: Layout, count: np.ndarray, webs: int, problems: Problems, common: int
) -> Network:
    web, inside = one.web, np.isin(layout.nodes, one.web.nodes)
    ends = [np.searchsorted(layout.nodes, end) for end in (web.sources, web.targets)]
    flow = np.maximum(*(np.bincount(end, one.traffic, minlength=len(layout.nodes)) for end in ends))
    place = np.round(layout.position, 3)
    nodes = Nodes(
        id=layout.nodes,
        x=place[:, 0],
        y=place[:, 1],
        role=roles(layout.nodes, problems.questions, problems.answers),
        island=by_size(web)[layout.nodes],
        group=np.where(count == webs, 0, np.where(inside & (count == 1), 1, -1)),
        size=np.round(flow, 3),
    )
    edges = Edges(source=ends[0], target=ends[1], weight=web.weights, size=np.round(one.traffic, 3))
    return Network(
        title=f"{one.name}: update {one.step:,}",
        note=f"{web.components} islands of {len(web.nodes)} nodes; {common} of {len(web.edges)} edges are in all webs",
        step=one.step,
        nodes=nodes,
        edges=edges,
        groups=GROUPS,
    )
