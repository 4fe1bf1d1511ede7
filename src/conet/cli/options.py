"""What the commands share: kinds of options, and how they are read."""

import os
import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter, Token

from conet.base.errors import ConetError
from conet.base.terminal import is_standard_output, tell
from conet.base.text import one_line
from conet.config.pairs import parse_pairs

# Numbers as they are usually written. Python takes more for one: 1_000, blanks, digits of every script.
WHOLE = re.compile("-?[0-9]{1,4000}")
REAL = re.compile(r"-?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?")


def whole(_: type, tokens: Sequence[Token]) -> int:
    """Read a whole number as written; 1.5 is none, and is not cut down to 1."""
    return as_whole(tokens[0].value, str(tokens[0].keyword), "a whole number", "for example 100")


def as_whole(text: str, option: str, expected: str, remedy: str) -> int:
    """Read a whole number.

    Raises
    ------
    ConetError
        When the text is none.
    """
    if not WHOLE.fullmatch(text):
        raise ConetError(f"{option} {text[:100]!r}", expected, remedy)
    return int(text)


def real(_: type, tokens: Sequence[Token]) -> float:
    """Read a number as written.

    Raises
    ------
    ConetError
        When the text is none.
    """
    text = tokens[0].value
    if not REAL.fullmatch(text):
        raise ConetError(f"{tokens[0].keyword} {text[:100]!r}", "a number", "for example 0.5")
    return float(text)


Count = Annotated[int, Parameter(converter=whole)]
Whole = Annotated[int | None, Parameter(converter=whole)]
NumberOrNone = Annotated[float | None, Parameter(converter=real)]
Number = Annotated[float, Parameter(converter=real)]
Pairs = Annotated[list[str] | None, Parameter(name="--set", consume_multiple=True, negative=())]
Figures = Annotated[list[str] | None, Parameter(name="--figure", negative=())]
Flag = Annotated[bool, Parameter(negative=())]
Json = Annotated[bool, Parameter(name="--json", negative=())]


def say(text: str, out: Path) -> None:
    """Print a line: on stderr where the output itself goes to the standard output."""
    if is_standard_output(out):
        tell(text)
    else:
        print(one_line(text))


def all_changes(pairs: list[str] | None, **options: Any) -> dict[str, Any]:
    """Return the changes of ``--set`` and of the options that stand for a setting, as ``--seed``.

    Raises
    ------
    ConetError
        When an option and ``--set`` name one setting.
    """
    changes = parse_pairs(pairs)
    for key, value in options.items():
        if value is not None and key in changes:
            got = f"--{key} {value} and --set {key}={changes[key]}"
            raise ConetError(got, "one of them", f"leave out --set {key}")
        if value is not None:
            changes[key] = value
    return changes


def count(given: int | None, option: str = "--threads") -> int:
    """Return the number of threads or processes asked for, or the cores there are."""
    if given is not None and not 1 <= given <= 1024:
        raise ConetError(f"{option} {given}", "1 to 1024", "leave it out to use all cores")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return given or cores or 1


def shown(path: Path) -> Path:
    """Return a path as one would type it here."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def note_unverified(*paths: Path) -> None:
    """Say on stderr which runs are not compared with digests, because there are none."""
    from conet.base.digests import unverified

    for path in paths:
        if unverified(path):
            tell(f"note: {path} is unverified: it has no digests of its files, as runs of version 0.1")


def note_unfinished(path: Path, last: int | None) -> None:
    """Say on stderr that a run has not come to its end.

    Parameters
    ----------
    path
        Its directory, or the rollouts in it. A log does not say whether it is finished.
    last
        The last step of which there are rollouts.
    """
    from conet.base.digests import SUMMARY, directory_of
    from conet.runs.run import Run

    run = directory_of(path)
    if run is None or (run / SUMMARY).exists():
        return
    said = f"note: {path} is unfinished: "
    said += "it has no rollouts" if last is None else f"its rollouts end at step {last}"
    with suppress(ConetError):  # settings that are damaged change nothing in a diagnosis
        said += f" of {Run(run).config.steps}"
    tell(said)
