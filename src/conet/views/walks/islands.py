"""How many islands there are, and how large the two largest are."""

import numpy as np

from conet.observables.length import WINDOW
from conet.views.parts import Axis
from conet.views.schema import Lines, View
from conet.views.tables import twentieth
from conet.views.walks.common import over_updates, ranged
from conet.views.walks_data import WalksData

COUNTS = (("islands", "all islands"), ("question_islands", "islands with a question"))
SIZES = (("giant_component", "largest island"), ("second_component", "second largest island"))


def islands(data: WalksData) -> View:
    """Return number and sizes of the islands over updates."""
    most = data.column("islands")
    peak = data.stages.island_peak
    text = "" if peak is None else f" The most are {np.nanmax(most):.0f}, at update {peak}."
    return View(
        name="islands",
        title="Islands",
        caption=(
            "Look for islands that are born one by one, are most numerous (the paper's maximal frustration; "
            "here usually after the bottom of the V), and merge. The second largest grows while two big ones "
            f"have not joined yet, and drops where they do.{text}"
        ),
        definition=(
            "Island: a connected component of the web of all edges with probability π ≥ "
            f"{data.run.config.web.threshold:g}, direction aside. Size: its nodes. Lines: medians over "
            f"{WINDOW} neighbouring updates, of sizes over {twentieth(data.steps)}, and fewer at both ends, "
            "since a single edge that crosses the threshold to and fro joins and parts large islands; "
            "shaded: the smallest and the largest value there."
        ),
        panels=(
            _panel(data, "number of islands", "", COUNTS, WINDOW),
            _panel(data, "size of islands", "nodes", SIZES, twentieth(data.steps)),
        ),
    )


def _panel(data: WalksData, name: str, unit: str, columns: tuple[tuple[str, str], ...], window: int) -> Lines:
    return Lines(
        y=Axis(name=name, unit=unit, low=0, whole=True),
        series=tuple(ranged(label, data.series(column), window) for column, label in columns),
        empty="the web was not measured",
        **over_updates(data),
    )
