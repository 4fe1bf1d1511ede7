"""A table that grows while a run goes on: JSON lines, appended in parts, that can be cut back to a mark."""

import hashlib
import json
import os
import zlib
from collections.abc import Iterable, Mapping
from contextlib import suppress
from io import FileIO
from pathlib import Path
from typing import Any

from conet.base.errors import ConetError
from conet.base.files import cannot_write, damaged, incomplete, sync, write_atomic
from conet.base.kinds import resume_command

CHECK = ', "crc32": '
DAMAGE = (ValueError, TypeError, RecursionError)  # what reading a damaged line raises


class Journal:
    """Rows that are appended to a file, a line each.

    Parameters
    ----------
    path
        The file; made where it is missing.
    checked
        Whether each line carries a checksum of itself, so that a damaged one is noticed also where no
        mark covers it yet.
    """

    def __init__(self, path: Path, checked: bool = True) -> None:
        self.path, self.checked = path, checked
        self.waiting: list[bytes] = []
        self.size = 0
        self._digest = hashlib.sha256()
        self._file: FileIO | None = None
        self._torn = False  # whether there may be something behind what counts

    def add(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Take in rows; :meth:`flush` writes them."""
        self.waiting += [line_of(row, self.checked) for row in rows]

    def flush(self) -> None:
        """Append what is waiting, in one write.

        Raises
        ------
        ConetError
            When the disk is full or the place cannot be written; the file then is as it was before, or what
            was written of a line is removed before anything else is appended.
        """
        data = b"".join(self.waiting)
        if not data and self._file is not None and not self._torn:
            return
        try:
            if self._file is None:
                self._file = open(self.path, "ab", buffering=0)  # noqa: SIM115
            if self._torn:
                self._cut()
            self._torn = True
            _write_all(self._file, data)
        except OSError as error:
            with suppress(
                OSError
            ):  # a last line that is torn is left out by its readers, until it is removed
                self._cut()
            raise cannot_write(self.path, error) from None
        self._torn = False
        self.waiting.clear()
        self.size += len(data)
        self._digest.update(data)

    def mark(self) -> dict[str, Any]:
        """Return how far the file is, and the digest of it so far, for :meth:`restore`."""
        return {"bytes": self.size, "sha256": self._digest.hexdigest()}

    def sync(self) -> None:
        """Wait until everything written has reached the disk."""
        sync(self.path)

    def restore(self, mark: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Cut the file back to a mark, and return its rows.

        Raises
        ------
        ConetError
            When the file is shorter than the mark says, or holds something else.
        """
        data = _content(self.path, mark)
        size = int(mark["bytes"])
        rows = parse(self.path, data, mark, self.checked)
        try:
            if len(data) > size:
                os.truncate(self.path, size)
        except OSError as error:
            raise cannot_write(self.path, error) from None
        self.waiting.clear()
        self.size, self._digest, self._torn = size, hashlib.sha256(data[:size]), False
        return rows

    def go_on(self) -> None:
        """Take the file as it is, to append to it.

        Raises
        ------
        ConetError
            When it cannot be read.
        """
        try:
            data = self.path.read_bytes()
        except OSError as error:
            raise damaged(self.path, error) from None
        self.size, self._digest = len(data), hashlib.sha256(data)

    def start(self, rows: Iterable[Mapping[str, Any]] = ()) -> None:
        """Begin anew with these rows; until all of them are there, what was there stays."""
        self.close()
        self.waiting.clear()
        data = b"".join(line_of(row, self.checked) for row in rows)
        write_atomic(self.path, data)
        self.size, self._digest, self._torn = len(data), hashlib.sha256(data), False

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _cut(self) -> None:
        """Remove what a failed write left behind."""
        if self._torn and self._file is not None:
            os.truncate(self._file.fileno(), self.size)
            self._torn = False


def _write_all(file: FileIO, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[file.write(view) or 0 :]


def line_of(row: Mapping[str, Any], checked: bool) -> bytes:
    """Return a row as a line."""
    text = json.dumps(row, default=_plain)
    if checked:
        text = f"{text[:-1]}{CHECK}{zlib.crc32(text.encode())}}}"
    return text.encode() + b"\n"


def _plain(value: Any) -> Any:
    if hasattr(value, "item"):  # a number of numpy's
        return value.item()
    raise TypeError(f"{type(value).__name__} {value!r} is no JSON value")


def read(path: Path, mark: Mapping[str, Any] | None = None, checked: bool = True) -> list[dict[str, Any]]:
    """Return the rows of a file that may still be growing: a last line that is not finished is left out.

    Parameters
    ----------
    path
        The file.
    mark
        Where one is known, what stands before it must be what was marked; more may follow.
    checked
        Whether its lines carry checksums.

    Raises
    ------
    ConetError
        When the file is missing, shorter than the mark, or damaged.
    """
    rows, damage = read_sound(path, mark, checked)
    if damage is not None:
        raise damage
    return rows


def read_sound(
    path: Path, mark: Mapping[str, Any] | None = None, checked: bool = True
) -> tuple[list[dict[str, Any]], ConetError | None]:
    """Return the rows of a file that may still be growing, up to the first damaged line behind the mark.

    Nothing counts on what stands behind the mark: a power cut may leave anything there, and going on with
    the run cuts it off.

    Parameters
    ----------
    path, mark, checked
        As for :func:`read`.

    Returns
    -------
    rows : list of dict
    damage : ConetError or None
        What is wrong with the line after them.

    Raises
    ------
    ConetError
        When the file is missing, shorter than the mark, or damaged before it.
    """
    data = _content(path, mark)
    rows = parse(path, data, mark, checked) if mark else []
    start = int(mark["bytes"]) if mark else 0
    try:
        for line in data[start:].split(b"\n")[:-1]:
            rows.append(_row(line, checked))
    except DAMAGE as error:
        return rows, damaged(path, error, _drops(path.parent) if mark else "")
    return rows, None


def _drops(run: Path) -> str:
    """Say what becomes of damage behind the last checkpoint of a run."""
    return (
        f"`{resume_command(run)} {run}` drops what was written after its last checkpoint, and writes it again"
    )


def _content(path: Path, mark: Mapping[str, Any] | None) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise incomplete(path) if mark else damaged(path, error) from None
    except OSError as error:
        raise damaged(path, error) from None


def parse(path: Path, data: bytes, mark: Mapping[str, Any], checked: bool) -> list[dict[str, Any]]:
    """Return the rows up to a mark."""
    size = int(mark["bytes"])
    if len(data) < size:
        reason = f"incomplete: {len(data)} of {size} bytes"
        raise damaged(path, ValueError(reason))
    if hashlib.sha256(data[:size]).hexdigest() != mark["sha256"]:
        raise damaged(path, ValueError("its content does not match its digest"))
    return _rows(path, data[:size], checked)


def _rows(path: Path, data: bytes, checked: bool) -> list[dict[str, Any]]:
    try:
        return [_row(line, checked) for line in data.split(b"\n")[:-1]]
    except DAMAGE as error:
        raise damaged(path, error) from None


def _row(line: bytes, checked: bool) -> dict[str, Any]:
    """Read a line.

    Raises
    ------
    ValueError, TypeError, RecursionError
        When it is damaged.
    """
    text = line.decode()
    row = json.loads(_verified(text) if checked else text)
    if not isinstance(row, dict):
        raise TypeError("a line is no JSON object")
    return row


def plain_rows(data: bytes) -> list[dict[str, Any]]:
    """Return the rows of a file that is checked as a whole, or not at all, without checksums of lines.

    A last line that is not finished is left out.

    Raises
    ------
    ValueError, TypeError, AttributeError
        When it is damaged.
    """
    rows = [json.loads(line) for line in data.decode().split("\n")[:-1]]
    for row in rows:
        row.pop("crc32", None)
    return rows


def _verified(line: str) -> str:
    body, _, check = line.rpartition(CHECK)
    text = body + "}"
    if str(zlib.crc32(text.encode())) != check.removesuffix("}"):
        raise ValueError("a line does not match its checksum")
    return text
