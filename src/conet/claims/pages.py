"""The page of verdicts, as Markdown for the docs and as one self-contained HTML file."""

from collections.abc import Sequence
from html import escape
from pathlib import Path
from string import Template
from typing import Any

import conet.report
from conet.claims.declare import Outcome, Table, Verdict
from conet.report.style import Picture, to_inline

HEADER = ("statistic", "estimate", "95 % interval", "seeds", "verdict")
NOTE = (
    "Thresholds and statistics were fixed before the runs, but for those that a section names as changed. The unit is the "
    "seed; intervals are bootstrap intervals over seeds (BCa). A row holds when its interval lies wholly on the wanted "
    "side of the threshold, fails when wholly on the other, and is undecided otherwise, and always below six seeds."
)


def write_markdown(outcomes: Sequence[Outcome], answer: dict[str, Any]) -> str:
    """Return the page for the docs; figures are expected beside it, in ``figures/``."""
    command = answer["command"]
    parts = ["# Results", f"Made by `{command}`. {NOTE}", "## All verdicts", _markdown(_overview(outcomes))]
    for outcome in outcomes:
        each = outcome.experiment
        parts += [
            f"## {each.name}: {each.title}",
            f"*Fixed beforehand.* {each.method}",
            *([f"*Changed after the first look at the results.* {each.changed}"] if each.changed else []),
            f"Command: `{command_for(each.name, command)}`",
        ]
        if outcome.verdicts:
            parts.append(_markdown(_rows(outcome.verdicts)))
        parts += [
            f"**{table.title}**\n\n{_markdown(table)}\n\n{table.caption}".strip() for table in outcome.tables
        ]
        parts += [
            f"![{p.title}](figures/{p.name}.svg)\n\n{p.caption}" if p.svg else p.caption
            for p in outcome.pictures
        ]
        parts += [f"A cell failed: {failure.reason}" for failure in outcome.failures]
    return "\n\n".join(parts) + "\n"


def command_for(name: str, command: str) -> str:
    """Return the command that makes one experiment again, at the same level."""
    words = command.split()
    options = [word for word in words if word in ("--quick", "--exhaustive")]
    if "--seeds" in words:
        options += words[words.index("--seeds") :][:2]
    return " ".join(["conet reproduce", name, *options])


def write_html(outcomes: Sequence[Outcome], answer: dict[str, Any]) -> str:
    """Return the self-contained page."""
    here = Path(conet.report.__file__).parent
    words = [verdict.verdict for outcome in outcomes for verdict in outcome.verdicts]
    tiles = "".join(
        f"<div><dt>{word}</dt><dd>{words.count(word)}</dd></div>" for word in ("holds", "fails", "undecided")
    )
    sections = "".join(_section(outcome, answer["command"]) for outcome in outcomes)
    values = {
        "kind": "CoNet, experiments",
        "title": "CoNet · the claims and their verdicts",
        "preset": "The claims",
        "subtitle": escape(f"{answer['command']} · {len(words)} verdicts"),
        "style": (here / "page.css").read_text(encoding="utf-8"),
        "links": "".join(f'<a href="#{o.experiment.name}">{escape(o.experiment.name)}</a>' for o in outcomes),
        "tiles": tiles,
        "figures": f"<section><h2>All verdicts</h2><p>{NOTE}</p>{_html(_overview(outcomes))}</section>{sections}",
        "details": "",
    }
    return Template((here / "page.html").read_text(encoding="utf-8")).substitute(values)


def _section(outcome: Outcome, command: str) -> str:
    each = outcome.experiment
    parts = [
        f'<section id="{each.name}"><h2>{escape(each.name)}: {escape(each.title)}</h2>',
        f"<p><em>Fixed beforehand.</em> {each.method}</p>",
        f"<p><em>Changed after the first look at the results.</em> {each.changed}</p>"
        if each.changed
        else "",
        f"<p><code>{escape(command_for(each.name, command))}</code></p>",
    ]
    if outcome.verdicts:
        parts.append(_html(_rows(outcome.verdicts)))
    parts += [
        f"<h3>{escape(table.title)}</h3>{_html(table)}<p>{table.caption}</p>" for table in outcome.tables
    ]
    parts += [_figure(picture) for picture in outcome.pictures]
    parts += [f"<p>A cell failed: {escape(failure.reason)}</p>" for failure in outcome.failures]
    return "".join(parts) + "</section>"


def _figure(picture: Picture) -> str:
    drawn = to_inline(picture.svg, picture.name, escape(picture.title)) if picture.svg else ""
    return f"<figure>{drawn}<figcaption><strong>{escape(picture.title)}.</strong> {picture.caption}</figcaption></figure>"


def _overview(outcomes: Sequence[Outcome]) -> Table:
    rows = [row for outcome in outcomes for row in _rows(outcome.verdicts, with_claim=True).rows]
    return Table("All verdicts", ("claim", *HEADER), tuple(rows))


def _rows(verdicts: Sequence[Verdict], with_claim: bool = False) -> Table:
    rows = []
    for verdict in verdicts:
        low, high = verdict.ci
        cells = (
            verdict.statistic,
            f"{verdict.estimate:.3g}",
            f"{low:.3g} to {high:.3g}",
            str(verdict.seeds),
            verdict.verdict,
        )
        rows.append((verdict.claim, *cells) if with_claim else cells)
    return Table("Verdicts", ("claim", *HEADER) if with_claim else HEADER, tuple(rows))


def _markdown(table: Table) -> str:
    lines = ["| " + " | ".join(table.header) + " |", "|" + "---|" * len(table.header)]
    lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in table.rows]
    return "\n".join(lines)


def _html(table: Table) -> str:
    head = "".join(f"<th>{escape(cell)}</th>" for cell in table.header)
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in table.rows)
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _cell(text: str) -> str:
    mark = f' class="{text}"' if text in ("holds", "fails", "undecided") else ""
    return f"<td{mark}>{escape(text)}</td>"
