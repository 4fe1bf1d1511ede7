"""The page of verdicts, as Markdown for the docs and as one self-contained HTML file."""

import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from conet.base.errors import ConetError
from conet.base.kinds import CLAIMS, has_mark
from conet.judging.claim import Claim, Outcome, Table
from conet.judging.judgement import ClaimResult
from conet.report.pages import render

HEADER = ("statistic", "estimate", "median", "95 % interval", "seeds", "judgement", "after correction")
QUICK = "With --quick there are fewer seeds, loads and candidates than the methods below say. "
NOTE = (
    "Thresholds and statistics were fixed before the runs, but for those that a section names as changed. "
    "The unit is the seed. The estimate is the mean over seeds, where the statistic or the words beside the "
    "number name no other; the median shows whether a few seeds pull it. Intervals: Student's t for a mean "
    "of fewer than 20 seeds, else a bootstrap over seeds (BCa). A row holds when its interval lies wholly on "
    "the wanted side of the threshold, fails when wholly on the other, and is undecided "
    "otherwise, and always below six seeds. The last column is the same after Holm's correction for the "
    "number of rows on all pages of this call."
)


PAPER, QUESTIONS = "results.md", "results-regimes.md"  # pages of the documentation
TITLES = {QUESTIONS: "Where the claims hold", "results-annealing.md": "Annealing"}
OURS = "Made by `conet reproduce"
NOT_OURS = "<!-- what follows is not made by conet reproduce, which keeps it -->"


def place(out: Path, names: Sequence[str]) -> Path:
    """Return the folder for pages: ``out``, or one inside it where ``out`` has pages of other claims too.

    So the pages of a few claims never replace those of all.
    """
    return out if _kept(out) <= set(names) else out / "-".join(names)[:100].replace("/", "-")


def _kept(out: Path) -> set[str]:
    """Names of the claims whose pages a folder has."""
    try:
        answer = json.loads((out / CLAIMS.mark).read_text(encoding="utf-8"))
        return set(answer["claims"]) if "claims" in answer else {row["claim"] for row in answer["verdicts"]}
    except (OSError, ValueError, LookupError, TypeError):
        return set()


def by_page(outcomes: Sequence[Outcome]) -> dict[str, list[Outcome]]:
    """Sort outcomes by the page of the documentation that they belong to."""
    found: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        found.setdefault(page_of(outcome.claim), []).append(outcome)
    return found


def page_of(claim: Claim) -> str:
    """Return the page of the documentation that a claim stands on."""
    return claim.page or (PAPER if claim.of_paper else QUESTIONS)


def check_docs(folder: Path, claims: Iterable[Claim]) -> None:
    """Refuse a folder whose pages are not ours, or have claims that would be lost.

    Raises
    ------
    ConetError
        Before anything runs.
    """
    if folder.exists() and not folder.is_dir():
        raise ConetError(f"--write {folder}, which is no folder", "a folder", "choose another")
    if (folder / CLAIMS.mark).exists() and not has_mark(folder, CLAIMS):
        got = f"{folder / CLAIMS.mark}, which `conet reproduce` did not write"
        raise ConetError(got, "verdicts to write again", "choose another --write")
    of_page: dict[str, set[str]] = {}
    for claim in claims:
        of_page.setdefault(page_of(claim), set()).add(claim.name)
    for name, mine in of_page.items():
        page = folder / name
        try:
            text = page.read_text(encoding="utf-8") if page.exists() else OURS
        except (OSError, ValueError) as error:
            raise ConetError(
                f"{page}: {error}", "a page that can be read", "choose another --write"
            ) from None
        if OURS not in text:
            raise ConetError(
                f"{page}, which `conet reproduce` did not write",
                "a page to write again",
                "choose another --write",
            )
        lost = sorted(set(re.findall(r"^## (\S+): ", text, re.MULTILINE)) - mine)
        if lost:
            raise ConetError(
                f"{page} with {', '.join(lost)}, which this call does not judge",
                "a call that judges all of them",
                "leave out the names of claims, or write into another folder",
            )


def kept_of(page: Path) -> str:
    """Return the end of a page that other programs write, from its mark on; empty where there is none."""
    text = page.read_text(encoding="utf-8") if page.exists() else ""
    _, mark, rest = text.partition(NOT_OURS)
    return mark + rest


def write_markdown(outcomes: Sequence[Outcome], answer: dict[str, Any]) -> str:
    """Return the page for the docs; figures are expected beside it, in ``figures/``."""
    command = answer["command"]
    made = f"Made by `{command}`. {note_for(command)}"
    title = TITLES.get(page_of(outcomes[0].claim), "Results") if outcomes else "Results"
    parts = [f"# {title}", made, "## All verdicts", _markdown(_overview(outcomes))]
    for outcome in outcomes:
        each = outcome.claim
        parts += [
            f"## {each.name}: {each.title}",
            f"*Fixed beforehand.* {each.method}",
            *([f"*Changed after the first look at the results.* {each.changed}"] if each.changed else []),
            f"Command: `{command_for(outcome.call, command)}`",
        ]
        if outcome.results:
            parts += [f"**{summary(outcome)}**", _markdown(_rows(outcome.results)), reasons(outcome)]
        parts += [
            f"**{table.title}**\n\n{_markdown(table)}\n\n{table.caption}".strip() for table in outcome.tables
        ]
        parts += [
            f"![{p.title}](figures/{p.name}.svg)\n\n{p.caption}" if p.svg else p.caption
            for p in outcome.pictures
        ]
        parts += [f"A cell failed: {failure.reason}" for failure in outcome.failures]
    return "\n\n".join(part for part in parts if part) + "\n"


