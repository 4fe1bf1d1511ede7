"""The report of a diagnosis: one HTML file without scripts or network, and the figures beside it."""

from collections.abc import Callable
from html import escape
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

from conet.base.files import cannot_write, write_atomic
from conet.diagnosis import Diagnosis
from conet.diagnosis.text import subtitle
from conet.diagnosis.words import number
from conet.report import style
from conet.report.diagnosis_figures import draw_learning, draw_length, draw_problems
from conet.report.diagnosis_signals import draw_diversity, draw_groups, draw_strife
from conet.report.html import details, section, tile
from conet.report.style import Picture

if TYPE_CHECKING:
    import polars

# In the order of the report; a new figure is one more function here.
FIGURES: tuple[Callable[[Diagnosis], Picture], ...] = (
    draw_learning, draw_length, draw_problems, draw_groups, draw_diversity, draw_strife,
)  # fmt: skip
SHOWN = 12  # problems a table
NAME = 160  # characters of a problem's name
STATUSES = {
    "forgotten": "Forgotten: solved once, lost at the end",
    "dead": "Dead: not one correct answer",
    "learned": "Learned",
}


def write(found: Diagnosis, out: Path) -> Path:
    """Write figures and page.

    Parameters
    ----------
    out
        An existing directory.

    Returns
    -------
    Path
        ``out/report.html``; the figures are ``out/figures/*.svg``.
    """
    with style.look():
        pictures = [draw(found) for draw in FIGURES]
    folder = out / "figures"
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise cannot_write(folder, error) from None
    for picture in pictures:
        if picture.svg is not None:
            write_atomic(folder / f"{picture.name}.svg", picture.svg)
    write_atomic(out / "report.html", page(found, pictures))
    return out / "report.html"


def page(found: Diagnosis, pictures: list[Picture]) -> str:
    """Return the whole page."""
    here = Path(__file__).parent
    name = found.log.record.path.resolve().name
    values = {
        "title": escape(f"CoNet · diagnosis of {name}"),
        "name": escape(name),
        "subtitle": escape(subtitle(found)),
        "style": (here / "page.css").read_text(encoding="utf-8"),
        "urgent": " now" if found.findings["heat_now"] else "",
        "advice": "".join(f"<p>{escape(line.text)}</p>" for line in found.headlines),
        "tiles": "".join(tile(*number) for number in found.numbers),
        "links": "".join(f'<a href="#{p.name}">{escape(p.title)}</a>' for p in pictures),
        "figures": "".join(section(place, picture) for place, picture in enumerate(pictures, 1)),
        "names": names(found.problems),
        "notes": "".join(
            f"<dt>{escape(key)}</dt><dd>{escape(text)}</dd>" for key, text in found.notes.items()
        ),
        "details": details("Findings (what --json prints)", found.findings),
    }
    return Template((here / "diagnosis.html").read_text(encoding="utf-8")).substitute(values)


def names(problems: "polars.DataFrame") -> str:
    """Tables of the problems with a verdict; a few of each, the rest is in the file."""
    tables = []
    for status, title in STATUSES.items():
        rows = problems.filter(problems["status"] == status)
        if not rows.height:
            continue
        shown = rows.head(SHOWN)
        body = "".join(_row(row) for row in shown.iter_rows(named=True))
        more = f", {SHOWN} of {rows.height:,}" if rows.height > SHOWN else f", {rows.height}"
        tables.append(
            f'<table class="rows"><caption>{title}{more}</caption><thead><tr><th>problem</th><th>visits</th>'
            f"<th>samples</th><th>start</th><th>best</th><th>end</th></tr></thead><tbody>{body}</tbody></table>\n"
        )
    if not tables:
        tables = ['<p class="absent">No problem was learned, forgotten, or is dead.</p>']
    return (
        "".join(tables) + '<p class="absent">All problems: <span class="file">problems.parquet</span></p>\n'
    )


def _row(row: dict[str, Any]) -> str:
    name = " ".join(row["problem"].split())
    name = name if len(name) <= NAME else name[: NAME - 1] + "…"
    cells = [
        f"{row['visits']}",
        f"{row['samples']}",
        *(number(row[f"accuracy_{at}"], 2) for at in ("start", "best", "end")),
    ]
    return f"<tr><td>{escape(name)}</td>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"
