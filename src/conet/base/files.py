"""Files that are there whole or not at all, and readers that say what is wrong with a foreign one."""

import errno
import hashlib
import os
import stat
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from io import BytesIO
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from conet.base.errors import ConetError
from conet.base.kinds import resume_command
from conet.base.leftovers import hold, temporary_for
from conet.base.panics import Panic, panics_as_errors

if TYPE_CHECKING:
    import polars


RESTORE = "restore it from a copy, or start the run again"


def is_path(value: Any) -> bool:
    """Whether a value is a path that a system can have: a text or a Path, without a NUL character."""
    return isinstance(value, str | PathLike) and "\0" not in os.fspath(value)


def given_path(value: Any, expected: str) -> Path:
    """Take a path from the user.

    Raises
    ------
    ConetError
        When it is none.
    """
    if not is_path(value):
        raise ConetError(f"{value!r}"[:200], expected, "give its path")
    return Path(value)


def write_atomic(
    path: Path, content: bytes | str, durable: bool = True, check: Callable[[], object] | None = None
) -> None:
    """Write a file so that it is there whole or not at all.

    Parameters
    ----------
    path
        Where; what stood there is replaced, but for devices and pipes, which are written to.
    content
        Text is written as UTF-8.
    durable
        Also after a power cut: the file, and the directory that names it, have reached the disk on
        returning. Where this is False, :func:`sync` has to do it before anything counts on the file.
    check
        Called just before it is put in its place; raises a ConetError where something else stands there.

    Raises
    ------
    ConetError
        When the disk is full or the place cannot be written.
    """
    data = as_bytes(content)
    temporary = temporary_for(path)
    try:
        if is_stream(path, follow=False):
            write_stream(path, data)
            return
        with open(temporary, "wb") as file:
            hold(file.fileno())
            file.write(data)
            file.flush()
            if durable:
                os.fsync(file.fileno())
            if check is not None:
                check()
            os.replace(temporary, path)  # while it is held, or it would be taken for one that was left
        if durable:
            sync(path.parent)
    except (OSError, ConetError) as error:
        with suppress(OSError):
            temporary.unlink()
        raise (cannot_write(path, error) if isinstance(error, OSError) else error) from None


def as_bytes(content: bytes | str) -> bytes:
    """Return the bytes of a file; text is written as UTF-8."""
    return printable(content).encode() if isinstance(content, str) else content


def is_stream(path: Path, follow: bool = True) -> bool:
    """Whether a path is a terminal, a device or a pipe: something to write to, and never to replace.

    Raises
    ------
    OSError
        For a block device or a socket, which hold something else.
    """
    try:
        mode = os.stat(path, follow_symlinks=follow).st_mode
    except FileNotFoundError:
        return False
    if stat.S_ISBLK(mode) or stat.S_ISSOCK(mode):
        raise OSError(errno.EEXIST, "it is a disk or a socket")
    return stat.S_ISCHR(mode) or stat.S_ISFIFO(mode)


def write_stream(path: Path, data: bytes) -> None:
    """Write to a device or a pipe.

    Raises
    ------
    OSError
    """
    view = memoryview(data)
    descriptor = os.open(path, os.O_WRONLY | os.O_NOCTTY)
    try:
        while view:
            view = view[os.write(descriptor, view) :]
    finally:
        os.close(descriptor)


def sync(path: Path) -> None:
    """Wait until a file, or the names in a directory, have reached the disk.

    Raises
    ------
    ConetError
        When they cannot.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        except OSError as error:
            # Some file systems know no fsync of a directory; what they do instead is theirs.
            if error.errno != errno.EINVAL or not path.is_dir():
                raise
        finally:
            os.close(descriptor)
    except OSError as error:
        raise cannot_write(path, error) from None


def sync_all(paths: Iterable[Path]) -> None:
    """Wait until all of these have reached the disk: together, which takes little longer than one alone."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(sync, paths))


def digest(data: bytes) -> str:
    """Return the SHA-256 of bytes, in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal.

    Raises
    ------
    ConetError
        When it cannot be read.
    """
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise damaged(path, error) from None


def digest_all(paths: Sequence[Path]) -> dict[Path, str]:
    """Return the SHA-256 of several files, read side by side."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(4) as pool:
        return dict(zip(paths, pool.map(digest_of, paths)))


def printable(text: str) -> str:
    """Return a text in which a question mark stands for what is not UTF-8, such as parts of a file's name."""
    return text.encode("utf-8", "replace").decode()


