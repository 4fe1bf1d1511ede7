"""Accuracy over the steps of a training, with the validation beside it."""

from conet.diagnosis import Diagnosis
from conet.observables.length import WINDOW
from conet.views.parts import Axis, Series
from conet.views.rollouts.common import column, over_steps
from conet.views.schema import Lines, View
from conet.views.tables import windowed_mean

ACCURACY = "Accuracy: the share of the step's answers that are correct"


def learning_curve(found: Diagnosis) -> View:
    """Return accuracy over steps: every one, their mean over a window, and the validation."""
    steps, accuracy = column(found, "step"), column(found, "accuracy")
    partial = found.log.partial_credit
    if partial:  # shares of the range of the rewards are no rewards
        accuracy = column(found, "reward")
    mean = windowed_mean(accuracy, column(found, "samples"))
    series = [
        Series(name="each step", x=steps, y=accuracy, role="measured"),
        Series(name=f"centred mean of {WINDOW} steps", x=steps, y=mean),
    ]
    validation = found.log.validation
    if validation is not None and not partial:
        series.append(Series(name="validation", x=validation["step"], y=validation["accuracy"]))
    note = ""
    groups = found.detail("groups")
    if groups and groups.filtered:
        note = (
            " Groups without signal are missing from the files, so this is the accuracy of the groups kept."
        )
    panel = Lines(
        y=Axis(name="mean reward")
        if partial
        else Axis(name="accuracy", unit="share of answers that are correct", low=0, high=1),
        series=tuple(series),
        empty="no answers",
        **over_steps(found),
    )
    return View(
        name="learning-curve",
        title="Learning curve",
        caption="Look for a fast rise that bends at the knee into a long, slow stage.",
        definition=(
            f"{'Mean of the rewards of the step' if partial else ACCURACY}. Knee: where two joined straight "
            "lines fit best; it counts only where the curve is at least twice as steep before it as after "
            f"it. Shaded: 95 % intervals over problems.{note}"
        ),
        panels=(panel,),
    )
