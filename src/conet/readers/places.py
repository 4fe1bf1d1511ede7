"""Looking around in a place that may be anything."""

import os
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from conet.base.errors import ConetError
from conet.readers.base import Part
from conet.readers.formats import natural

DEEPEST = 8  # levels of folders
LEFT_OUT = {".git", ".venv", "venv", "node_modules", "__pycache__", ".ipynb_checkpoints", "site-packages"}


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


def walk(path: Path, depth: int = DEEPEST) -> list[Path]:
    """Return all files of a folder and of those in it, so many levels deep, sorted as people do.

    Hidden folders are looked into, but those of tools (:data:`LEFT_OUT`) are not; a folder that is reached
    twice, through a link, is looked at once. A file is the only one of itself.

    Raises
    ------
    ConetError
        When the folder itself cannot be read.
    """
    if not is_folder(path):
        return [path]
    found: list[Path] = []
    seen: set[tuple[int, int]] = set()
    waiting = [(path, depth)]
    while waiting:
        folder, left = waiting.pop()
        try:
            with os.scandir(folder) as entries:
                inside = sorted(entries, key=lambda entry: natural(Path(entry.name)))
            there = os.stat(folder)
        except OSError as error:
            if folder == path:
                raise cannot_read(path, error) from None
            continue
        if (there.st_dev, there.st_ino) in seen:
            continue
        seen.add((there.st_dev, there.st_ino))
        found += [Path(entry.path) for entry in inside if _is(entry.is_file)]
        inner = [entry for entry in inside if left and entry.name not in LEFT_OUT and _is(entry.is_dir)]
        # The last comes first: what is no link before the links to it.
        waiting += [(Path(entry.path), left - 1) for entry in reversed(inner) if entry.is_symlink()]
        waiting += [(Path(entry.path), left - 1) for entry in reversed(inner) if not entry.is_symlink()]
    return found


def _is(ask: Callable[[], bool]) -> bool:
    try:
        return ask()
    except OSError:
        return False


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
