"""What the commands on logs share: their options, and how a log is opened and read."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from conet.base.errors import ConetError
from conet.base.inputs import check_is_file
from conet.base.progress import line
from conet.cli.options import note_unverified, real
from conet.readers.reference import formats_in_words

if TYPE_CHECKING:
    from conet.readers.collector import Collector
    from conet.readers.column_mapping import Source

MAP = (
    "Which column is what, as step=…,prompt=…,correct=… (also problem, completion, reward, length, "
    "truncated); a condition is allowed, such as correct=score>=1 or correct=status==verified_pass; with "
    "nothing behind it, as in length=, no column is."
)
TOKENIZER = (
    "A file tokenizer.json, or the model's folder, to measure answers in tokens; `conet heat` looks at the "
    "chat template in the folder."
)
MEMORY = "GiB that reading may take, beside what the rollouts themselves take; 2 by default."
POOL = "Take several runs that lie there, and cover the same steps, together."
CORRECT_ABOVE = (
    "Above which reward an answer is correct, where rewards give partial credit; else the mean reward is "
    "diagnosed."
)
Format = Annotated[str, Parameter(help=formats_in_words())]
Map = Annotated[list[str] | None, Parameter(name="--map", consume_multiple=True, negative=(), help=MAP)]


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Reading:
    """How a log is read: options that every command on logs has."""

    format: Format = "auto"
    map_: Map = None
    tokenizer: Annotated[Path | None, Parameter(help=TOKENIZER)] = None
    memory: Annotated[float | None, Parameter(converter=real, help=MEMORY)] = None
    pool: Annotated[bool, Parameter(negative=(), help=POOL)] = False
    correct_above: Annotated[float | None, Parameter(converter=real, help=CORRECT_ABOVE)] = None

    def given(self) -> "dict[str, Source]":
        """Return the column mapping.

        Raises
        ------
        ConetError
            For options that cannot be read.
        """
        from conet.readers import parse_column_mapping

        if self.map_ == []:
            raise ConetError("--map without a pair", "role=column", "for example --map step=global_step")
        above = self.correct_above
        if above is not None and not math.isfinite(above):
            raise ConetError(f"--correct-above {above}", "a reward", "for example 0.5")
        return parse_column_mapping(",".join(self.map_ or []))

    def opened(self, path: Path) -> "Collector":
        """Get ready to read a run.

        Raises
        ------
        ConetError
            For options that cannot be read.
        """
        from conet.readers import open_run

        given = self.given()
        note_unverified(path)
        return open_run(path, self.format, given, self.tokenizer, self.memory, self.pool, self.correct_above)


READING = Reading()  # as it is where no option says anything


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

        def told(done: int, total: int) -> None:
            if total >= 1_000_000:  # what is smaller is read at once, and "0/0" would say nothing
                show("MB read", done // 1_000_000, total // 1_000_000, "")

        yield told
