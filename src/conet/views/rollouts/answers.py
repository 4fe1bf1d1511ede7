"""What answers were like: length of all, right and wrong ones, and each reward beside what is correct."""

import numpy as np

from conet.diagnosis import Diagnosis
from conet.diagnosis.answers import COMPONENT
from conet.observables.length import WINDOW
from conet.views.parts import Axis, Series
from conet.views.rollouts.common import column, over_steps, unit
from conet.views.schema import Lines, View
from conet.views.tables import windowed_mean

LENGTHS = {"length": "all", "length_right": "right", "length_wrong": "wrong"}
MOST_REWARDS = 5  # that are drawn


def answers(found: Diagnosis) -> View:
    """Return length and rewards of the answers over steps."""
    known = found.log.visits.measured
    return View(
        name="answers",
        title="Length and rewards of the answers",
        caption=(
            "Look for answers that get longer or shorter at a stroke, for wrong ones that grow while right "
            "ones do not, and for a reward that rises while fewer answers are correct."
        ),
        definition=(
            f"Means of the step's answers, over {WINDOW} steps; right and wrong answers apart. Rewards are "
            "as they were logged, beside the share of correct answers."
        ),
        panels=(_lengths(found), _rewards(found)) if known else (_rewards(found),),
        arrangement="beside" if known else "below",
    )


def _lengths(found: Diagnosis) -> Lines:
    return Lines(
        y=Axis(name="length of the answers", unit=unit(found), low=0),
        series=tuple(
            Series(name=label, x=column(found, "step"), y=windowed_mean(column(found, name)))
            for name, label in LENGTHS.items()
            if np.isfinite(column(found, name)).any()
        ),
        empty="the lengths are not known",
        **over_steps(found),
    )


def _rewards(found: Diagnosis) -> Lines:
    names = {"reward": "reward"} if not found.log.record.components else {}
    names |= {COMPONENT + name: name for name in found.log.record.components[:MOST_REWARDS]}
    correct = {"accuracy": "correct"} if np.isfinite(column(found, "accuracy")).any() else {}
    return Lines(
        y=Axis(name="rewards", unit="mean of the answers"),
        series=tuple(
            Series(name=label, x=column(found, "step"), y=windowed_mean(column(found, name)))
            for name, label in (correct | names).items()
        ),
        empty="no rewards",
        **over_steps(found),
    )
