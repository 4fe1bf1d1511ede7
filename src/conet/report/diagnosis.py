"""The report of a diagnosis: one HTML file without scripts or network, and the figures beside it."""

from collections.abc import Callable
from html import escape
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

from conet.base.files import cannot_write, write_atomic
from conet.diagnosis import Diagnosis
from conet.report import style
from conet.report.diagnosis_figures import draw_learning, draw_length, draw_problems
from conet.report.diagnosis_signals import draw_diversity, draw_groups, draw_strife
from conet.report.html import details, number, section, tile
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


def write(found: Diagnosis, findings: dict[str, Any], out: Path) -> Path:
    """Write figures and page.

    Parameters
    ----------
    findings
        As :func:`conet.diagnosis.findings` returns them.
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
    write_atomic(out / "report.html", page(found, findings, pictures))
    return out / "report.html"


def page(found: Diagnosis, findings: dict[str, Any], pictures: list[Picture]) -> str:
    """Return the whole page."""
    here = Path(__file__).parent
    name = found.record.path.resolve().name
    values = {
        "title": escape(f"CoNet · diagnosis of {name}"),
        "name": escape(name),
        "subtitle": escape(subtitle(findings)),
        "style": (here / "page.css").read_text(encoding="utf-8"),
        "urgent": " now" if findings["heat_now"] else "",
        "advice": "".join(f"<p>{escape(line)}</p>" for line in advice(findings)),
        "tiles": "".join(tile(*numbers) for numbers in headline(findings)),
        "links": "".join(f'<a href="#{p.name}">{escape(p.title)}</a>' for p in pictures),
        "figures": "".join(section(place, picture) for place, picture in enumerate(pictures, 1)),
        "names": names(found.problems),
        "notes": "".join(
            f"<dt>{escape(key)}</dt><dd>{escape(text)}</dd>" for key, text in findings["notes"].items()
        ),
        "details": details("Findings (what --json prints)", findings),
    }
    return Template((here / "diagnosis.html").read_text(encoding="utf-8")).substitute(values)


def subtitle(findings: dict[str, Any]) -> str:
    """Describe what was read in one line."""
    parts = [
        f"{findings['format']} format",
        f"steps {findings['first_step']:,} to {findings['last_step']:,} ({findings['steps']:,})",
        f"{findings['problems']:,} problems",
        f"{findings['samples']:,} samples, {findings['samples_a_visit']} a problem and step",
    ]
    if findings["skipped_rows"]:
        parts.append(f"rows passed over: {findings['skipped_rows']:,}")
    return " · ".join(parts)


def advice(findings: dict[str, Any]) -> list[str]:
    """Say in a few sentences where the run is, and what to do now."""
    stage = {
        "fast": "The run is in the fast stage",
        "slow": "The run is in the slow stage",
        None: "The stage is undecided",
    }
    lines = [f"{stage[findings['stage']]}: {_reason(findings)}."]
    heat = {
        True: "Now is the time to heat", False: "Now is not the time to heat", None: "Whether to heat now is undecided",
    }  # fmt: skip
    lines.append(f"{heat[findings['heat_now']]}: {findings['heat_why']}.")
    if findings["heat_now"]:
        lines.append(f"The problems to heat on: conet heat {findings['path']} --out heat.jsonl")
    if findings["collapse"]:
        lines.append(f"Signs of policy collapse: {'; '.join(findings['diversity']['signs'])}.")
    if findings["filtered_groups"]:
        lines.append(
            "Groups without signal are missing from the files: every accuracy is that of the groups kept."
        )
    return lines


def _reason(findings: dict[str, Any]) -> str:
    if findings["stage"] == "slow":
        ratio = findings["slope_ratio"]
        times = "" if ratio is None else f", behind which the accuracy rises {ratio:.0f} times as slowly"
        return f"knee at step {findings['knee_step']}{times}"
    note = findings["notes"].get("stage" if findings["stage"] is None else "knee_step", "")
    return note.removeprefix("undecided: ").removeprefix("no knee: ")


def headline(findings: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Main numbers: name, value, definition."""
    accuracy, v, silent = findings["accuracy"], findings["v_bottom_step"], findings["groups_without_signal"]
    heat = {True: "now", False: "not now", None: "undecided"}[findings["heat_now"]]
    end = findings["v_pooled"].get("end_ratio", {}).get("estimate")
    within = findings["v_within"].get("within_ratio", {}).get("estimate")
    counts = " | ".join(str(findings[name]) for name in ("learned", "forgotten", "dead"))
    return [
        ("stage", findings["stage"] or "undecided", f"knee: {_at(findings, 'knee_step', 'knee_interval')}"),
        ("accuracy", f"{accuracy['start']:.3f} → {accuracy['end']:.3f}", "first and last fifth of the steps"),
        (
            "V of the correct length", findings["v"] or "unknown" if v is None else f"step {v}",
            f"end over shortest: {number(end, 2)} pooled, {number(within, 2)} within problems; interval "
            f"{_interval(findings['v_bottom_interval'])}",
        ),
        ("heat", heat, f"the detector spoke at step {findings['heat_step']}" if findings["heat_step"] is not None
         else "the detector has not spoken"),
        ("learned | forgotten | dead", counts, f"by chance: {_chance(findings['by_chance'])}"),
        ("groups without signal", number(silent["end"], 2), f"last fifth; first fifth {number(silent['start'], 2)}"),
    ]  # fmt: skip


def _at(findings: dict[str, Any], step: str, interval: str) -> str:
    if findings[step] is None:
        return "none seen"
    return f"step {findings[step]}, interval {_interval(findings[interval])}"


def _interval(ends: list[float] | None) -> str:
    return "–" if ends is None else f"[{ends[0]:.0f}, {ends[1]:.0f}]"


def _chance(numbers: dict[str, float | None]) -> str:
    return " | ".join(number(numbers[name], 1) for name in ("learned", "forgotten", "dead"))


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