def summary(outcome: Outcome) -> str:
    """Say in one line how the rows of a claim were judged."""
    words = [row.judgement for row in outcome.results]
    said = {"holds": "hold", "fails": "fail", "undecided": "undecided"}
    counts = [(words.count(word), word, plural) for word, plural in said.items() if word in words]
    found = ", ".join(f"{count} {word if count == 1 else plural}" for count, word, plural in counts)
    kept = sum(row.corrected != "undecided" for row in outcome.results)
    decided = sum(word != "undecided" for word in words)
    after = f"; after the correction {kept} of {decided} stand" if decided else ""
    rows = "its one row" if len(words) == 1 else f"{len(words)} rows"
    return f"{outcome.claim.name}, of {rows}: {found}{after}."


def reasons(outcome: Outcome) -> str:
    """List why each threshold is what it is, and when all were fixed; as Markdown."""
    whys: dict[str, list[str]] = {}
    for row in outcome.results:
        whys.setdefault(row.why, []).append(row.statistic)
    lines = [f"- {'; '.join(rows)}: {why}." for why, rows in whys.items() if why]
    fixed = outcome.claim.fixed
    when = f" They were fixed at commit {fixed}, before the runs." if fixed else ""
    return "\n".join([f"Why these thresholds.{when}", "", *lines]) if lines or fixed else ""


def note_for(command: str) -> str:
    """Return what is to be known of all rows of a call."""
    return (QUICK if "--quick" in command.split() else "") + NOTE


def command_for(call: str, command: str) -> str:
    """Return the command that judges one claim again, at the same level."""
    words = command.split()
    options = [word for word in words if word in ("--quick", "--exhaustive")]
    if "--seeds" in words:
        options += words[words.index("--seeds") :][:2]
    return " ".join(["conet reproduce", call, *options])


def write_html(outcomes: Sequence[Outcome], answer: dict[str, Any]) -> str:
    """Return the self-contained page."""
    words = [row.judgement for outcome in outcomes for row in outcome.results]
    return render(
        "claims.html",
        kind="CoNet, experiments",
        title="CoNet · the claims and their verdicts",
        heading="The claims",
        subtitle=f"{answer['command']} · {len(words)} verdicts",
        links=[(outcome.claim.name, outcome.claim.name) for outcome in outcomes],
        tiles=[(word, words.count(word), "") for word in ("holds", "fails", "undecided")],
        note=note_for(answer["command"]),
        overview=_overview(outcomes),
        sections=[_section(outcome, answer["command"]) for outcome in outcomes],
    )


def _section(outcome: Outcome, command: str) -> dict[str, Any]:
    """Return what the template shows of one claim."""
    return {
        "claim": outcome.claim,
        "command": command_for(outcome.call, command),
        "summary": summary(outcome),
        "rows": _rows(outcome.results) if outcome.results else None,
        "reasons": [(row.statistic, row.why) for row in outcome.results if row.why],
        "tables": outcome.tables,
        "pictures": outcome.pictures,
        "failures": outcome.failures,
    }


def _overview(outcomes: Sequence[Outcome]) -> Table:
    rows = [row for outcome in outcomes for row in _rows(outcome.results, with_claim=True).rows]
    return Table("All verdicts", ("claim", *HEADER), tuple(rows))


def _rows(results: Sequence[ClaimResult], with_claim: bool = False) -> Table:
    rows = []
    for result in results:
        low, high = result.ci
        cells = (
            result.statistic,
            _estimate(result),
            f"{result.median:.3g}",
            f"{_end(low, result)} to {_end(high, result)}",
            str(result.seeds),
            result.judgement,
            result.corrected,
        )
        rows.append((result.claim, *cells) if with_claim else cells)
    return Table("Verdicts", ("claim", *HEADER) if with_claim else HEADER, tuple(rows))


def _end(value: float, result: ClaimResult) -> str:
    """Write three digits, or as many more as show on which side of the threshold an end lies."""
    factor = result.threshold or 1.0
    thresholds = (result.threshold, 1 / factor) if "between 1/" in result.statistic else (result.threshold,)
    for digits in range(3, 7):
        text = f"{value:.{digits}g}"
        if all(text != f"{each:.{digits}g}" or value == each for each in thresholds):
            break
    return text


def _estimate(result: ClaimResult) -> str:
    """Return the estimate, the estimator where it is no mean, and what a share is in problems."""
    notes = [] if result.estimator in ("mean", "as named") else [result.estimator]
    if result.problems:
        notes.append(f"{result.estimate * result.problems:.1f} of {result.problems} problems")
    return f"{result.estimate:.3g}" + (f" ({', '.join(notes)})" if notes else "")


def _markdown(table: Table) -> str:
    lines = ["| " + " | ".join(table.header) + " |", "|" + "---|" * len(table.header)]
    lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in table.rows]
    return "\n".join(lines)
