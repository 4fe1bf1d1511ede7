"""Which logs lie below a place that is not one log itself."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from conet.base.errors import ConetError
from conet.readers.base import Part, Reader
from conet.readers.places import folders, is_folder

DEEPEST = 3  # levels of folders
MOST = 500  # folders that are looked at
SHOWN = 8


def logs_below(path: Path, readers: Sequence[Reader]) -> list[Path]:
    """Return the outermost folders below a place that hold one log each, in a format of a trainer."""
    found: list[Path] = []
    for folder in folders(path, DEEPEST)[1:MOST] if is_folder(path) else ():
        if not any(folder.is_relative_to(known) for known in found) and _is_log(folder, readers):
            found.append(folder)
    return found


def _is_log(folder: Path, readers: Sequence[Reader]) -> bool:
    for reader in readers:
        with suppress(ConetError):  # of several logs, for example
            if reader.finds is not None and reader.finds(folder):
                return True
    return False


def refuse_several(path: Path, parts: Sequence[Part], readers: Sequence[Reader]) -> None:
    """Refuse a folder of several runs, of which a reader found one.

    Raises
    ------
    ConetError
        Naming the folders that hold logs.
    """
    if any(path in (part.path, part.path.parent, part.path.parent.parent) for part in parts):
        return  # the folder of a run, or of its rollouts
    logs = logs_below(path, readers)
    if any(not any(part.path.is_relative_to(log) for part in parts) for log in logs):
        raise ConetError(f"{path} with logs in {named(path, logs)}", "one log", "name one of these folders")


def named(path: Path, logs: Sequence[Path]) -> str:
    """Return the folders as seen from a place, some of them where they are many."""
    names = ", ".join(str(log.relative_to(path)) for log in logs[:SHOWN])
    return names + (f" and {len(logs) - SHOWN} more" if len(logs) > SHOWN else "")
