"""Run declared experiments and write verdicts, figures and pages."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from conet.base.errors import ConetError, nearest
from conet.cells.cache import Cache, check_place
from conet.cells.cell import Arrays, Cell, Failure
from conet.cells.workers import Backend, run_cells
from conet.claims.declare import MOST_LOST, Experiment, Outcome, Results, Scale, Verdict
from conet.claims.pages import write_html, write_markdown
from conet.report import style
from conet.runs import directory as store

CLAIMS = tuple(f"C{number}" for number in range(1, 10))
SEEDS = {"quick": 10, "full": 32, "exhaustive": 64}


def chosen(names: Sequence[str], level: str) -> list[Experiment]:
    """Return the named experiments; without names those that the level is for.

    Raises
    ------
    ConetError
        For an unknown name; the nearest is named.
    """
    from conet.claims import EXPERIMENTS

    by_lower = {name.lower(): name for name in EXPERIMENTS}
    for name in names:
        if name.lower() not in by_lower:
            raise ConetError(f"unknown claim {name!r}", "a claim or experiment", nearest(name, EXPERIMENTS))
    if names:
        return [EXPERIMENTS[name] for name in dict.fromkeys(by_lower[name.lower()] for name in names)]
    return [
        each for name, each in EXPERIMENTS.items() if level != "quick" or (name[0] == "C" and name != "C9")
    ]


def reproduce(
    names: Sequence[str] = (),
    *,
    out: Path,
    seeds: int | None = None,
    jobs: int = 1,
    backend: Backend = "joblib",
    level: Any = "full",
    progress: Callable[[int, int], None] | None = None,
    command: str = "conet reproduce",
) -> dict[str, Any]:
    """Answer for each claim whether it holds, and leave the page that shows it.

    Parameters
    ----------
    names
        Claims ("C1" … "C9") and further experiments; all that belong to the level where empty.
    out
        Where ``verdicts.json``, ``report.html``, ``results.md`` and ``figures/`` are written; the cache
        of finished cells is ``out/cells``.
    seeds
        Independent runs; 10, 32 or 64 by level where absent.
    jobs, backend, progress
        As in :func:`conet.cells.workers.run_cells`.
    level
        "quick", "full" or "exhaustive".
    command
        What the pages say made them.

    Returns
    -------
    dict
        ``verdicts``: a list of rows; ``failures``: cells without a result, with the reason.
    """
    experiments = chosen(names, level)
    if seeds is not None and seeds < 2:
        raise ConetError(f"--seeds {seeds}", "at least 2", "an interval over seeds needs more than one")
    check_place(out)
    scale = Scale(seeds or SEEDS[level], level)
    wanted = {each.name: each.cells(scale) for each in experiments}
    everything: list[Cell] = [cell for cells in wanted.values() for cell in cells]
    results, failures = run_cells(everything, Cache(out / "cells"), jobs, backend, progress)
    found = {cell.key: arrays for cell, arrays in zip(everything, results)}
    outcomes = [_conclude(each, wanted[each.name], found, failures) for each in experiments]
    verdicts = [verdict for outcome in outcomes for verdict in outcome.verdicts]
    answer = {
        "verdicts": [verdict.to_json() for verdict in verdicts],
        "failures": [
            {"cell": dict(failure.cell.arguments), "reason": failure.reason} for failure in failures
        ],
        "level": level,
        "command": command,
        "out": str(out.resolve()),
    }
    _write(out, outcomes, answer)
    return answer


def _conclude(
    experiment: Experiment, cells: list[Cell], found: Mapping[str, Arrays | None], failures: list[Failure]
) -> Outcome:
    failed = {failure.cell.key: failure for failure in failures}
    mine = [failed[cell.key] for cell in cells if cell.key in failed]
    pairs = [(cell, found[cell.key]) for cell in cells]
    results = Results([(cell, arrays) for cell, arrays in pairs if arrays is not None], mine)
    if not results.pairs:
        reason = mine[0].reason if mine else "no cells"
        nothing = float("nan")
        text = f"no result: {reason}"
        lost = Verdict(experiment.name, text, nothing, (nothing, nothing), nothing, 0, "undecided")
        return Outcome(experiment, [lost] if experiment.name in CLAIMS else [], [], [], mine)
    with style.look():
        pictures = experiment.draw(results)
    verdicts = experiment.judge(results)
    if len(mine) > MOST_LOST * len(cells):
        note = f" ({len(mine)} of {len(cells)} cells failed)"
        verdicts = [replace(row, verdict="undecided", statistic=row.statistic + note) for row in verdicts]
    return Outcome(experiment, verdicts, pictures, experiment.tables(results), mine)


def _write(out: Path, outcomes: list[Outcome], answer: dict[str, Any]) -> None:
    folder = out / "figures"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise store.cannot_write(folder, error) from None
    for outcome in outcomes:
        for picture in outcome.pictures:
            if picture.svg is not None:
                store.write_atomic(folder / f"{picture.name}.svg", picture.svg)
    store.write_atomic(out / "verdicts.json", json.dumps(answer, indent=2) + "\n")
    store.write_atomic(out / "results.md", write_markdown(outcomes, answer))
    store.write_atomic(out / "report.html", write_html(outcomes, answer))
