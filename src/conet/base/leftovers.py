"""Files that are still being written: how they are called, who holds one, and what a killed process left."""

import fcntl
import os
import re
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

# The kinds of files that are written here: a hidden file of another kind is never one of ours.
SUFFIXES = "csv|gexf|gif|graphml|html|json|jsonl|md|mp4|parquet|pdf|png|safetensors|svg"
PATTERN = re.compile(rf"\.(?P<name>.+\.(?:{SUFFIXES})|done)\.(?P<process>[0-9]+)")


def temporary_for(path: Path) -> Path:
    """Return the hidden file beside a path in which its new content is gathered."""
    return path.with_name(f".{path.name}.{os.getpid()}")


def is_temporary(name: str) -> bool:
    """Whether a file of this name is what :func:`conet.base.files.write_atomic` leaves when it is killed."""
    return PATTERN.fullmatch(name) is not None


def hold(descriptor: int) -> None:
    """Show other processes that a file is being written; the system lets go of it when it is closed.

    One that looks whether it was left has the lock for an instant, so it is waited for.
    """
    with suppress(OSError):  # where there are no locks, the number of the process has to do
        fcntl.flock(descriptor, fcntl.LOCK_EX)


def remove_temporaries(folder: Path, names: Collection[str] = ()) -> None:
    """Remove what killed processes left half-written in a folder; what a live one holds stays.

    Parameters
    ----------
    folder
        Where; it may be missing.
    names
        Only what was to become a file of one of these names; any name where empty, for a folder of ours.
    """
    for path in folder.glob(".*.*"):
        parts = re.fullmatch(r"\.(?P<name>.+)\.(?P<process>[0-9]+)", path.name)
        wanted = parts and (parts["name"] in names if names else is_temporary(path.name))
        if parts and wanted and _is_left(path, int(parts["process"])):
            with suppress(OSError):
                path.unlink()


def _is_left(path: Path, process: int) -> bool:
    """Whether nobody writes to a file any more."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return not _runs(process)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        just_opened = os.fstat(descriptor).st_size == 0 and _runs(process)
        return not just_opened
    except BlockingIOError:
        return False
    except OSError:
        return not _runs(process)
    finally:
        os.close(descriptor)


def _runs(process: int) -> bool:
    """Whether another process of this number is running here."""
    if process == os.getpid():
        return False
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True
