"""Groups without signal, and answers that were cut off."""

import numpy as np

from conet.diagnosis import Diagnosis
from conet.observables.length import WINDOW
from conet.views.parts import Axis, Series
from conet.views.rollouts.common import column, over_steps
from conet.views.schema import Lines, View
from conet.views.tables import windowed_mean

CUT_OFF = {
    True: "Where many answers are cut off by the length limit, length and accuracy are not what they seem.",
    False: "The files do not say which answers were cut off, so there is no panel of them.",
}
KEPT = {
    True: "are missing from the files (dynamic sampling)",
    False: "are all there",
    None: "cannot be judged",
}


def groups(found: Diagnosis) -> View:
    """Return shares of groups without signal, and of answers cut off, over steps."""
    steps, number = column(found, "step"), column(found, "groups")
    silent = tuple(
        Series(name=label, x=steps, y=windowed_mean(column(found, name), number))
        for name, label in (("all_wrong", "all wrong"), ("all_right", "all right"))
    )
    cut = windowed_mean(column(found, "truncated_share"), column(found, "samples"))
    told = bool(np.isfinite(cut).any())
    left = Lines(
        y=Axis(name="groups without signal", unit="share of groups", low=0, high=1),
        series=silent,
        empty="no groups",
        **over_steps(found),
    )
    right = Lines(
        y=Axis(name="answers cut off", unit="share of answers", low=0, high=1),
        series=(Series(name="", x=steps, y=cut),),
        **over_steps(found),
    )
    return View(
        name="groups",
        title="Groups without signal, answers cut off" if told else "Groups without signal",
        caption=(
            "Groups whose answers are all right or all wrong teach a group-normalised learner nothing; look "
            f"for their share to eat up the batch. {CUT_OFF[told]}"
        ),
        definition=(
            f"Groups without signal {KEPT[found.detail('groups').filtered]}. Shares are centred means of "
            f"{WINDOW} steps, weighted by groups, and by the answers of which it is known."
        ),
        panels=(left, right) if told else (left,),
        arrangement="beside",
    )
