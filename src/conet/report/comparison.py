"""The page of a comparison, and of a sweep, which compares its points."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from conet.base.files import write_atomic
from conet.base.intervals import FEWEST_SEEDS
from conet.base.kinds import COMPARISON, Kind
from conet.base.places import filling
from conet.diagnosis.comparison import Arm, Comparison
from conet.diagnosis.comparison.text import measure_rows, number, value_names
from conet.report import pages
from conet.report.drawing.drawers import Drawers
from conet.views.source import source_of

MOST_HEADLINES = 4
MOST_SETTINGS = 40  # rows of the table of settings


class Table(NamedTuple):
    """A table of the page."""

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    caption: str = ""


def write(
    found: Comparison,
    out: Path,
    drawers: Drawers | None = None,
    heading: str = "Comparison",
    kind: Kind = COMPARISON,
    figures: Sequence[str] = (),
) -> Path:
    """Write page, figures and numbers of a comparison.

    Parameters
    ----------
    found
        What to show.
    out
        A folder; made where it is missing.
    drawers
        Other processes to draw in; this one where absent.
    heading
        Of the page.
    kind
        Of the folder, which may hold an earlier one of this kind: of a comparison, or of a sweep.
    figures
        Further ones, each as ``path/to/file.py:function``.

    Returns
    -------
    Path
        ``out/report.html``; beside it ``figures/*.svg`` and ``comparison.json``.
    """
    source = source_of(found, figures)
    views = (source.view(name) for name in source.names())
    drawn = pages.pictures((view for view in views if view.panels), drawers)
    with filling(out, kind):
        report = pages.write_page(out, drawn, page(found, drawn, heading))
        write_atomic(out / COMPARISON.mark, json.dumps(found.to_json(), indent=1, ensure_ascii=False) + "\n")
    return report


def page(found: Comparison, drawn: list[pages.Picture], heading: str) -> str:
    """Return the whole page."""
    sides, arms = len(found.sides), len(found.arms)
    return pages.render(
        "comparison.html",
        kind="CoNet, side by side",
        title=f"CoNet · {heading}",
        heading=heading,
        subtitle=f"{sides} runs in {arms} arms; compared with {found.arms[0].name}",
        advice=headlines(found.headlines),
        notes=found.notes,
        tiles=[],
        links=pages.links(
            drawn,
            ("measures-in-numbers", "All measures"),
            *([("settings", "Settings")] if found.settings else []),
            ("records", "Records"),
        ),
        pictures=drawn,
        tables=[_measures(found), *_settings(found)],
        records=[("Numbers (what --json prints)", pages.as_text(found.to_json()))],
    )


def headlines(lines: list[str]) -> list[str]:
    """Return the first headlines, and how many more there are."""
    more = len(lines) - MOST_HEADLINES
    return [
        *lines[:MOST_HEADLINES],
        *([f"{more} more arms are in the table of all measures."] if more > 0 else []),
    ]


def _measures(found: Comparison) -> Table:
    rows = [row for measure in found.measures for row in measure_rows(found, measure)]
    header = ("measure", *value_names(found), "difference", "95 % interval", "pairs")
    caption = "Values: of each run, or where these are many the mean of each arm. " + (
        "Differences: paired, less the first arm; intervals are Student's t, over 20 seeds or "
        "more a bootstrap."
    )
    pairs = [one.n for measure in found.measures for one in measure.differences if one.paired_by == "seed"]
    if pairs and min(pairs) < FEWEST_SEEDS:
        caption += f" Fewer than {FEWEST_SEEDS} seeds decide nothing."
    return Table("All measures", header, rows, caption)


def _settings(found: Comparison) -> list[Table]:
    """Return the settings that differ, by arm; none where all are equal, or there are none."""
    if not found.settings:
        return []
    rows = []
    for name, values in list(found.settings.items())[:MOST_SETTINGS]:
        rows.append((name, *(_value(arm, values) for arm in found.arms)))
    more = len(found.settings) - MOST_SETTINGS
    return [
        Table(
            "Settings that differ",
            ("setting", *(arm.name for arm in found.arms)),
            rows,
            f"{more} more are in the records." if more > 0 else "",
        )
    ]


def _value(arm: Arm, values: Mapping[str, Any]) -> str:
    """Return what the runs of an arm have of a setting: one value, but for seeds."""
    told = (values.get(side.name, "–") for side in arm.sides)
    return ", ".join(dict.fromkeys(number(one) if isinstance(one, float) else str(one) for one in told))
