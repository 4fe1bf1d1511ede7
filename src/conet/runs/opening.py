"""Opening a run that is to go on: of the right kind, and if it has ended, checked and tidied."""

from pathlib import Path

from conet.base.errors import ConetError
from conet.base.kinds import resume_command
from conet.runs.files import NAMES, Kind
from conet.runs.recorder import tidy
from conet.runs.run import Run


def opened(path: str | Path, kind: Kind) -> Run:
    """Return a run to go on with; of a finished one all files are compared, and left-overs removed.

    Raises
    ------
    ConetError
        When it is of another kind, or a file of it is damaged.
    """
    directory = Run(path)
    if directory.kind != kind:
        goes_on = f"`{resume_command(directory.path)} {path}`"
        remedy = "a log cannot go on" if directory.kind == "log" else goes_on
        raise ConetError(f"{path}, {NAMES[directory.kind]}", NAMES[kind], remedy)
    if directory.finished:
        directory.summary()  # first: it says what to do about itself
        directory.verify()
        tidy(directory.path)
    return directory
