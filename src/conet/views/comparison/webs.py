"""The last webs of runs on the same graph, in one layout."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np

from conet.diagnosis.comparison import Comparison, Side
from conet.network.layout import Layout, lay_out
from conet.network.web import Web
from conet.runs.run import Run
from conet.runs.webs import snapshot_webs
from conet.views.schema import Network, View, empty_view
from conet.views.snapshots import MOST_NODES
from conet.views.walks.concept_web import network

NAME, TITLE = "last-webs", "The last webs"
MOST = 4  # panels
GROUPS = ("in all these webs", "in this web alone")


@dataclass(frozen=True)
class Last:
    """The web of a run's last snapshot, and the successful walks of one rollout a problem over each edge."""

    name: str
    step: int
    web: Web
    traffic: np.ndarray


def last_webs(comparison: Comparison) -> View:
    """Return the last webs of the most runs that share a graph with each other, and of them at most four."""
    chosen = on_one_graph(comparison.sides)[:MOST]
    if len(chosen) < 2:
        return empty_view(
            NAME, TITLE, "No two of these are runs of walks on the same graph, so there is no common web."
        )
    runs = [Run(side.path) for side in chosen if side.path is not None]
    found = [one for side, run in zip(chosen, runs) if (one := last_web(side, run)) is not None]
    if len(found) < 2:
        return empty_view(NAME, TITLE, "Fewer than two of these runs have a snapshot with a web.")
    if max(len(one.web.nodes) for one in found) > MOST_NODES:
        return empty_view(
            NAME, TITLE, f"The webs have more than {MOST_NODES:,} nodes; nothing could be seen."
        )
    layout = lay_out(*(one.web for one in reversed(found)))  # the last of these, our first, decides
    common = reduce(np.intersect1d, [one.web.edges for one in found])
    count = np.sum([np.isin(layout.nodes, one.web.nodes) for one in found], axis=0)
    panels = tuple(_panel(one, layout, count, len(found), len(common)) for one in found)
    return View(
        name=NAME,
        title=TITLE,
        caption=(
            "Look for what the webs have in common, and for the trunks that only one of them has. The "
            "places are those of the first web; long pale edges are ways that it does not take."
        ),
        definition=(
            f"Edges that the last policy takes with probability π ≥ {runs[0].config.web.threshold:g}, at "
            "the same places in all panels. The larger, the more rollouts succeed through them."
        ),
        panels=panels,
        arrangement="beside",
    )


def on_one_graph(sides: Sequence[Side]) -> list[Side]:
    """Return the largest group of runs of walks on one graph with the same problems; the first if equal."""
    groups: dict[str, list[Side]] = {}
    for side in sides:
        if side.kind == "walks" and side.path is not None:
            world = {
                key: value for key, value in side.settings.items() if key.startswith(("graph.", "problems."))
            }
            groups.setdefault(json.dumps([side.seed, world], sort_keys=True), []).append(side)
    return max(groups.values(), key=len, default=[])


def last_web(side: Side, run: Run) -> Last | None:
    """Read the last snapshot; None where there is none, or no edge reaches the threshold."""
    steps = run.snapshot_steps()
    for found in snapshot_webs(run, steps=steps[-1:]):
        if len(found.web.edges):
            load = found.traffic / run.config.snapshots.traffic_walks
            return Last(side.name, found.step, found.web, load)
    return None


def _panel(one: Last, layout: Layout, count: np.ndarray, webs: int, common: int) -> Network:
    web, inside = one.web, np.isin(layout.nodes, one.web.nodes)
    return network(
        web,
        one.traffic,
        layout,
        step=one.step,
        title=f"{one.name}: update {one.step:,}",
        note=f"{web.components} islands of {len(web.nodes)} nodes; {common} of {len(web.edges)} edges are in "
        "all webs",
        group=np.where(count == webs, 0, np.where(inside & (count == 1), 1, -1)),
        groups=GROUPS,
    )
