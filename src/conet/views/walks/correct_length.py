"""The V of the correct length: pooled, and within a fixed set of problems."""

import numpy as np

from conet.detect.valley import ELSEWHERE
from conet.observables.length import WINDOW, windowed_correct_length
from conet.views.parts import Axis, Series
from conet.views.schema import Lines, View
from conet.views.walks.common import over_updates
from conet.views.walks_data import WalksData, within_curve


def correct_length(data: WalksData) -> View:
    """Return the mean length of correct rollouts over updates, pooled and within problems."""
    total, count = (np.nan_to_num(data.column(f"correct_{name}")) for name in ("length_sum", "count"))
    pooled = Series(
        name="pooled over all correct rollouts",
        x=data.steps,
        y=windowed_correct_length(total, count),
    )
    within, note = _within(data, total, count)
    valley = data.stages.valley
    why = "no rollout was correct" if valley is None else valley.why
    panel = Lines(
        y=Axis(name="length of correct rollouts", unit="hops of a walk", low=0),
        series=(pooled, *within),
        empty="no rollout was correct",
        **over_updates(data),
    )
    return View(
        name="correct-length",
        title="The V of the correct length",
        caption=(
            "Look for correct rollouts that first get shorter, while islands shorten their own paths, and "
            "then longer. Where the pooled curve rises and the curve within problems stays flat, the rise is "
            f"composition: problems solved later have longer walks. Here: {why}"
            f"{', so not the ratio of the lengths drawn' if ELSEWHERE in why else ''}."
        ),
        definition=(
            f"Pooled: total length over number of correct rollouts in a centred window of {WINDOW} updates. "
            f"{note}"
        ),
        panels=(panel,),
    )


def _within(data: WalksData, total: np.ndarray, count: np.ndarray) -> tuple[tuple[Series, ...], str]:
    """Return the curve of a fixed set of problems, if there is one, and its explanation."""
    if data.problems is None:
        return (), "The run kept no rollouts, or too many to unfold, so the curve within problems is missing."
    curve, fixed, bottom = within_curve(data.problems, total, count)
    if not fixed:
        return (
            (),
            "No problem is solved where the pooled length is shortest, so there is no curve within problems.",
        )
    name = f"within the problems solved at its bottom ({fixed})"
    return (Series(name=name, x=data.steps, y=curve),), (
        f"Within problems: mean over the {fixed} problems solved (accuracy of at least one half) "
        f"around update {bottom}, where the pooled length is shortest, each with the same weight; "
        "where at least 9 in 10 of them have a correct rollout in the window."
    )
