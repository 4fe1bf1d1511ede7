"""The accuracy at the start and at the end of a run."""

import numpy as np

from conet.base.intervals import share_half_width, trials_for
from conet.diagnosis.declare import Finding, Key, MainNumber, Result
from conet.diagnosis.log import Log, ratio

HALF_WIDTH = 0.1  # an accuracy that is known to so much tells a hard problem from a half-known one


def compute(log: Log) -> Result:
    """Compare the first with the last fifth of the steps."""
    start, end = (
        ratio(part, "correct_count") for part in (log.steps.head(log.fifth), log.steps.tail(log.fifth))
    )
    samples = float(np.median(np.bincount(log.visits.table["problem"], log.visits.table["samples"])))
    needed = trials_for(HALF_WIDTH)
    caveats = {}
    if samples < needed:
        known = share_half_width(max(samples, 1))
        caveats["accuracy_of_problems"] = (
            f"{samples:.0f} samples a problem tell its accuracy to ± {known:.2f}; about {needed:.0f} tell it "
            f"to ± {HALF_WIDTH}"
        )
    return Result(
        values={"accuracy": {"start": start, "end": end}},
        caveats=caveats,
        numbers=(MainNumber("accuracy", f"{start:.3f} → {end:.3f}", "first and last fifth of the steps"),),
    )


FINDING = Finding(
    name="accuracy",
    compute=compute,
    keys=(
        Key("accuracy", "object", "share of correct rollouts: `start` and `end`, a fifth of the steps each"),
    ),
    decides="correct rollouts over rollouts, in the first and in the last fifth of the steps",
    view="learning-curve",
)
