"""Commands on the concept web of a run: export it to other programs, and animate it."""

import json
from pathlib import Path
from typing import Literal

from conet.base.errors import ConetError
from conet.cli.options import Json, Number, NumberOrNone, as_whole, note_unverified, say


def export(
    run: Path,
    *,
    format: Literal["graphml", "gexf", "csv"],
    out: Path,
    step: str | None = None,
    threshold: NumberOrNone = None,
    json_: Json = False,
) -> None:
    """Write the concept web of a run to a file for Gephi, Cytoscape, networkx or a spreadsheet.

    Parameters
    ----------
    run
        The run directory.
    format
        graphml or gexf (nodes with role, island and traffic; edges with their probability), or csv (edges).
    out
        The file; an earlier export may be replaced. /dev/stdout prints it, and what else there is to say goes
        to stderr.
    step
        A snapshot, the last one by default; with `all`, GEXF has spells, which Gephi plays.
    threshold
        Edges with at least this probability; the run's web.threshold by default.
    json_
        Print what was written as one JSON object on the last line.
    """
    from conet.base.progress import line
    from conet.report.export import export as write
    from conet.runs.run import Run

    if threshold is not None and not 0 < threshold <= 1:
        raise ConetError(f"--threshold {threshold}", "above 0 and at most 1", "for example 0.3")
    chosen = _step(step)
    note_unverified(run)
    with line() as progress:
        found = write(Run(run), out, format, chosen, threshold, progress)
    moments = f"step {found['steps'][0]}" if len(found["steps"]) == 1 else f"{len(found['steps'])} snapshots"
    kept = "rows, one an edge and step" if format == "csv" and len(found["steps"]) > 1 else "edges"
    text = f"{found['nodes']} nodes and {found['edges']} {kept}, {moments}: {out}"
    say(json.dumps(found) if json_ else text, out)


def _step(text: str | None) -> int | Literal["all"] | None:
    if text is None:
        return None
    if text == "all":
        return "all"
    return as_whole(text, "--step", "a step, or all", "leave it out for the last one")


def animate(run: Path, *, out: Path, seconds: Number = 15.0, json_: Json = False) -> None:
    """Show the concept web growing: every snapshot in one layout, so that no node moves.

    Parameters
    ----------
    run
        The run directory.
    out
        A file that ends in .gif, or in .mp4 where ffmpeg is at hand; an earlier one may be replaced.
        /dev/stdout prints a GIF, and what else there is to say goes to stderr.
    seconds
        How long it lasts.
    json_
        Print what was written as one JSON object on the last line.
    """
    from conet.base.progress import line
    from conet.report.animate import animate as write
    from conet.runs.run import Run

    if not 1 <= seconds <= 3600:
        raise ConetError(f"--seconds {seconds}", "1 to 3600", "for example 15")
    note_unverified(run)
    with line() as progress:
        found = write(Run(run), out, seconds, progress)
    said = f"{len(found['steps'])} snapshots in {found['seconds']:g} s: {out}"
    say(json.dumps(found) if json_ else said, out)
