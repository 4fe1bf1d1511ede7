"""The accuracy at the start and at the end of a run."""

import math
from typing import Any

import numpy as np

from conet.base.intervals import share_half_width, trials_for
from conet.diagnosis.declare import NO_CORRECT, Finding, Key, MainNumber, Result
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
    rewards = _mean_reward(log)
    values: dict[str, Any] = {"accuracy": {"start": start, "end": end}, "mean_reward": rewards}
    name, shown = "accuracy", [start, end]
    if log.partial_credit:
        values["accuracy"], caveats = None, {"accuracy": NO_CORRECT}
        name, shown = "mean reward", [math.nan if mean is None else mean for mean in rewards.values()]
    told = f"{shown[0]:.3f} → {shown[1]:.3f}"
    return Result(
        values=values,
        caveats=caveats,
        numbers=(MainNumber(name, told, "first and last fifth of the steps"),),
    )


def _mean_reward(log: Log) -> dict[str, float | None]:
    """Return the mean reward of the first and of the last fifth of the steps; None where there is none."""
    rows = log.record.rows
    rows, steps = rows.filter(rows["split"] == log.split), log.steps["step"]
    parts = {"start": steps.head(log.fifth), "end": steps.tail(log.fifth)}
    given = {name: rows.filter(rows["step"].is_in(part.implode()))["reward"] for name, part in parts.items()}
    return {
        name: float(rewards.drop_nulls().to_numpy().mean()) if rewards.count() else None
        for name, rewards in given.items()
    }


FINDING = Finding(
    name="accuracy",
    compute=compute,
    needs_correct=False,
    keys=(
        Key(
            "accuracy",
            "object or null",
            "share of correct rollouts: `start` and `end`, a fifth of the steps each",
        ),
        Key("mean_reward", "object", "mean reward: `start` and `end`, a fifth of the steps each"),
    ),
    decides="correct rollouts over rollouts, in the first and in the last fifth of the steps",
    view="learning-curve",
)
