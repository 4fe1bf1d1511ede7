"""A comparison as text: what differs in the settings, and what differs in what came out."""

from collections.abc import Sequence

from conet.base.text import listed
from conet.diagnosis.comparison.comparison import Comparison
from conet.diagnosis.comparison.differences import Difference, Measure

MOST_VALUES = 4  # runs whose numbers are printed one by one
MOST_SETTINGS = 8


def described(found: Comparison) -> str:
    """Return settings, headlines, a line for each main measure, and notes."""
    lines = [f"settings that differ: {', '.join(found.settings)}"] if found.settings else []
    if len(found.settings) > MOST_SETTINGS:
        lines = [f"settings that differ: {len(found.settings)}"]
    lines += found.headlines
    rows = [row for measure in found.measures for row in measure_rows(found, measure)]
    header = ("measure", *value_names(found), "difference", "95 % interval", "pairs")
    widths = [max(len(row[column]) for row in (header, *rows)) for column in range(len(header))]
    lines += ["  ".join(cell.rjust(width) for cell, width in zip(row, widths)) for row in (header, *rows)]
    return listed([*lines, *(f"note: {note}" for note in found.notes)])


def value_names(found: Comparison) -> list[str]:
    """Return the names of the columns of values: every run where these are few, else every arm."""
    if len(found.sides) <= MOST_VALUES:
        return [side.name for side in found.sides]
    return [arm.name for arm in found.arms]


def measure_rows(found: Comparison, measure: Measure) -> list[tuple[str, ...]]:
    """Return a row for each difference of a measure, or one without a difference."""
    if len(found.sides) <= MOST_VALUES:
        values = [measure.values.get(side.name) for side in found.sides]
    else:
        means = {one.arm: one.mean for one in measure.means}
        values = [means.get(arm.name) for arm in found.arms]
    told = [number(value) for value in values]
    if not measure.differences:
        return [(measure.name, *told, "–", "–", "0")]
    several = len(found.arms) > 2
    return [
        (f"{measure.name} ({one.arm})" if several else measure.name, *told, *difference_cells(one))
        for one in measure.differences
    ]


def difference_cells(one: Difference) -> Sequence[str]:
    """Return difference, interval and number of pairs as text."""
    known = one.low is not None and one.high is not None
    interval = f"{number(one.low)} to {number(one.high)}" if known else "–"
    return f"{one.difference:+.4g}", interval, f"{one.n} {one.paired_by}{'s' if one.n > 1 else ''}"


def number(value: float | None) -> str:
    """Return a number in four digits, or a dash."""
    return "–" if value is None else f"{value:.4g}"
