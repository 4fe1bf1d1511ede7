"""Where output may go: a place that is free, or that holds an earlier output of the same kind."""

from collections.abc import Collection, Iterator
from pathlib import Path

from conet.base.errors import ConetError
from conet.base.files import cannot_write


def check_folder(
    path: Path, *, marks: Collection[str] = (), parts: Collection[str] = (), kind: str = "", remedy: str = ""
) -> None:
    """Refuse an output folder that holds something else, before anything in it is touched.

    Parameters
    ----------
    path
        The folder; it may be missing or empty.
    marks
        Names of files or folders of which an earlier output of the same kind holds at least one.
    parts
        Names that such an output writes before its mark: a folder of these alone was left by a killed one.
    kind
        What an earlier output is called, such as "a diagnosis"; empty where none will do.
    remedy
        What to do, beside choosing another place.

    Raises
    ------
    ConetError
        Where it is a file, holds something else, cannot be looked at, or is not in UTF-8, which the
        tables' library needs.
    """
    try:
        str(path).encode()
    except UnicodeEncodeError:
        raise ConetError(f"--out {str(path)!a}", "a path in UTF-8", "choose another") from None
    try:
        if not path.is_dir():
            foreign = path.exists() or path.is_symlink()
        else:
            names = {entry.name for entry in path.iterdir()}
            left = {name for name in names if is_temporary(name)}
            foreign = bool(names) and not names & set(marks) and not (names <= set(parts) | left)
    except OSError as error:
        raise cannot_write(path, error) from None
    if foreign:
        raise taken(path, kind, remedy)


def taken(path: Path, kind: str = "", remedy: str = "") -> ConetError:
    """Say that an output place holds something else."""
    return ConetError(
        f"--out {path}, which exists and is not empty",
        f"a new or an empty directory, or one with {kind}" if kind else "a new or an empty directory",
        f"choose another, or {remedy}" if remedy else "choose another",
    )


def is_temporary(name: str) -> bool:
    """Whether a file of this name is what :func:`conet.base.files.write_atomic` leaves when it is killed."""
    return name.startswith(".") and name.rpartition(".")[2].isdecimal()


def numbered_places(place: Path) -> Iterator[Path]:
    """Yield a place, and the next ones for when it is taken: ``x``, ``x-2``, ``x-3``, …"""
    yield place
    number = 2
    while True:
        yield place.with_name(f"{place.name}-{number}")
        number += 1
