"""Looking around in a place that may be anything."""

import os
import re
from contextlib import suppress
from pathlib import Path

from conet.base.errors import ConetError
from conet.readers.base import Part
from conet.readers.formats import natural

DEEPEST = 8  # levels of folders


class NothingYet(ConetError):
    """A place without rollouts, which may come while a training runs."""


def scan(folder: Path) -> list[Path]:
    """Return the files of a folder.

    Raises
    ------
    ConetError
        When it cannot be read.
    """
    try:
        with os.scandir(folder) as entries:
            return [Path(entry.path) for entry in entries if entry.is_file()]
    except OSError as error:
        raise cannot_read(folder, error) from None


def folders(path: Path, depth: int, links: bool = True) -> list[Path]:
    """Return a folder and those in it, so many levels deep, sorted.

    Hidden folders, and inner folders that cannot be read, are left out, and links where not wanted.

    Raises
    ------
    ConetError
        When the folder itself cannot be read.
    """
    try:
        with os.scandir(path) as entries:
            inside = sorted(
                entry.path
                for entry in entries
                if entry.is_dir(follow_symlinks=links) and not entry.name.startswith(".")
            )
    except OSError as error:
        raise cannot_read(path, error) from None
    found = [path]
    for folder in inside if depth else ():
        with suppress(ConetError):
            found += folders(Path(folder), depth - 1, links)
    return found


def is_folder(path: Path) -> bool:
    """Whether there is such a folder; one that may not be looked at counts as none."""
    try:
        return path.is_dir()
    except OSError:
        return False


def number_in(path: Path) -> int | None:
    """The first number in a file's name; None where there is none that a step can be."""
    digits = re.search(r"\d+", path.stem)
    number = int(digits.group()) if digits and len(digits.group()) < 10 else None
    return number if number is not None and number < 2**31 else None


def cannot_read(path: Path, error: OSError) -> ConetError:
    """Say why a place cannot be read."""
    return ConetError(
        f"{path}: {error.strerror or error}", "a place that can be read", "check the path and its permissions"
    )


def exists(path: Path) -> bool:
    """Whether there is such a place.

    Raises
    ------
    ConetError
        When it may not be looked at.
    """
    try:
        path.stat()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise cannot_read(path, error) from None
    return True


def state_of(path: Path) -> tuple[int, int]:
    """Size and time of change, by which a changed file is recognised; zeros where it is gone."""
    try:
        found = path.stat()
    except OSError:
        return 0, 0
    return found.st_size, found.st_mtime_ns


def any_files(path: Path) -> list[Part]:
    """Return one file, or all that lie in a folder and in the folders in it, hidden ones left out."""
    if path.is_file():
        return [Part(path)]
    found = [
        file for folder in folders(path, DEEPEST, links=False) for file in sorted(scan(folder), key=natural)
    ]
    return [Part(file) for file in found if not file.name.startswith(".")]
