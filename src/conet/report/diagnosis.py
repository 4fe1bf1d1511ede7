"""The page of a diagnosis."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from conet.base.text import number
from conet.diagnosis import Diagnosis, Urgency
from conet.diagnosis.text import beneath, by_cause, labelled, subtitle
from conet.report import pages
from conet.report.drawing.drawers import Drawers
from conet.report.picture import Picture
from conet.views.source import source_of

if TYPE_CHECKING:
    import polars

SHOWN = 12  # problems a table
NAME = 160  # characters of a problem's name
STATUSES = {
    "forgotten": "Forgotten: solved once, lost at the end",
    "dead": "Dead: not one correct answer",
    "learned": "Learned",
}


class Table(NamedTuple):
    """A table of problems with one status."""

    title: str
    rows: list[list[str]]


def write(found: Diagnosis, out: Path, drawers: Drawers | None = None, figures: Sequence[str] = ()) -> Path:
    """Write figures and page.

    Parameters
    ----------
    out
        An existing directory.
    drawers
        Other processes to draw in; this one where absent.
    figures
        Further ones, each as ``path/to/file.py:function``.

    Returns
    -------
    Path
        ``out/report.html``; the figures are ``out/figures/*.svg``.
    """
    source = source_of(found, figures)
    drawn = pages.pictures((source.view(name) for name in source.names()), drawers)
    return pages.write_page(out, drawn, page(found, drawn))


def page(found: Diagnosis, drawn: list[Picture]) -> str:
    """Return the whole page."""
    name = found.log.record.path.resolve().name
    more = (("names", "By name"), ("undecided", "Undecided"), ("records", "Records"))
    return pages.render(
        "diagnosis.html",
        kind="Diagnosis of a training run",
        title=f"CoNet · diagnosis of {name}",
        heading=name,
        subtitle=subtitle(found),
        urgent=any(line.urgency in (Urgency.EMERGENCY, Urgency.ADVICE) for line in found.headlines),
        advice=[(line.urgency.name.lower(), labelled(line), beneath(line)) for line in found.headlines],
        tiles=found.numbers,
        links=pages.links(drawn, *more),
        pictures=drawn,
        tables=tables(found.problems),
        has_rollouts=found.log.has_rollouts,
        notes=by_cause(found.notes),
        records=[("Findings (what --json prints)", pages.as_text(found.findings))],
    )


def tables(problems: "polars.DataFrame") -> list[Table]:
    """Return tables of the problems with a status; a few of each, the rest is in the file."""
    found = []
    for status, title in STATUSES.items():
        rows = problems.filter(problems["status"] == status)
        if rows.height:
            more = f", {SHOWN} of {rows.height:,}" if rows.height > SHOWN else f", {rows.height}"
            found.append(Table(title + more, [_row(row) for row in rows.head(SHOWN).iter_rows(named=True)]))
    return found


def _row(row: dict[str, Any]) -> list[str]:
    name = " ".join(row["problem"].split())
    name = name if len(name) <= NAME else name[: NAME - 1] + "…"
    levels = [number(row[f"accuracy_{at}"], 2) for at in ("start", "best", "end")]
    return [name, str(row["visits"]), str(row["samples"]), *levels]
