"""Run claims, judge them, and write results, figures and pages."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from conet.base.errors import ConetError
from conet.base.files import write_atomic
from conet.base.kinds import CLAIMS
from conet.base.places import check_folder, filling, make_folder
from conet.cells.cache import Cache
from conet.cells.cell import Arrays, Cell, Failure
from conet.cells.workers import Backend, run_cells
from conet.judging import pages
from conet.judging.claim import Claim, Outcome, Results, Scale
from conet.judging.judgement import MAX_LOST, ClaimResult, corrected
from conet.report import style

SEEDS = {"quick": 10, "full": 32, "exhaustive": 64}


def reproduce(
    claims: Mapping[str, Claim],
    *,
    out: Path,
    seeds: int | None = None,
    jobs: int = 1,
    backend: Backend = "joblib",
    level: Any = "full",
    progress: Callable[[int, int], None] | None = None,
    command: str = "conet reproduce",
    write: Path | None = None,
) -> dict[str, Any]:
    """Answer for each claim whether it holds, and leave the pages that show it.

    Parameters
    ----------
    claims
        What to judge, each by the name that the command line calls it by; see :func:`conet.claims.chosen`.
    out
        Where ``verdicts.json``, ``report.html``, ``results.md`` and ``figures/`` are written, in a
        folder of their own where ``out`` has the pages of other claims; the cache of finished cells is
        ``out/cells``.
    seeds
        Independent runs; 10, 32 or 64 by level where absent.
    jobs, backend, progress
        As in :func:`conet.cells.workers.run_cells`.
    level
        "quick", "full" or "exhaustive".
    command
        What the pages say made them.
    write
        A folder of documentation, to write the pages there as well.

    Returns
    -------
    dict
        ``judgements``: a list of rows; ``failures``: cells without a result, with the reason; ``claims``:
        names; ``pages``: the folder of the pages.

    Raises
    ------
    ConetError
        Before anything runs for a wrong argument or place; afterwards for a claim whose functions fail.
    """
    _check(claims, out, seeds, write)
    scale = Scale(seeds or SEEDS[level], level)
    wanted = {call: claim.cells(scale) for call, claim in claims.items()}
    everything: list[Cell] = [cell for cells in wanted.values() for cell in cells]
    with filling(out, CLAIMS):
        results, failures = run_cells(everything, Cache(out / "cells"), jobs, backend, progress)
        found = {cell.key: arrays for cell, arrays in zip(everything, results)}
        outcomes = _corrected(
            [_conclude(claim, call, wanted[call], found, failures) for call, claim in claims.items()]
        )
        names = [claim.name for claim in claims.values()]
        folder = pages.place(out, names)
        rows = [row.to_json() for outcome in outcomes for row in outcome.results]
        answer = {
            "judgements": rows,
            "verdicts": rows,  # their name in version 0.1
            "failures": [
                {"cell": dict(failure.cell.arguments), "reason": failure.reason} for failure in failures
            ],
            "level": level,
            "command": command,
            "out": str(out.resolve()),
            "claims": names,
            "pages": str(folder.resolve()),
        }
        _write(folder, outcomes, answer)
        if write is not None:
            _write_docs(write, outcomes, answer)
    return answer


def _check(claims: Mapping[str, Claim], out: Path, seeds: int | None, write: Path | None) -> None:
    """Refuse wrong arguments and places before anything runs."""
    if seeds is not None and seeds < 2:
        raise ConetError(f"--seeds {seeds}", "at least 2", "an interval over seeds needs more than one")
    names = [claim.name for claim in claims.values()]
    for name in names:
        if names.count(name) > 1:
            raise ConetError(f"two claims called {name!r}", "names that differ", "rename the one of your own")
    check_folder(out, CLAIMS)
    if write is not None:
        pages.check_docs(write, claims.values())


def _conclude(
    claim: Claim, call: str, cells: list[Cell], found: Mapping[str, Arrays | None], failures: list[Failure]
) -> Outcome:
    failed = {failure.cell.key: failure for failure in failures}
    mine = [failed[cell.key] for cell in cells if cell.key in failed]
    pairs = [(cell, found[cell.key]) for cell in cells]
    results = Results([(cell, arrays) for cell, arrays in pairs if arrays is not None], mine)
    if not results.pairs:
        rows = [_nothing(claim, mine)] if claim.of_paper else []
        return Outcome(claim=claim, call=call, results=rows, pictures=[], tables=[], failures=mine)
    try:
        with style.look():
            pictures = claim.draw(results)
        rows, tables = claim.judge(results), claim.tables(results)
    except (ConetError, MemoryError):
        raise
    except (Exception, SystemExit) as error:
        raise ConetError(
            f"claim {claim.name!r}: {type(error).__name__}: {error}",
            "a claim that judges, draws and tabulates its results",
            "mend it; finished cells are kept",
        ) from error
    if len(mine) > MAX_LOST * len(cells):
        note = f" ({len(mine)} of {len(cells)} cells failed)"
        rows = [replace(row, judgement="undecided", statistic=row.statistic + note) for row in rows]
    return Outcome(claim=claim, call=call, results=rows, pictures=pictures, tables=tables, failures=mine)


def _corrected(outcomes: list[Outcome]) -> list[Outcome]:
    """Correct all rows of one call for their number."""
    rows = iter(corrected([row for outcome in outcomes for row in outcome.results]))
    return [replace(outcome, results=[next(rows) for _ in outcome.results]) for outcome in outcomes]


def _nothing(claim: Claim, failures: list[Failure]) -> ClaimResult:
    nothing = float("nan")
    return ClaimResult(
        claim=claim.name,
        statistic=f"no result: {failures[0].reason if failures else 'no cells'}",
        estimate=nothing,
        ci=(nothing, nothing),
        threshold=nothing,
        seeds=0,
        judgement="undecided",
    )


def _write(folder: Path, outcomes: list[Outcome], answer: dict[str, Any]) -> None:
    make_folder(folder)
    _write_figures(folder / "figures", outcomes)
    write_atomic(folder / CLAIMS.mark, json.dumps(answer, indent=2) + "\n")
    write_atomic(folder / "results.md", pages.write_markdown(outcomes, answer))
    write_atomic(folder / "report.html", pages.write_html(outcomes, answer))


def _write_docs(folder: Path, outcomes: list[Outcome], answer: dict[str, Any]) -> None:
    """Write the pages of the documentation: the paper's claims, and the questions of our own."""
    written = pages.by_page(outcomes)
    make_folder(folder, [*written, CLAIMS.mark])
    _write_figures(folder / "figures", outcomes)
    for name, of_page in written.items():
        kept = pages.kept_of(folder / name)
        text = pages.write_markdown(of_page, answer)
        write_atomic(folder / name, f"{text}\n{kept}" if kept else text)
    told = {name: value for name, value in answer.items() if name not in ("out", "pages")}
    write_atomic(folder / CLAIMS.mark, json.dumps(told, indent=2) + "\n")


def _write_figures(folder: Path, outcomes: list[Outcome]) -> None:
    pictures = (picture for outcome in outcomes for picture in outcome.pictures)
    files = {f"{picture.name}.svg": picture.svg for picture in pictures if picture.svg is not None}
    make_folder(folder, list(files))
    for name, svg in files.items():
        write_atomic(folder / name, svg)
