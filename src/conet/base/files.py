"""Files that are there whole or not at all, and readers that say what is wrong with a foreign one."""

import errno
import hashlib
import os
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from io import BytesIO
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from conet.base.errors import ConetError

if TYPE_CHECKING:
    import polars


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


def write_atomic(path: Path, content: bytes | str, durable: bool = True) -> None:
    """Write a file so that it is there whole or not at all.

    Parameters
    ----------
    path
        Where; what stood there is replaced.
    content
        Text is written as UTF-8.
    durable
        Also after a power cut: the file, and the directory that names it, have reached the disk on
        returning. Where this is False, :func:`sync` has to do it before anything counts on the file.

    Raises
    ------
    ConetError
        When the disk is full or the place cannot be written.
    """
    data = printable(content).encode() if isinstance(content, str) else content
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with open(temporary, "wb") as file:
            file.write(data)
            file.flush()
            if durable:
                os.fsync(file.fileno())
        os.replace(temporary, path)
        if durable:
            sync(path.parent)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink()
        raise cannot_write(path, error) from None


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


def remove_temporaries(folder: Path, mine: bool = False) -> None:
    """Remove what a killed process left half-written in a folder.

    Parameters
    ----------
    mine
        Whether nobody else may be writing there, so that all go; else those whose process has ended.
    """
    for path in folder.glob(".*.*"):
        number = path.name.rpartition(".")[2]
        if number.isdecimal() and (mine or not _runs(int(number))):
            with suppress(OSError):
                path.unlink()


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


def refuse_other_file(path: Path, mark: str) -> None:
    """Refuse an output file that is there already, unless it is an earlier output of the same kind.

    Parameters
    ----------
    path
        Where the output shall go.
    mark
        What stands in the first or the last kilobytes of every output of this kind.

    Raises
    ------
    ConetError
        When something else is there, or the place cannot be read.
    """
    try:
        if not path.is_dir():
            with open(path, "rb") as file:
                start = file.read(4096)
                file.seek(max(0, path.stat().st_size - 2**16))
                if mark.encode() in start or mark.encode() in file.read():
                    return
    except FileNotFoundError:
        return
    except OSError as error:
        raise cannot_write(path, error) from None
    raise ConetError(f"--out {path}, which is something else", "a new file", "choose another")


def printable(text: str) -> str:
    """Return a text in which a question mark stands for what is not UTF-8, such as parts of a file's name."""
    return text.encode("utf-8", "replace").decode()


class CannotWrite(ConetError):
    """A file could not be written; what was there before is as it was."""


def cannot_write(path: Path, error: OSError) -> CannotWrite:
    """Say why a file could not be written, and that nothing is lost."""
    return CannotWrite(
        f"{path}: {error.strerror or error}",
        "a place that can be written",
        "free space or choose another --out; a run that had begun goes on with `conet resume`",
    )


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
        table = pl.read_parquet(source, glob=False)
    except (OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
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
        remedy = "restore it from a copy, or start the run again"
        remedy += "; an unfinished run goes on with `conet resume`" if missing else ""
    return ConetError(f"{path}: {reason[:200]}", "a file written by conet", remedy)


def numbered(folder: Path, prefix: str, suffix: str) -> list[tuple[int, Path]]:
    """Return the files ``<prefix><number><suffix>`` of a folder, in order of their numbers."""
    found = (
        (path.name.removeprefix(prefix).removesuffix(suffix), path)
        for path in folder.glob(f"{prefix}*{suffix}")
    )
    return sorted((int(number), path) for number, path in found if number.isdecimal())
