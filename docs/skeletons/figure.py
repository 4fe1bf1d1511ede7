"""A figure of one's own: copy this file, change it, and draw it.

    conet.Run("runs/mine").figure("my_figure.py:truncated")    a matplotlib Figure
    conet.Run("runs/mine").view("my_figure.py:truncated")      its data, plain and JSON-able
    conet report runs/mine --figure my_figure.py:truncated     a part of the report of a run of walks
    conet diagnose LOG --figure my_figure.py:samples           a part of the report of a log
    conet compare RUN RUN --figure my_figure.py:last_accuracy  a part of the page of a comparison

What a function gets is a `conet.views.walks_data.WalksData` for a run of walks (tables as `metrics` and
`evaluations`, curves by `column(name)` and `evaluation(name)`), a `conet.diagnosis.Diagnosis` for a log, and
a `conet.diagnosis.comparison.Comparison` for several runs. It returns a `View`: panels with series, marks
and bands, without colours and sizes.
"""

from conet.diagnosis import Diagnosis
from conet.diagnosis.comparison import Comparison
from conet.views.parts import Axis, Series
from conet.views.rollouts.common import column, over_steps
from conet.views.schema import Bars, Lines, View
from conet.views.walks.common import over_updates
from conet.views.walks_data import WalksData


def truncated(data: WalksData) -> View:
    """Return the share of rollouts that the length limit ended, over updates."""
    panel = Lines(
        y=Axis(name="truncated", unit="share of rollouts", low=0, high=1),
        series=(Series(name="", x=data.steps, y=data.column("truncated_share")),),
        **over_updates(data),  # the horizontal axis, the moments of the run and its heated updates
    )
    return View(
        name="truncated",
        title="Rollouts cut off",
        caption="Look for a share that falls once answers are found.",
        definition="Rollouts that ran out of hops before they reached their answer, over all rollouts.",
        panels=(panel,),
    )


def samples(found: Diagnosis) -> View:
    """Return the rollouts of each step of a log."""
    panel = Lines(
        y=Axis(name="rollouts", low=0),
        series=(Series(name="", x=column(found, "step"), y=column(found, "samples")),),
        **over_steps(found),  # the horizontal axis, and the moments of the log
    )
    return View(name="samples", title="Rollouts a step", definition="Rollouts in the log.", panels=(panel,))


def last_accuracy(found: Comparison) -> View:
    """Return the accuracy of the last update of every run of a comparison."""
    values = tuple(side.steps["accuracy"][-1] for side in found.sides)
    panel = Bars(
        value=Axis(name="accuracy", unit="share of rollouts", low=0, high=1),
        names=tuple(side.name for side in found.sides),
        values=values,
    )
    return View(
        name="last-accuracy",
        title="Accuracy of the last update",
        definition="Correct rollouts over rollouts.",
        panels=(panel,),
    )
