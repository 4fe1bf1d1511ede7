"""Average degree of two webs, and how many independent cycles they have: how far each is from a forest."""

from conet.views.parts import Axis, Level, Series
from conet.views.schema import Lines, View
from conet.views.tables import twentieth
from conet.views.walks.common import over_updates, ranged
from conet.views.walks_data import WalksData


def average_degree(data: WalksData) -> View:
    """Return average degree and cycle rank over updates, of the thresholded and of the traffic web."""
    threshold, rollouts = data.run.config.web.threshold, data.traffic_walks
    return View(
        name="average-degree",
        title="Average degree and cycles",
        caption=(
            "Look for both webs settling near an average degree of 2 (line), where a web is nearly a tree. "
            "Any web of one best edge a node lies close to 2, so that value alone proves little: what tells "
            "is how few independent cycles the thresholded web has (below), and where the traffic web, which "
            "no threshold thins out, comes down to."
        ),
        definition=(
            "Average degree ⟨k⟩: 2 · edges / nodes. Cycle rank: links - nodes + components, the number of "
            "links that could go without parting a component; 0 for a forest, whose average degree is 2 - 2 "
            f"· components / nodes. Thresholded web: edges with probability π ≥ {threshold:g}. Traffic web: "
            f"all edges on successful walks, no threshold, {rollouts} rollouts a problem at each snapshot; "
            "it grows with that number."
        ),
        panels=(_degrees(data), _cycles(data)),
    )


def _names(data: WalksData) -> tuple[str, str]:
    return (
        f"thresholded web (π ≥ {data.run.config.web.threshold:g})",
        f"traffic web ({data.traffic_walks} rollouts a problem)",
    )


def _degrees(data: WalksData) -> Lines:
    steps, nodes, degree = data.series("web_nodes", "mean_degree")
    some = nodes > 0
    thresholded, traffic = _names(data)
    of_traffic = data.evaluation("traffic_mean_degree", where="traffic_web_nodes")
    return Lines(
        y=Axis(name="average degree ⟨k⟩", unit="2 · edges / nodes"),
        series=(
            Series(name=thresholded, x=steps[some], y=degree[some]),
            Series(name=traffic, x=of_traffic[0], y=of_traffic[1]),
        ),
        levels=(Level(label="⟨k⟩ = 2", value=2.0),),
        empty="there is no web",
        **over_updates(data),
    )


def _cycles(data: WalksData) -> Lines:
    return Lines(
        y=Axis(name="cycle rank of the thresholded web", unit="independent cycles", low=0, whole=True),
        series=(ranged("", data.series("cycle_rank"), twentieth(data.steps)),),
        empty="there is no web",
        **over_updates(data),
    )
