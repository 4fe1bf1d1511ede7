"""The measures of every arm: mean over the seeds with its interval, a panel a measure."""

from conet.diagnosis.comparison import Comparison, Measure
from conet.views.comparison.differences import padded
from conet.views.parts import Axis
from conet.views.schema import Bars, View, empty_view

NAME, TITLE = "measures", "The measures of every arm"
MOST_ROWS, MOST_PANELS = 30, 8
# In words, those that are shown where none were asked for.
MAIN = {
    "accuracy": "accuracy (mean over the last 20 steps)",
    "correct_length.min": "shortest correct length",
    "correct_length.end": "correct length at the end",
    "islands.peak": "most islands",
    "web.mean_degree": "average degree of the last web",
    "pass_at_k.16": "pass@16 of the last policy",
}


def measures(comparison: Comparison) -> View:
    """Return the measures that were asked for, or the main ones, where an arm has several seeds."""
    known = {measure.name: measure for measure in comparison.measures}
    names = [name for name in comparison.chosen or MAIN if name in known and known[name].means]
    if not names or all(len(arm.sides) < 2 for arm in comparison.arms):
        return empty_view(NAME, TITLE, "No arm has more than one seed, so there is no mean over seeds.")
    left_out = len(names) - MOST_PANELS
    arms = len(comparison.arms)
    return View(
        name=NAME,
        title=TITLE,
        caption="Look for arms whose intervals lie apart; the paired differences say more where seeds pair."
        + (f" The first {MOST_ROWS} of {arms} arms are shown." if arms > MOST_ROWS else "")
        + (f" {left_out} more measures are in the table." if left_out > 0 else ""),
        definition="Mean over the seeds of each arm, with its 95 % interval (Student's t).",
        panels=tuple(_panel(known[name]) for name in names[:MOST_PANELS]),
    )


def _panel(measure: Measure) -> Bars:
    shown = measure.means[:MOST_ROWS]
    ends = [one.mean for one in shown] + [
        end for one in shown for end in (one.low, one.high) if end is not None
    ]
    low, high = padded(ends)
    return Bars(
        title=MAIN.get(measure.name, measure.name),
        value=Axis(name="mean over seeds", low=low, high=high),
        names=tuple(one.arm for one in shown),
        values=tuple(one.mean for one in shown),
        low=tuple(one.low for one in shown),
        high=tuple(one.high for one in shown),
        interval="95 % interval",
    )
