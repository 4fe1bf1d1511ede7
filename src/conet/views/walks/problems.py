"""Problem by problem: accuracy over updates as a heat map."""

import numpy as np

from conet.observables.length import SOLVED
from conet.views.heat import binned_accuracy, by_first_half, grouped, never_half
from conet.views.parts import Axis
from conet.views.schema import HeatMap, View, empty_view
from conet.views.walks.common import over_updates
from conet.views.walks_data import WalksData

NAME, TITLE = "problems", "Problem by problem"


def problems(data: WalksData) -> View:
    """Return the accuracy of each problem in bins of updates."""
    if data.problems is None:
        why = "The run kept no rollouts (snapshots.rollouts), or too many to be unfolded."
        return empty_view(NAME, TITLE, why)
    accuracy, width = binned_accuracy(data.problems.correct_count, data.problems.samples)
    order, first = by_first_half(accuracy)
    rows, merged = grouped(accuracy[order])
    end, count = int(data.steps[-1]) + 1, len(order)
    over = over_updates(data)
    panel = HeatMap(
        y=Axis(name="problem", unit="in order of reaching one half", whole=True, low=0, high=count),
        value=Axis(name="accuracy", unit="share of rollouts correct", low=0, high=1),
        x_edges=np.minimum(np.arange(rows.shape[1] + 1) * width, end),
        y_edges=np.minimum(np.arange(len(rows) + 1) * merged, count),
        values=tuple(np.round(row, 4) for row in rows),
        **over,
    )
    bins = "an update" if width == 1 else f"{width} updates"
    row = "a problem" if merged == 1 else f"{merged} problems"
    return View(
        name=NAME,
        title=TITLE,
        caption=(
            "Look for single problems that jump from near 0 to near 1 within few updates, each at its own "
            "time: the slow stage is a sequence of such jumps. Dark gaps behind the front are problems that "
            f"were learned and forgotten again. {never_half(first)}"
        ),
        definition=(
            f"Accuracy of each problem in bins of {bins}; a row is {row}, sorted by the bin in which its "
            f"accuracy first reaches {SOLVED:g}."
        ),
        panels=(panel,),
    )
