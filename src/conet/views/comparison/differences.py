"""How much the arms differ from the first one: each difference with its interval."""

from collections.abc import Sequence

from conet.base.intervals import FEWEST_SEEDS
from conet.diagnosis.comparison import Comparison, Difference
from conet.diagnosis.comparison.main_measures import MAIN
from conet.views.parts import Axis, Level
from conet.views.schema import Bars, Panel, View, empty_view

NAME, TITLE = "differences", "What differs"
MOST_ROWS = 24  # of a panel


def differences(comparison: Comparison) -> View:
    """Return the paired differences of the main measures, a panel a unit."""
    known = {measure.name: measure.differences for measure in comparison.measures}
    several = len(comparison.arms) > 2
    panels: list[Panel] = []
    for scale in dict.fromkeys(each.scale for each in MAIN):
        rows = [
            (f"{each.words}: {one.arm}" if several else each.words, one)
            for each in MAIN
            for one in known.get(each.name, ())
            if each.scale == scale
        ]
        if rows:
            panels.append(_panel(rows[:MOST_ROWS], comparison.length_unit if scale == "length" else scale))
    if not panels:
        return empty_view(NAME, TITLE, "No two sides pair: there is no difference to show.")
    base = comparison.arms[0].name
    arm = f"{comparison.arms[1].name} less {base}" if not several else f"each arm less {base}"
    shown = [one for each in MAIN for one in known.get(each.name, ())]
    ways = {one.paired_by for one in shown}
    return View(
        name=NAME,
        title=TITLE,
        caption=f"Shown: {arm}.{_how_to_read(shown)}",
        definition=" ".join(text for way, text in DEFINITIONS.items() if way in ways),
        panels=tuple(panels),
    )


def _how_to_read(shown: Sequence[Difference]) -> str:
    """Say what the lines mean, where there are any, and why some have none."""
    read = ""
    if any(ends_of(one)[0] is not None for one in shown):
        read += " A line that does not cross zero is a difference beyond chance."
    if any(one.paired_by == "seed" and one.n < FEWEST_SEEDS for one in shown):
        read += f" Fewer than {FEWEST_SEEDS} seeds decide nothing, so their differences have no line."
    return read


def ends_of(one: Difference) -> tuple[float | None, float | None]:
    """Return the interval that is drawn: none of seeds that are too few to decide anything."""
    return (None, None) if one.paired_by == "seed" and one.n < FEWEST_SEEDS else (one.low, one.high)


def padded(ends: Sequence[float]) -> tuple[float, float]:
    """Return the ends of an axis that holds all these with a little room."""
    low, high = min(ends), max(ends)
    room = 0.04 * (high - low) or 1.0
    return low - room, high + room


DEFINITIONS = {
    "seed": (
        "Paired by seed: mean over the seeds that both arms have, with its 95 % interval (Student's t; of 20 "
        "seeds or more a bootstrap)."
    ),
    "problem": (
        "Same problems: mean over the problems that both have, each judged by its newest rollouts in "
        "the second half of its run, with its 95 % interval over problems (Student's t)."
    ),
    "run": "One run against another: a difference without an interval, which may be chance.",
}


def _panel(rows: Sequence[tuple[str, Difference]], unit: str) -> Bars:
    found = [one for _, one in rows]
    ends = [one.difference for one in found] + [
        end for one in found for end in ends_of(one) if end is not None
    ]
    low, high = padded([*ends, 0.0])
    return Bars(
        value=Axis(name="difference", unit=unit, low=low, high=high),
        names=tuple(name for name, _ in rows),
        values=tuple(one.difference for one in found),
        low=tuple(ends_of(one)[0] for one in found),
        high=tuple(ends_of(one)[1] for one in found),
        interval="95 % interval",
        levels=(Level(label="no difference", value=0.0),),
    )
