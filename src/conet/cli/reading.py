"""What the commands on logs share: their options, and how a log is opened and read."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from conet.base.errors import ConetError
from conet.base.inputs import check_is_file
from conet.base.progress import line
from conet.cli.options import note_unverified
from conet.readers.reference import formats_in_words

Format = Annotated[str, Parameter(help=formats_in_words())]
Map = Annotated[list[str] | None, Parameter(name="--map", consume_multiple=True, negative=())]


def opened(
    path: Path,
    format: str,
    map_: list[str] | None,
    tokenizer: Path | None,
    memory: float | None = None,
    pool: bool = False,
    correct_above: float | None = None,
) -> Any:
    """Get ready to read a run.

    Raises
    ------
    ConetError
        For options that cannot be read.
    """
    from conet.readers import open_run, parse_column_mapping

    if map_ == []:
        raise ConetError("--map without a pair", "role=column", "for example --map step=global_step")
    if correct_above is not None and not math.isfinite(correct_above):
        raise ConetError(f"--correct-above {correct_above}", "a reward", "for example 0.5")
    note_unverified(path)
    return open_run(
        path, format, parse_column_mapping(",".join(map_ or [])), tokenizer, memory, pool, correct_above
    )


def the_log(path: Path) -> Path:
    """Return the log that was diagnosed, where the path is the folder that `conet diagnose` left.

    Raises
    ------
    ConetError
        For a pipe or a device.
    """
    from conet.base.kinds import DIAGNOSIS, has_mark
    from conet.runs.log import place

    check_is_file(path)
    return place(path) if has_mark(path, DIAGNOSIS) else path


@contextmanager
def reading_line() -> Iterator[Any]:
    """Show how far the files have been read, on stderr."""
    with line() as show:
        yield lambda done, total: show("MB read", done // 1_000_000, total // 1_000_000, "")
