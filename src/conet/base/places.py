"""Where output may go: a place that is free, or that holds an earlier output of the same kind.

Every command with ``--out`` asks here before it works, and writes through here. What an earlier output is, is
told by what a file holds, never by its name alone.
"""

import errno
import os
import stat
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import BinaryIO

from conet.base.errors import ConetError
from conet.base.files import as_bytes, cannot_write, is_stream, write_atomic, write_stream
from conet.base.kinds import LOCK, UNFINISHED, Kind, is_of, kind_of
from conet.base.leftovers import is_temporary, remove_temporaries
from conet.base.lock import exclusive
from conet.base.terminal import is_standard_output, print_bytes

# Folders ---------------------------------------------------------------------------------------------


def check_folder(path: Path, kind: Kind | None = None, remedy: str = "") -> None:
    """Refuse an output folder that holds something else, before anything in it is touched.

    Parameters
    ----------
    path
        The folder; it may be missing or empty.
    kind
        What it may hold already; nothing where absent.
    remedy
        What to do, beside choosing another place.

    Raises
    ------
    ConetError
        Where it is a file, holds something else, or cannot be looked at.
    """
    try:
        if not path.is_dir():
            foreign = path.exists() or path.is_symlink()
        else:
            names = {entry.name for entry in path.iterdir()} - {UNFINISHED, LOCK}
            foreign = not (all(map(is_temporary, names)) or (kind and is_of(path, kind)))
    except OSError as error:
        raise cannot_write(path, error) from None
    if foreign:
        raise taken(path, kind, remedy)


def check_is_folder(path: Path) -> None:
    """Refuse an output folder, which may hold anything, where something else stands, before work begins.

    Raises
    ------
    ConetError
        Where it is a file or a link that leads nowhere, or cannot be looked at.
    """
    try:
        foreign = not path.is_dir() and (path.exists() or path.is_symlink())
    except OSError as error:
        raise cannot_write(path, error) from None
    if foreign:
        raise ConetError(f"--out {path}, which is no folder", "a folder", "choose another")


def taken(path: Path, kind: Kind | None = None, remedy: str = "") -> ConetError:
    """Say that an output folder holds something else."""
    return ConetError(
        f"--out {path}, which is {'not empty' if path.is_dir() else 'no folder'}",
        f"a new or an empty folder, or one with {kind.name}" if kind else "a new or an empty folder",
        f"choose another, or {remedy}" if remedy else "choose another",
    )


def make_folder(path: Path, names: Collection[str] = ()) -> None:
    """Make a folder where it is missing, and remove what killed processes left half-written in it.

    Parameters
    ----------
    names
        Files that will be written, in a folder of the user's; one of ours is cleared of all that is left.

    Raises
    ------
    ConetError
        When it cannot be made.
    """
    make_missing(path)
    remove_temporaries(path, names)


def make_missing(path: Path) -> None:
    """Make a folder, and those that it is in, where they are missing.

    Raises
    ------
    ConetError
        When it cannot be made.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except FileExistsError:  # what stands there is no folder
        raise cannot_write(path, OSError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))) from None
    except OSError as error:
        raise cannot_write(path, error) from None


@contextmanager
def holding(path: Path) -> Iterator[None]:
    """Keep other processes out of an output folder while it is worked for; what it holds is looked at before.

    Where a command holds a folder all the while, :func:`filling` inside it does not ask again. A folder that
    was made for this, and into which nothing came, goes again.

    Raises
    ------
    Busy
        When another process holds it.
    ConetError
        When it cannot be made.
    """
    if (mine := _identity(path)) in _held.get():
        yield
        return
    absent = [place for place in (path, *path.parents) if not place.exists()]
    make_missing(path)
    try:
        with exclusive(path):
            mine = _identity(path)
            before = _held.set(_held.get() | {mine})
            try:
                yield
            finally:
                _held.reset(before)
    finally:
        for place in absent:
            with suppress(OSError):  # it holds something now
                place.rmdir()


# Device and inode of the folders that are held in this context: a thread of its own holds its own.
_held: ContextVar[frozenset[tuple[int, int] | None]] = ContextVar("held", default=frozenset())


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        known = os.stat(path)
    except OSError:
        return None
    return known.st_dev, known.st_ino


@contextmanager
def filling(path: Path, kind: Kind) -> Iterator[None]:
    """Make an output folder, and fill it: one whose first output never became whole may be filled again.

    Raises
    ------
    Busy
        When another process fills it.
    ConetError
        When it holds something else, or cannot be written.
    """
    check_folder(path, kind)
    with holding(path):
        check_folder(path, kind)  # again, now that nobody else can put something there
        remove_temporaries(path)
        note = path / UNFINISHED
        try:
            if kind_of(path) is not kind:
                note.write_text(f"{kind.name}\n", encoding="utf-8")
        except OSError as error:
            raise cannot_write(note, error) from None
        yield
        note.unlink(missing_ok=True)


def numbered_places(place: Path) -> Iterator[Path]:
    """Yield a place, and the next ones for when it is taken: ``x``, ``x-2``, ``x-3``, …"""
    yield place
    number = 2
    while True:
        yield place.with_name(f"{place.name}-{number}")
        number += 1


# Single files ----------------------------------------------------------------------------------------


def check_file(path: Path, kind: str, is_one: Callable[[BinaryIO], bool]) -> None:
    """Refuse an output file that is there already, unless it is empty or an earlier output of the same kind.

    Devices and pipes take any output; they are written to, and never replaced.

    Parameters
    ----------
    path
        Where the output shall go. A link is followed.
    kind
        What an earlier output is called, such as "an export".
    is_one
        Whether an open file is one, by its content.

    Raises
    ------
    ConetError
        When something else is there, or the place cannot be read.
    """
    try:
        if takes_anything(path):
            return
        mode = os.stat(path).st_mode
        if stat.S_ISREG(mode):
            with open(path, "rb") as file:
                if not file.read(1) or is_one(_at_start(file)):
                    return
    except FileNotFoundError:
        return
    except OSError as error:
        raise cannot_write(path, error) from None
    what = "a folder" if stat.S_ISDIR(mode) else "another file"
    raise ConetError(f"--out {path}, which is {what}", f"a new file, or {kind}", "choose another")


def takes_anything(path: Path) -> bool:
    """Whether a path is the standard output, a device or a pipe.

    Raises
    ------
    ConetError
        When it is a disk or a socket, or cannot be looked at.
    """
    try:
        return is_standard_output(path) or is_stream(path)
    except OSError as error:
        raise cannot_write(path, error) from None


def _at_start(file: BinaryIO) -> BinaryIO:
    file.seek(0)
    return file


def write_output(path: Path, content: bytes | str, check: Callable[[], object]) -> None:
    """Write a file where the user wants it.

    Links are followed, missing folders are made; on the standard output, a device or a pipe it is printed.

    Parameters
    ----------
    path
        Where.
    content
        Text is written as UTF-8.
    check
        What has looked at the place before the work began, such as :func:`check_file`: it looks again before
        anything is replaced.

    Raises
    ------
    ConetError
        When it cannot be written.
    """
    data = as_bytes(content)
    if is_standard_output(path):
        print_bytes(data)
        return
    try:
        if is_stream(path):
            write_stream(path, data)
            return
    except OSError as error:
        raise cannot_write(path, error) from None
    whole = Path(os.path.realpath(path))
    make_missing(whole.parent)
    remove_temporaries(whole.parent, [whole.name])
    write_atomic(whole, data, check=check)
