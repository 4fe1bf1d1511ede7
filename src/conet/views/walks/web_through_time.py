"""The concept web at every snapshot, in one layout, so that no node moves."""

from conet.network.layout import lay_out
from conet.runs.webs import SnapshotWeb, snapshot_webs
from conet.views.schema import Network, View, empty_view
from conet.views.snapshots import MOST_NODES
from conet.views.walks.concept_web import island_groups, network
from conet.views.walks_data import WalksData

NAME, TITLE = "web-through-time", "The concept web through time"


def web_through_time(data: WalksData) -> View:
    """Return a panel for every snapshot; of each edge and node what it is then."""
    found = list(snapshot_webs(data.run))
    if not found:
        return empty_view(NAME, TITLE, "This run kept no snapshots (setting snapshots.steps).")
    seen = [one for one in found if len(one.web.edges)]
    threshold = data.run.config.web.threshold
    if not seen:
        return empty_view(NAME, TITLE, f"No edge reaches the threshold π ≥ {threshold:g} in any snapshot.")
    layout = lay_out(*(one.web for one in seen))
    if len(layout.nodes) > MOST_NODES:
        why = f"The webs have {len(layout.nodes):,} nodes; beyond {MOST_NODES:,} nothing can be seen."
        return empty_view(NAME, TITLE, why)
    group, names = island_groups(seen[-1].web, layout)

    def panel(one: SnapshotWeb) -> Network:
        return network(
            one.web,
            one.traffic / data.traffic_walks,
            layout,
            step=one.step,
            title=f"Update {one.step:,}",
            note=_note(one),
            group=group,
            groups=names,
        )

    return View(
        name=NAME,
        title=TITLE,
        caption="Islands appear, grow, and join into one sparse web.",
        definition=f"Edges with π ≥ {threshold:g} at each snapshot; else as the figure concept-web.",
        panels=tuple(panel(one) for one in found),
        arrangement="beside",
    )


def _note(one: SnapshotWeb) -> str:
    web = one.web
    if not len(web.edges):
        return "no edge is committed to yet"
    islands = "1 island" if web.components == 1 else f"{web.components} islands"
    return f"{islands} of {len(web.nodes)} nodes, the largest of {int(web.component_sizes.max())}"
