"""Files that are there whole or not at all, and readers that say what is wrong with a foreign one."""

import hashlib
import os
from collections.abc import Mapping
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from conet.base.errors import ConetError

if TYPE_CHECKING:
    import polars

CHECKSUM = "sha256"


def write_atomic(path: Path, content: bytes | str) -> None:
    """Write a file so that it is there whole or not at all, also after a power cut.

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
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink()
        raise cannot_write(path, error) from None


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


def cannot_write(path: Path, error: OSError) -> ConetError:
    """Say why a file could not be written, and that nothing is lost."""
    return ConetError(
        f"{path}: {error.strerror or error}",
        "a place that can be written",
        "free space or choose another --out; a run that had begun goes on with `conet resume`",
    )


def write_table(path: Path, table: "polars.DataFrame") -> None:
    """Write a table as parquet, atomically."""
    buffer = BytesIO()
    table.write_parquet(buffer, compression="zstd", compression_level=1)
    write_atomic(path, buffer.getvalue())


def write_arrays(
    path: Path, arrays: Mapping[str, np.ndarray], metadata: Mapping[str, str] | None = None
) -> None:
    """Write named arrays as safetensors, atomically."""
    from safetensors.numpy import save

    contiguous = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    write_atomic(path, save(contiguous, {**(metadata or {}), CHECKSUM: checksum(contiguous)}))


def checksum(arrays: Mapping[str, np.ndarray]) -> str:
    """SHA-256 over names and bytes: safetensors itself does not notice a changed value."""
    digest = hashlib.sha256()
    for name in sorted(arrays):
        digest.update(name.encode() + arrays[name].tobytes())
    return digest.hexdigest()


def read_arrays(path: Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Read arrays and metadata of a safetensors file.

    Raises
    ------
    ConetError
        When the file is missing, foreign or damaged.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            metadata = dict(file.metadata() or {})
    except (OSError, SafetensorError, ValueError, TypeError) as error:
        raise damaged(path, error) from None
    if metadata.get(CHECKSUM) != checksum(arrays):
        raise damaged(path, ValueError("its content does not match its checksum"))
    return arrays, metadata


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
