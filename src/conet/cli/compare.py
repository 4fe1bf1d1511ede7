"""The command that puts runs and logs side by side."""

import json
from contextlib import nullcontext
from pathlib import Path

from conet.base.files import cannot_write
from conet.base.kinds import COMPARISON
from conet.base.places import check_folder, holding, make_missing, numbered_places
from conet.base.text import one_line
from conet.cli.drawing import drawers
from conet.cli.options import Figures, Json, note_unverified
from conet.cli.reading import READING, Reading, reading_line


def compare(
    *runs: Path,
    out: Path | None = None,
    reading: Reading = READING,
    figure: Figures = None,
    json_: Json = False,
) -> None:
    """Put runs side by side: curves, paired differences with intervals, and webs in one layout.

    Parameters
    ----------
    runs
        Two or more run directories, trainings of language models, or logs of any trainer; the first is what
        the others are compared with. Runs that differ in their seed alone count as one arm, and pair by seed
        with those of another; of two runs the problems pair, in logs by their prompts.
    out
        Where the page goes; an earlier comparison there is replaced. By default a new folder runs/comparison,
        runs/comparison-2, and so on: the first that is free.
    figure
        A further figure, as path/to/file.py:name; may be repeated.
    json_
        Print the numbers as one JSON object on the last line: of every measure its value in each run, the
        difference, its interval, and the number of pairs.
    """
    from conet.diagnosis import comparison
    from conet.readers.memory import bounded
    from conet.report.comparison import write

    if out is not None:
        check_folder(out, COMPARISON)
    reading.given()  # says what cannot be read, before any work
    note_unverified(*runs)
    with nullcontext() if out is None else holding(out), drawers() as drawing:
        with reading_line() as progress:
            with bounded(reading.memory):
                found = comparison.compare(
                    runs,
                    reading.format,
                    ",".join(reading.map_ or []),
                    reading.tokenizer,
                    progress,
                    reading.pool,
                    reading.correct_above,
                )
            found.measures  # noqa: B018 computed while the line is shown
        place = out or new_place()
        report = write(found, place, drawing, figures=figure or ())
    if json_:
        print(json.dumps(found.to_json() | {"out": str(place.resolve()), "report": str(report.resolve())}))
        return
    print(comparison.described(found))
    print(one_line(f"report {report}"))


def new_place(first: Path = Path("runs/comparison")) -> Path:
    """Make the first free folder of ``comparison``, ``comparison-2``, …, so that no other call takes it.

    Raises
    ------
    ConetError
        When none can be made.
    """
    for place in numbered_places(first):
        make_missing(place.parent)
        try:
            place.mkdir()
            return place
        except FileExistsError:
            continue
        except OSError as error:
            raise cannot_write(place, error) from None
    raise AssertionError("there is always a next number")
