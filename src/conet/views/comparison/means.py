"""The measures of every arm: mean over the seeds with its interval, a panel a measure."""

import numpy as np

from conet.base.intervals import FEWEST_SEEDS
from conet.diagnosis.comparison import Comparison, Measure
from conet.diagnosis.comparison.main_measures import PRINTED, WORDS
from conet.views.comparison.differences import padded
from conet.views.parts import Axis
from conet.views.schema import Bars, View, empty_view

NAME, TITLE = "measures", "The measures of every arm"
MOST_ROWS, MOST_PANELS = 30, 8


def measures(comparison: Comparison) -> View:
    """Return the measures that were asked for, or the main ones, where an arm has several seeds."""
    known = {measure.name: measure for measure in comparison.measures}
    names = [name for name in comparison.chosen or PRINTED if name in known and known[name].means]
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
        definition="Mean over the seeds of each arm, with its 95 % interval (Student's t), drawn as far as "
        "the measure can be." + _caution(comparison),
        panels=tuple(_panel(known[name]) for name in names[:MOST_PANELS]),
    )


def _caution(comparison: Comparison) -> str:
    fewest = min(len(arm.sides) for arm in comparison.arms)
    return f" Fewer than {FEWEST_SEEDS} seeds decide nothing." if fewest < FEWEST_SEEDS else ""


def possible(name: str) -> tuple[float, float]:
    """Return the least and the greatest value that a measure can have."""
    share = name == "accuracy" or name.startswith(("pass_at_k.", "groups_without_signal"))
    if share or name.endswith("_share"):
        return 0.0, 1.0
    positive = name.startswith(("correct_length.", "islands.", "web."))
    return (0.0, np.inf) if positive else (-np.inf, np.inf)


def _panel(measure: Measure) -> Bars:
    shown = measure.means[:MOST_ROWS]
    least, most = possible(measure.name)
    lows, highs = (
        [end if end is None else min(max(end, least), most) for end in ends]
        for ends in ([one.low for one in shown], [one.high for one in shown])
    )
    ends = [one.mean for one in shown] + [end for end in (*lows, *highs) if end is not None]
    low, high = padded(ends)
    return Bars(
        title=WORDS.get(measure.name, measure.name),
        value=Axis(name="mean over seeds", low=low, high=high),
        names=tuple(one.arm for one in shown),
        values=tuple(one.mean for one in shown),
        low=tuple(lows),
        high=tuple(highs),
        interval="95 % interval",
    )
