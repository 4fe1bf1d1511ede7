"""Commands on runs that someone else trained: diagnose, choose what to heat on, watch."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from conet.base.errors import ConetError
from conet.base.progress import line
from conet.cli.drawing import drawers
from conet.cli.options import (
    Figures,
    Json,
    Number,
    NumberOrNone,
    Whole,
    note_unfinished,
    note_unverified,
    say,
)
from conet.readers.reference import formats_in_words

Format = Annotated[str, Parameter(help=formats_in_words())]
Map = Annotated[list[str] | None, Parameter(name="--map", consume_multiple=True, negative=())]
Findings = Annotated[list[str] | None, Parameter(name="--finding", negative=())]


def diagnose(
    path: Path,
    *,
    format: Format = "auto",
    map_: Map = None,
    tokenizer: Path | None = None,
    memory: NumberOrNone = None,
    finding: Findings = None,
    figure: Figures = None,
    out: Path | None = None,
    json_: Json = False,
) -> None:
    """Say what is happening in a run that someone else trained, from its rollouts.

    Parameters
    ----------
    path
        A run directory, the folder of its rollouts, or one file.
    map_
        Which column is what, as step=…,prompt=…,correct=… (also problem, completion, reward, length,
        truncated); a condition is allowed, such as correct=score>=1 or correct=status==verified_pass.
    tokenizer
        A file tokenizer.json, to measure answers in tokens.
    memory
        GiB that reading may take, beside what the rollouts themselves take; 2 by default.
    finding
        A further finding, as path/to/file.py:name; may be repeated.
    figure
        A further figure, as path/to/file.py:name; may be repeated.
    out
        Where the report goes; runs/diagnosis-<name> by default. An earlier diagnosis there is replaced.
    json_
        Print the findings as one JSON object on the last line.
    """
    from conet.base.files import printable
    from conet.base.kinds import DIAGNOSIS
    from conet.base.places import check_folder
    from conet.diagnosis.text import described

    path = the_log(path)
    place = default_place(path) if out is None else out
    check_folder(place, DIAGNOSIS)
    collector = opened(path, format, map_, tokenizer, memory)
    with drawers() as drawing:
        with reading_line() as progress:
            record = collector.read(progress)
        found, numbers = examined(record, place, finding, drawing, figure)
    note_unfinished(path, found.steps["step"].max())
    as_json = printable(json.dumps(numbers, ensure_ascii=False)) if json_ else ""
    print(as_json or described(found, numbers["report"]))


def heat(
    path: Path,
    *,
    out: Path,
    target: Literal["trl", "verl"] = "trl",
    max_accuracy: NumberOrNone = None,
    below: NumberOrNone = None,
    min_samples: Whole = 16,
    pick: Literal["shortest", "first", "newest"] = "shortest",
    window: Whole = None,
    format: Format = "auto",
    map_: Map = None,
    tokenizer: Path | None = None,
    memory: NumberOrNone = None,
) -> None:
    """Write the examples for a heating: problems that are nearly lost, each with a correct answer of its own.

    Parameters
    ----------
    path
        A run directory, the folder of its rollouts, or one file.
    out
        A file of examples; one of an earlier call may be replaced. /dev/stdout prints them, and what else
        there is to say goes to stderr.
    target
        Whose SFT reads it: lines of JSON for trl, Parquet with messages for verl.
    max_accuracy
        A problem is hard below this accuracy; 0.1 by default.
    below
        The name that --max-accuracy had in version 0.1.
    min_samples
        Samples on which that accuracy must rest.
    pick
        Which correct answer to learn from: shortest, first or newest.
    window
        Look at the last so many steps only; by default at each problem's newest visits, as many as give
        --min-samples.
    map_
        As for `conet diagnose`.
    tokenizer
        The model's folder, whose chat template is looked at; or as for `conet diagnose`.
    memory
        As for `conet diagnose`.
    """
    from conet.diagnosis.heat import check_out, heat_set, write
    from conet.readers import chat_template

    hard_below = accuracy_option(max_accuracy, below)
    for name, value in (("--min-samples", min_samples), ("--window", window)):
        if value is not None and value < 1:
            raise ConetError(f"{name} {value}", "1 or more", f"leave {name} out for the default")
    check_out(out)
    template = None if tokenizer is None else chat_template.load(tokenizer)
    collector = opened(the_log(path), format, map_, tokenizer, memory)
    with reading_line() as progress:
        record = collector.read(progress)
    found = heat_set(record, hard_below, min_samples or 16, pick, window)
    remark = write(found, out, record, target, template)
    if not found.examples:
        say(found.why_empty, out)
        return
    accuracy = sum(row["accuracy"] for row in found.examples) / len(found.examples)
    say(f"{len(found.examples)} problems with a mean accuracy of {accuracy:.3f}, for {target}: {out}", out)
    if remark:
        say(remark, out)
    if without_text := found.left_out["without_text"]:
        say(f"left out: {without_text} more, whose correct answers were logged without their text", out)


def accuracy_option(max_accuracy: float | None, below: float | None) -> float:
    """Return what ``--max-accuracy`` says, or ``--below``, its name in version 0.1."""
    from conet.config.aliases import note, twice
    from conet.rollouts.selection import MAX_ACCURACY

    if below is not None:
        if max_accuracy is not None:
            raise twice("--below", below, "--max-accuracy", max_accuracy)
        note("the option --below is now called --max-accuracy")
    name, given = ("--max-accuracy", max_accuracy) if below is None else ("--below", below)
    if given is not None and not 0 < given <= 1:
        raise ConetError(f"{name} {given}", "an accuracy above 0 and at most 1", "for example 0.1")
    return MAX_ACCURACY if given is None else given


def watch(
    path: Path,
    *,
    interval: Number = 5.0,
    refreshes: Whole = None,
    format: Format = "auto",
    map_: Map = None,
    tokenizer: Path | None = None,
    memory: NumberOrNone = None,
    finding: Findings = None,
    out: Path | None = None,
) -> None:
    """Follow a training while it runs; rings once when it is time to heat. Ends with Ctrl-C.

    Parameters
    ----------
    path
        The run directory, the folder where its rollouts appear, or a file that grows.
    interval
        Seconds between two looks.
    refreshes
        End after so many looks.
    map_
        As for `conet diagnose`.
    tokenizer
        As for `conet diagnose`.
    memory
        As for `conet diagnose`.
    finding
        As for `conet diagnose`.
    out
        Where the report goes; runs/diagnosis-<name> by default.
    """
    from conet.base.kinds import DIAGNOSIS
    from conet.base.places import check_folder
    from conet.cli.watch import follow

    if not 0 <= interval < float("inf"):
        raise ConetError(f"--interval {interval}", "seconds", "for example 5")
    if refreshes is not None and refreshes < 1:
        raise ConetError(f"--refreshes {refreshes}", "at least one look", "leave it out to look until Ctrl-C")
    path = the_log(path)
    place = default_place(path) if out is None else out
    check_folder(place, DIAGNOSIS)

    def look(record: Any) -> tuple[Any, str]:
        found, numbers = examined(record, place, finding)
        return found, numbers["report"]

    follow(opened(path, format, map_, tokenizer, memory), look, interval, refreshes)


def opened(
    path: Path, format: str, map_: list[str] | None, tokenizer: Path | None, memory: float | None = None
) -> Any:
    """Get ready to read a run."""
    from conet.readers import open_run, parse_column_mapping

    if map_ == []:
        raise ConetError("--map without a pair", "role=column", "for example --map step=global_step")
    note_unverified(path)
    return open_run(path, format, parse_column_mapping(",".join(map_ or [])), tokenizer, memory)


def the_log(path: Path) -> Path:
    """Return the log that was diagnosed, where the path is the folder that `conet diagnose` left."""
    from conet.base.kinds import DIAGNOSIS, has_mark
    from conet.runs.log import place

    return place(path) if has_mark(path, DIAGNOSIS) else path


def default_place(path: Path) -> Path:
    """Where a diagnosis goes: named after the run, not after the folder inside it."""
    whole = path.resolve()
    name = (
        whole.parent.name
        if whole.name in ("completions", "rollouts")
        else whole.stem
        if whole.is_file()
        else whole.name
    )
    return Path("runs") / f"diagnosis-{name or 'run'}"


def examined(
    record: Any,
    place: Path,
    extra: list[str] | None,
    drawing: Any = None,
    figures: list[str] | None = None,
) -> tuple[Any, dict[str, Any]]:
    """Diagnose what was read, and write the report: one look, the same for `diagnose` and `watch`.

    Parameters
    ----------
    drawing
        Other processes that draw.
    figures
        Further ones, each as path/to/file.py:name.

    Returns
    -------
    tuple
        The diagnosis, and its findings with the path of the report.
    """
    from conet.diagnosis import diagnose, write
    from conet.report.diagnosis import write as page

    found = diagnose(record, findings=extra or ())
    return found, write(found, place, lambda found, out: page(found, out, drawing, figures or ()))


@contextmanager
def reading_line() -> Iterator[Any]:
    """Show how far the files have been read, on stderr."""
    with line() as show:
        yield lambda done, total: show("MB read", done // 1_000_000, total // 1_000_000, "")