class CannotWrite(ConetError):
    """A file could not be written; what was there before is as it was.

    Attributes
    ----------
    path : Path or None
        The file or folder.
    goes_on : bool
        Whether the remedy says how to go on with what is there, so that another place is none.
    """

    path: Path | None = None
    goes_on = False

    def then(self, command: str) -> "CannotWrite":
        """Return the same, with the command that goes on once the reason is gone."""
        found = type(self)(self.got, self.expected, f"{self.remedy}, then go on with `{command}`")
        found.path, found.goes_on = self.path, True
        return found


# What would do, and what to do, by the reason that the system gives.
_REASONS = {
    errno.ENOSPC: ("a disk with space left", "free space there"),
    errno.EDQUOT: ("space within your quota", "free space there, or have the quota raised"),
    errno.EFBIG: ("a file that the limits allow", "raise the limit of a file's size (`ulimit -f`)"),
    errno.EROFS: ("a place that can be written", "it is mounted for reading only: mount it for writing"),
    errno.EACCES: ("a place where you may write", "change its permissions"),
    errno.EPERM: ("a place where you may write", "change its permissions"),
    errno.ENOTDIR: ("a path through folders", "a part of the path is a file: correct the path"),
    errno.EISDIR: ("the path of a file", "a folder stands there: move it away, or correct the path"),
    errno.ENAMETOOLONG: ("a name that the file system takes", "shorten it"),
    errno.ENOENT: ("a folder that is there", "make the folder, or correct the path"),
    errno.ELOOP: ("links that lead somewhere", "correct the links in the path"),
    errno.EMFILE: ("fewer open files", "raise the limit of open files (`ulimit -n`)"),
    errno.EIO: ("a disk that works", "check the disk"),
    errno.EPIPE: ("a reader that reads to the end", "keep the other end of the pipe open"),
}


def cannot_write(path: Path, error: OSError) -> CannotWrite:
    """Say why a file could not be written, and what to do about just that."""
    usual = ("a place that can be written", "check the place")
    expected, remedy = _REASONS.get(error.errno or 0, usual)
    found = CannotWrite(f"{path}: {error.strerror or error}", expected, remedy)
    found.path = path
    return found


def write_table(path: Path, table: "polars.DataFrame") -> None:
    """Write a table as parquet, atomically."""
    write_atomic(path, table_bytes(table))


def read_table(path: Path, columns: Collection[str] = ()) -> "polars.DataFrame":
    """Read a parquet file that has at least these columns.

    Raises
    ------
    ConetError
        When the file is missing, foreign or damaged.
    """
    return as_table(path, path, columns)


def as_table(source: "Path | BytesIO", path: Path, columns: Collection[str] = ()) -> "polars.DataFrame":
    """Read parquet from a file or from its bytes; ``path`` is named where it cannot be read."""
    import polars as pl

    try:
        with panics_as_errors():
            # A path need not be UTF-8, which polars asks for.
            buffer = BytesIO(source.read_bytes()) if isinstance(source, Path) else source
            table = pl.read_parquet(buffer, glob=False)
    except (OSError, pl.exceptions.PolarsError, Panic) as error:
        raise damaged(path, error) from None
    if not set(columns) <= set(table.columns):
        raise damaged(path, ValueError(f"lacks one of the columns {', '.join(sorted(columns))}"))
    return table


def table_bytes(table: "polars.DataFrame") -> bytes:
    """Return a table as the bytes of a parquet file."""
    buffer = BytesIO()
    table.write_parquet(buffer, compression="zstd", compression_level=1)
    return buffer.getvalue()


def damaged(path: Path, error: BaseException, remedy: str = "") -> ConetError:
    """Say that a file of a run is missing or damaged."""
    missing = not path.exists()
    reason = "no such file" if missing else " ".join(f"{type(error).__name__}: {error}".split())
    if not remedy:
        remedy = RESTORE + (f"; an unfinished run goes on with `{resume_command(path)}`" if missing else "")
    return ConetError(f"{path}: {reason[:200]}", "a file written by conet", remedy)


def incomplete(path: Path, what: str = "no such file") -> ConetError:
    """Say that a run is incomplete, since something of it is missing."""
    return ConetError(f"{path}: {what}, so the run is incomplete", "a complete run", RESTORE)


def numbered(folder: Path, prefix: str, suffix: str) -> list[tuple[int, Path]]:
    """Return the files ``<prefix><number><suffix>`` of a folder, in order of their numbers."""
    found = (
        (path.name.removeprefix(prefix).removesuffix(suffix), path)
        for path in folder.glob(f"{prefix}*{suffix}")
    )
    return sorted((int(number), path) for number, path in found if number.isdecimal())
