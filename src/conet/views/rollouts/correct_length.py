"""The V of the correct length of a log: pooled, and within a fixed set of problems."""

import numpy as np

from conet.detect.valley import ELSEWHERE
from conet.diagnosis import Diagnosis
from conet.observables.length import SOLVED, WINDOW, windowed_correct_length, within_problem_curve
from conet.views.parts import Axis, Series
from conet.views.rollouts.common import column, over_steps, unit
from conet.views.schema import Lines, View, empty_view

NAME, TITLE = "correct-length", "The V of the correct length"


def correct_length(found: Diagnosis) -> View:
    """Return the mean length of correct answers over steps, pooled and within problems."""
    if not found.log.visits.measured:
        return empty_view(NAME, TITLE, "The lengths of the answers are not known.")
    valley = found.detail("correct-length")
    window = WINDOW if valley is None else valley.window
    total, count = column(found, "correct_length_sum"), column(found, "correct_count")
    pooled = windowed_correct_length(total, count, window)
    within, note = _within(found)
    why = "no answer was correct" if valley is None else valley.why
    panel = Lines(
        y=Axis(name="length of correct answers", unit=unit(found)),
        series=(Series(name="pooled over all correct answers", x=column(found, "step"), y=pooled), *within),
        empty="no answer was correct",
        **over_steps(found),
    )
    return View(
        name=NAME,
        title=TITLE,
        caption=(
            "Look for correct answers that first get shorter, while single skills shorten their own "
            "paths, and then longer, while skills join. Here: "
            f"{why}{', so not the ratio of the lengths drawn' if ELSEWHERE in why else ''}.{_further(found)}"
        ),
        definition=(
            "Pooled: total length over number of correct answers in a centred window of "
            f"{window} steps; the vertical axis does not start at zero. {note}"
        ),
        panels=(panel,),
    )


def _further(found: Diagnosis) -> str:
    """Say where the bottom is expected, and how far the knee lies behind it, where that is known."""
    expected, distance = found.detail("forecast"), found.detail("coincidence")
    said = ""
    if expected is not None:
        said = (
            f" Its bottom is expected at step {expected.step}, {expected.level:.0%} between "
            f"{expected.low} and {expected.high} (calibrated on walks of CoNet)."
        )
    if distance is not None:
        steps, low, high = distance.difference
        said += (
            f" The knee lies {steps:+.0f} steps from the bottom [{low:+.0f}, {high:+.0f}]: they "
            f"{'may coincide or not' if distance.judgement == 'undecided' else distance.judgement}."
        )
    return said


def _within(found: Diagnosis) -> tuple[tuple[Series, ...], str]:
    """Return the correct length of a fixed set of problems, if there is one, and its explanation."""
    valley, counts = found.detail("correct-length"), found.log.counts
    if valley is None:
        return (), ""
    sizes = ""
    if np.isfinite(valley.change.estimate):
        sizes = (
            f"From its bottom to the end, the pooled length changes by {valley.change.estimate:+.3g}: "
            f"{valley.within.estimate:+.3g} within problems, {valley.composition.estimate:+.3g} by "
            "composition (which problems are solved). "
        )
    if counts.problems < found.log.visits.problems:
        return (), sizes + "Problems are too many to be followed one by one in the figure."
    row = int(np.searchsorted(counts.steps, valley.bottom.estimate))
    near = slice(max(0, row - valley.window // 2), row + valley.window // 2 + 1)
    correct, samples = counts.correct_count[near].sum(axis=0), counts.samples[near].sum(axis=0)
    fixed = (correct >= SOLVED * samples) & (correct > 0)
    if not fixed.any():
        return (
            (),
            sizes
            + "No problem is solved where the length is shortest, so there is no curve within problems.",
        )
    curve = within_problem_curve(counts.correct_count, counts.correct_length_sum, fixed, valley.window)
    number = int(fixed.sum())
    one = number == 1
    which = "the one problem" if one else f"mean over the {number} problems"
    equally = "each with the same weight, where 9 in 10 of them have a correct answer"
    where = "where it has a correct answer" if one else equally
    series = Series(
        name=f"within the problems solved at its bottom ({number})",
        x=counts.steps,
        y=curve,
    )
    return (series,), (
        f"{sizes}Within: {which} with an accuracy of at least one half around step "
        f"{valley.bottom.estimate:.0f}, {where}."
    )
