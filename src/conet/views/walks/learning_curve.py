"""Accuracy over updates, with the moments of the run."""

from conet.observables.length import WINDOW
from conet.views.parts import Axis, Series
from conet.views.schema import Lines, View
from conet.views.tables import windowed_mean
from conet.views.walks.common import over_updates
from conet.views.walks_data import WalksData


def learning_curve(data: WalksData) -> View:
    """Return accuracy over updates: every one, and their mean over a window."""
    accuracy = data.column("accuracy")
    series = (
        Series(name="each update", x=data.steps, y=accuracy, role="measured"),
        Series(name=f"centred mean of {WINDOW} updates", x=data.steps, y=windowed_mean(accuracy)),
    )
    panel = Lines(
        y=Axis(name="accuracy", unit="share of rollouts that are correct", low=0, high=1),
        series=series,
        empty="no rollouts",
        **over_updates(data),
    )
    return View(
        name="learning-curve",
        title="Learning curve",
        caption=(
            "Look for a fast rise that bends at the knee into a long, slow stage, in which single problems "
            "are still added."
        ),
        definition=(
            "Accuracy: the share of an update's rollouts that reach their answer. Knee: where two joined "
            "straight lines fit the curve best. V bottom: where the pooled correct length is shortest, if it "
            "has a V. Heating signal: when the correct length was seen to turn longer, by the rollouts until "
            "then. These, and the update with most islands, are marked in every figure over updates, as far "
            "as the run has them."
        ),
        panels=(panel,),
    )
