"""A comparison as text: what differs in the settings, and what differs in what came out."""

from collections.abc import Sequence
from statistics import fmean
from textwrap import wrap

from conet.base.text import listed, one_line
from conet.diagnosis.comparison.comparison import Comparison
from conet.diagnosis.comparison.differences import Difference, Measure
from conet.diagnosis.comparison.main_measures import PRINTED

MOST_VALUES = 4  # runs whose numbers stand in the page's table one by one
MOST_SETTINGS = 8
MOST_ARMS = 6  # below a measure, on the terminal
WIDTH = 100  # columns of the terminal


def described(found: Comparison) -> str:
    """Return settings, main measures, notes, and last the headlines, in lines of at most 100 columns."""
    notes = [f"note: {note}" for note in found.notes]
    return listed([*_wrapped([_settings(found)]), *_table(found), *_wrapped([*notes, *_ends(found)])])


def _wrapped(lines: Sequence[str]) -> list[str]:
    return [part for line in lines for part in wrap(one_line(line), WIDTH, subsequent_indent="  ")]


def _settings(found: Comparison) -> str:
    if len(found.settings) > MOST_SETTINGS:
        return f"settings that differ: {len(found.settings)}; the page names them"
    unknown = [side.name for side in found.sides if not side.settings]
    if len(found.sides) - len(unknown) < 2:
        return "settings that differ: not known, since logs hold no settings"
    told = f"settings that differ: {', '.join(found.settings) or 'none'}"
    return told + (f"; not known of {', '.join(unknown)}, since logs hold no settings" if unknown else "")


def _ends(found: Comparison) -> list[str]:
    more = len(found.headlines) - MOST_ARMS
    return found.headlines[:MOST_ARMS] + (
        [f"{more} more arms are in the page and in --json."] if more > 0 else []
    )


def _table(found: Comparison) -> list[str]:
    """Return a block a measure: its name, and a line for each arm."""
    known = {measure.name: measure for measure in found.measures}
    shown = [known[name] for name in found.chosen or PRINTED if name in known]
    header = ("", "value", "difference", "95 % interval", "pairs")
    blocks = [(measure.name, _arm_rows(found, measure)) for measure in shown]
    rows = [header, *(row for _, block in blocks for row in block)]
    widths = [max(len(row[column]) for row in rows) for column in range(1, len(header))]
    room = WIDTH - 4 - sum(widths) - 2 * len(widths)
    first = min(room, max(len(row[0]) for row in rows))

    def line(row: Sequence[str]) -> str:
        cells = (cell.rjust(width) for cell, width in zip(row[1:], widths))
        return "  ".join(["  " + _cut(row[0], first).ljust(first), *cells]).rstrip()

    lines = [line(header)] if shown else []
    for name, block in blocks:
        lines += [name, *map(line, block)]
    arms, measures = len(found.arms) - MOST_ARMS, len(known) - len(shown)
    if measures or arms > 0:
        also = f" and {arms} more arms" if arms > 0 else ""
        lines.append(f"{measures} more measures{also} are in the page and in --json.")
    return lines


def _arm_rows(found: Comparison, measure: Measure) -> list[tuple[str, ...]]:
    means = {one.arm: one.mean for one in measure.means}
    differences = {one.arm: one for one in measure.differences}
    rows = []
    for arm in found.arms[:MOST_ARMS]:
        of_sides = [value for side in arm.sides if (value := measure.values.get(side.name)) is not None]
        value = means.get(arm.name, fmean(of_sides) if of_sides else None)
        cells = difference_cells(differences[arm.name]) if arm.name in differences else ("", "", "")
        rows.append((arm.name, number(value), *cells))
    return rows


def _cut(name: str, width: int) -> str:
    """Shorten a name in its middle: runs differ at either end."""
    if len(name) <= width:
        return name
    return name[: width // 2] + "…" + name[len(name) - (width - width // 2 - 1) :]


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
    return f"{one.difference:+.4g}", interval, f"{one.n} by {one.paired_by}"


def number(value: float | None) -> str:
    """Return a number in four digits, or a dash."""
    return "–" if value is None else f"{value:.4g}"
