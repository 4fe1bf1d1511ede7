"""Commands on many runs: the claims, and grids of the user's own."""

import json
import sys
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from conet.base.errors import ConetError
from conet.cli.options import Json, Whole, count


def reproduce(
    *claims: str,
    seeds: Whole = None,
    jobs: Whole = None,
    backend: Literal["joblib", "ray"] = "joblib",
    quick: Annotated[bool, Parameter(negative=())] = False,
    exhaustive: Annotated[bool, Parameter(negative=())] = False,
    out: Path | None = None,
    json_: Json = False,
) -> None:
    """Answer for each claim of the paper whether it holds.

    Parameters
    ----------
    claims
        C1 to C9, or the name of a further experiment; all of the level where none is named.
    seeds
        Independent runs: 10 with --quick, 32 by default, 64 with --exhaustive.
    jobs
        Processes; all cores by default.
    backend
        joblib (processes here) or ray (a cluster; the extra [cluster]).
    quick
        C1 to C8 with few seeds, in minutes.
    exhaustive
        Larger graphs and more seeds, in hours.
    out
        Where the pages, figures and cached cells go; runs/reproduce by default. An interrupted call goes on there.
    json_
        Print all verdicts as one JSON object on the last line.
    """
    from conet.claims.reproduce import reproduce as answer
    from conet.cli.progress import cell_line

    if quick and exhaustive:
        raise ConetError("--quick and --exhaustive", "one of them", "leave one out")
    level = "quick" if quick else "exhaustive" if exhaustive else "full"
    place = out or Path("runs/reproduce")
    command = " ".join(["conet reproduce", *claims, *([f"--{level}"] if level != "full" else [])])
    command += f" --seeds {seeds}" if seeds else ""
    with cell_line() as progress:
        found = answer(claims, out=place, seeds=seeds, jobs=count(jobs, "--jobs"), backend=backend, level=level,
                       progress=progress, command=command)  # fmt: skip
    if json_:
        print(json.dumps(found))
        return
    for one in found["failures"]:
        named = " ".join(f"{key}={value}" for key, value in one["cell"].items())
        print(f"failed {named}: {one['reason']}", file=sys.stderr)
    for row in found["verdicts"]:
        low, high = row["ci"]
        numbers = "" if None in (low, high) else f"{row['estimate']:.3g} [{low:.3g}, {high:.3g}]"
        print(f"{row['claim']:4} {row['verdict']:9} {row['statistic']}: {numbers}")
    print(f"report {place / 'report.html'}")


def sweep(
    file: Path,
    *,
    jobs: Whole = None,
    backend: Literal["joblib", "ray"] = "joblib",
    out: Path | None = None,
    json_: Json = False,
) -> None:
    """Run a grid of your own and leave a tidy table, one row a cell and seed.

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
        Where the tables and cached cells go; runs/sweep-<file> by default. An interrupted call goes on there.
    json_
        Print all rows as one JSON object on the last line.
    """
    from conet.cells import sweep as sweeps
    from conet.cli.progress import cell_line

    definition = sweeps.read(file)
    place = out or Path("runs") / f"sweep-{file.stem}"
    with cell_line() as progress:
        swept = sweeps.sweep(definition, place, count(jobs, "--jobs"), backend, progress)
    if json_:
        print(
            json.dumps(
                {"out": str(place.resolve()), "rows": swept.table.to_dicts(), "failures": swept.failures}
            )
        )
        return
    print(sweeps.describe(swept))
    for one in swept.failures:
        changed = " ".join(f"{key}={value}" for key, value in one["settings"].items())
        print(f"failed {changed} seed={one['seed']}: {one['reason']}", file=sys.stderr)
    print(f"table {place / 'table.parquet'}")
