"""Commands on many runs: the claims, and grids of the user's own."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from conet.base.errors import ConetError
from conet.base.kinds import SWEEP
from conet.base.places import check_folder, holding
from conet.base.terminal import tell
from conet.base.text import listed, one_line
from conet.cli.drawing import drawers
from conet.cli.options import Json, Whole, count


def reproduce(
    *claims: str,
    seeds: Whole = None,
    jobs: Whole = None,
    backend: Literal["joblib", "ray"] = "joblib",
    quick: Annotated[bool, Parameter(negative=())] = False,
    exhaustive: Annotated[bool, Parameter(negative=())] = False,
    out: Path | None = None,
    write: Path | None = None,
    json_: Json = False,
) -> None:
    """Answer for each claim of the paper whether it holds.

    Parameters
    ----------
    claims
        C1 to C9, a further question (capacity, dose, exact-limit, finite-size, heating-map, league, melting,
        percolation, phases, quench, v3), or path/to/file.py:NAME of a claim of your own; all of the level
        where none is named.
    seeds
        Independent runs: 10 with --quick, 32 by default, 64 with --exhaustive.
    jobs
        Processes; all cores by default.
    backend
        joblib (processes here) or ray (a cluster; the extra [cluster]).
    quick
        C1 to C8 with few seeds, in minutes; what is named, smaller: the league in five.
    exhaustive
        Larger graphs and more seeds, in hours.
    out
        Where the pages, figures and cached cells go; runs/reproduce by default. An interrupted call goes on
        there. The pages of a few claims do not replace those of more.
    write
        A folder of documentation, such as docs: the pages, figures and verdicts go there as well.
    json_
        Print all verdicts as one JSON object on the last line.
    """
    from conet.claims import chosen
    from conet.cli.progress import cell_line
    from conet.judging.reproduce import reproduce as answer

    if quick and exhaustive:
        raise ConetError("--quick and --exhaustive", "one of them", "leave one out")
    level = "quick" if quick else "exhaustive" if exhaustive else "full"
    command = " ".join(["conet reproduce", *claims, *([f"--{level}"] if level != "full" else [])])
    command += f" --seeds {seeds}" if seeds else ""
    named = chosen(claims, level)
    with cell_line() as progress:
        found = answer(
            named,
            out=out or Path("runs/reproduce"),
            seeds=seeds,
            jobs=count(jobs, "--jobs"),
            backend=backend,
            level=level,
            progress=progress,
            command=command,
            write=write,
        )
    if json_:
        print(json.dumps(found))
    else:
        _print_rows(found)
    _tell_failures([(one["cell"], one["reason"]) for one in found["failures"]])


def _print_rows(found: dict[str, Any]) -> None:
    for row in found["verdicts"]:
        low, high = row["ci"]
        numbers = "" if None in (low, high) else f"{row['estimate']:.3g} [{low:.3g}, {high:.3g}]"
        print(one_line(f"{row['claim']:4} {row['judgement']:9} {row['statistic']}: {numbers}"))
    print(one_line(f"report {Path(found['pages']) / 'report.html'}"))


def _tell_failures(failures: Sequence[tuple[Mapping[str, Any], str]]) -> None:
    """Name the cells without a result, each on a line of stderr, and fail: not all of the work is done."""
    for settings, reason in failures:
        tell(f"failed {' '.join(f'{key}={value}' for key, value in settings.items())}: {reason}")
    if failures:
        raise ConetError(
            f"no result from {len(failures)} cells",
            "a result from each",
            "the rest is written; mend what the lines above say and call again",
        )


def sweep(
    file: Path,
    *,
    jobs: Whole = None,
    backend: Literal["joblib", "ray"] = "joblib",
    out: Path | None = None,
    json_: Json = False,
) -> None:
    """Run a grid of your own and leave a tidy table, one row a cell and seed, the curves, and a page.

    Parameters
    ----------
    file
        A JSON or TOML file with `grid` (dotted key to a list of values) or `cells`, and if you like `preset`,
        `seeds` and `measures`; see docs/sweeps.md.
    jobs
        Processes; all cores by default.
    backend
        joblib (processes here) or ray (a cluster; the extra [cluster]).
    out
        Where tables, curves, page and cached cells go; runs/sweep-<file> by default. An interrupted call goes
        on there.
    json_
        Print all rows as one JSON object on the last line.
    """
    from conet.cells import sweep as sweeps
    from conet.cli.progress import cell_line
    from conet.report import comparison

    definition = sweeps.read(file)
    place = out or Path("runs") / f"sweep-{file.stem}"
    check_folder(place, SWEEP)
    with holding(place):
        with cell_line() as progress:
            swept = sweeps.sweep(definition, place, count(jobs, "--jobs"), backend, progress)
        tell("drawing the page")
        with drawers() as drawing:
            page = comparison.write(swept.comparison, place, drawing, f"Sweep {file.stem}", SWEEP)
    if json_:
        told = {"out": str(place.resolve()), "rows": swept.table.to_dicts(), "failures": swept.failures}
        print(json.dumps(told | {"report": str(page.resolve())}))
    else:
        print(sweeps.describe(swept))
        print(listed([f"report {page}", f"table {place / 'table.parquet'}"]))
    _tell_failures([({**one["settings"], "seed": one["seed"]}, one["reason"]) for one in swept.failures])
