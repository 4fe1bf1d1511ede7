"""Commands on runs that someone else trained: diagnose, choose what to heat on, watch."""

import json
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from conet.base.errors import ConetError
from conet.cli.drawing import drawers
from conet.cli.options import (
    Figures,
    Flag,
    Json,
    Number,
    Whole,
    note_unfinished,
)
from conet.cli.reading import READING, Reading, reading_line, the_log

Events = Annotated[
    list[Literal["collapsed", "heat", "truncated"]] | None, Parameter(name="--on", negative=())
]
Findings = Annotated[list[str] | None, Parameter(name="--finding", negative=())]


def diagnose(
    path: Path,
    *,
    reading: Reading = READING,
    finding: Findings = None,
    figure: Figures = None,
    no_text: Flag = False,
    out: Path | None = None,
    json_: Json = False,
) -> None:
    """Say what is happening in a run that someone else trained, from its rollouts.

    Parameters
    ----------
    path
        A run directory, the folder of its rollouts, or one file.
    finding
        A further finding, as path/to/file.py:name; may be repeated.
    figure
        A further figure, as path/to/file.py:name; may be repeated.
    no_text
        Write no prompt and no completion anywhere: problems are called by digests.
    out
        Where the report goes; runs/diagnosis-<name> by default. An earlier diagnosis there is replaced.
    json_
        Print the findings as one JSON object on the last line.
    """
    from conet.base.files import printable
    from conet.base.kinds import DIAGNOSIS
    from conet.base.places import check_folder, holding
    from conet.base.progress import line
    from conet.diagnosis.text import described

    path = the_log(path)
    place = default_place(path) if out is None else out
    check_folder(place, DIAGNOSIS)
    collector = reading.opened(path)
    with holding(place), drawers() as drawing:
        with reading_line() as progress:
            record = collector.read(progress)
        if no_text:
            record = record.without_texts()
        with line() as show:
            found, numbers = examined(record, place, finding, drawing, figure, show)
    note_unfinished(path, found.steps["step"].max())
    as_json = printable(json.dumps(numbers, ensure_ascii=False)) if json_ else ""
    print(as_json or described(found, numbers["report"]))


def watch(
    path: Path,
    *command: str,
    on: Events = None,
    interval: Number = 5.0,
    refreshes: Whole = None,
    reading: Reading = READING,
    finding: Findings = None,
    no_text: Flag = False,
    out: Path | None = None,
) -> None:
    """Follow a training while it runs; rings once when it is time to heat. Ends with Ctrl-C.

    Parameters
    ----------
    path
        The run directory, the folder where its rollouts appear, or a file that grows.
    command
        What to run when something happens, behind --; it finds CONET_EVENT, CONET_STEP, CONET_PATH and
        CONET_REPORT in its environment.
    on
        When to run it, once each; may be repeated.
    interval
        Seconds between two looks.
    refreshes
        End after so many looks.
    finding
        As for `conet diagnose`.
    no_text
        As for `conet diagnose`.
    out
        Where the report goes; runs/diagnosis-<name> by default.
    """
    from conet.base.kinds import DIAGNOSIS
    from conet.base.places import check_folder
    from conet.cli.reactions import reactions
    from conet.cli.watch import follow

    reacting = reactions(on, command)

    if not 0 <= interval < float("inf"):
        raise ConetError(f"--interval {interval}", "seconds", "for example 5")
    if refreshes is not None and refreshes < 1:
        raise ConetError(f"--refreshes {refreshes}", "at least one look", "leave it out to look until Ctrl-C")
    path = the_log(path)
    place = default_place(path) if out is None else out
    check_folder(place, DIAGNOSIS)

    def look(record: Any) -> tuple[Any, str]:
        found, numbers = examined(record.without_texts() if no_text else record, place, finding)
        return found, numbers["report"]

    follow(
        reading.opened(path),
        look,
        interval,
        refreshes,
        reacting,
    )


def default_place(path: Path) -> Path:
    """Where a diagnosis goes: named after the run, without the folder inside it and without suffixes."""
    from conet.readers.formats.compressed import SUFFIXES

    whole = path.resolve()
    name = whole.parent.name if whole.name in ("completions", "rollouts") else whole.name
    if whole.is_file():
        plain = Path(whole.stem if whole.suffix.lower() in SUFFIXES else whole.name)
        name = plain.stem
    return Path("runs") / f"diagnosis-{name or 'run'}"


def examined(
    record: Any,
    place: Path,
    extra: list[str] | None,
    drawing: Any = None,
    figures: list[str] | None = None,
    show: Any = None,
) -> tuple[Any, dict[str, Any]]:
    """Diagnose what was read, and write the report: one look, the same for `diagnose` and `watch`.

    Parameters
    ----------
    drawing
        Other processes that draw.
    figures
        Further ones, each as path/to/file.py:name.
    show
        Told how many findings are there, and that the report is being drawn.

    Returns
    -------
    tuple
        The diagnosis, and its findings with the path of the report.
    """
    from conet.diagnosis import diagnose, write
    from conet.report.diagnosis import write as page

    found = diagnose(record, findings=extra or ())
    if show is not None:
        parts = len(found.declared) + 1  # the report is the last
        for done, name in enumerate(found.declared):
            show("part of the diagnosis", done, parts, name)
            found.result(name)
        show("part of the diagnosis", parts - 1, parts, "report")
    return found, write(found, place, lambda found, out: page(found, out, drawing, figures or ()))
