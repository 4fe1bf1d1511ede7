"""The command that puts runs and logs side by side."""

import json
from pathlib import Path

from conet.base.text import one_line
from conet.cli.diagnose import Map, reading_line
from conet.cli.drawing import drawers
from conet.cli.options import Json


def compare(
    *runs: Path,
    out: Path | None = None,
    format: str = "auto",
    map_: Map = None,
    tokenizer: Path | None = None,
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
        Where the page goes; runs/comparison by default. An earlier comparison there is replaced.
    format
        Of the logs, as for `conet diagnose`.
    map_
        Of the logs, as for `conet diagnose`.
    tokenizer
        Of the logs, as for `conet diagnose`.
    json_
        Print the numbers as one JSON object on the last line: of every measure its value in each run, the
        difference, its interval, and the number of pairs.
    """
    from conet.diagnosis import comparison
    from conet.report.comparison import check_place, write

    place = out or Path("runs/comparison")
    check_place(place)
    with drawers() as drawing:
        with reading_line() as progress:
            found = comparison.compare(runs, format, " ".join(map_ or []), tokenizer, progress)
            found.measures  # noqa: B018 computed while the line is shown
        report = write(found, place, drawing)
    if json_:
        print(json.dumps(found.to_json() | {"out": str(place.resolve()), "report": str(report.resolve())}))
        return
    print(comparison.described(found))
    print(one_line(f"report {report}"))
