"""What is asked of a run that trains: lines that others append to a file, each taken once."""

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from conet.base.files import damaged, digest

START: Mapping[str, Any] = {"bytes": 0, "sha256": digest(b"")}
WITH_VALUE = ("heat", "temperature")


class Requests:
    """The requests of one run.

    A file that was deleted and written anew, or cut, is another one, and is read from its beginning: so no
    request to stop is lost. After an interruption nobody knows whether a file that does not begin with what
    was taken is another one or damaged: :meth:`go_on` refuses it.

    Parameters
    ----------
    path
        The file, which need not exist.
    opener
        Opens it, as for ``open``: the run's own, wherever its directory is by now.

    Attributes
    ----------
    mark : mapping
        Up to where requests were taken: ``bytes`` of the file, and the ``sha256`` of these.
    """

    def __init__(self, path: Path, opener: Callable[[str, int], int] | None = None) -> None:
        self.path, self.mark, self._opener = path, START, opener
        self._file: tuple[int, int, int] | None = None  # inode, bytes and time of change when last read

    def go_on(self, mark: Mapping[str, Any]) -> None:
        """Go on behind what was taken before an interruption.

        Raises
        ------
        ConetError
            When the file is there, and does not begin with it.
        """
        self.mark = mark
        try:
            with open(self.path, "rb", opener=self._opener) as file:
                data = file.read()
        except OSError:
            return
        if digest(data[: mark["bytes"]]) != mark["sha256"]:
            reason = "it does not begin with the requests that the run has taken"
            raise damaged(self.path, ValueError(reason), "delete it, and ask again for what is still wanted")

    def new(self) -> list[dict[str, Any]]:
        """Return the requests that are new, each with the mark behind it, as ``requests``.

        A line that is not finished waits; of one that cannot be read the action is "unknown".
        """
        try:
            with open(self.path, "rb", opener=self._opener) as file:
                found = os.fstat(file.fileno())
                now = found.st_ino, found.st_size, found.st_mtime_ns
                if now == self._file:
                    return []
                data = file.read()
        except FileNotFoundError:
            self.mark, self._file = START, None
            return []
        except OSError:
            return []
        another = self._file is not None and self._file[0] != now[0]
        if another or digest(data[: self.mark["bytes"]]) != self.mark["sha256"]:
            self.mark = START
        self._file = now
        return self._taken(data)

    def _taken(self, data: bytes) -> list[dict[str, Any]]:
        """Take the lines behind the mark."""
        end = self.mark["bytes"]
        known, found = hashlib.sha256(data[:end]), []
        for line in data[end:].split(b"\n")[:-1]:
            known.update(line + b"\n")
            end += len(line) + 1
            self.mark = {"bytes": end, "sha256": known.hexdigest()}
            found.append(_request(line) | {"requests": self.mark})
        return found


def _request(line: bytes) -> dict[str, Any]:
    try:
        row = json.loads(line)
        action, value = row["action"], row.get("value")
        if isinstance(action, str):
            return {"action": action, "value": value if action in WITH_VALUE else None}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        pass
    return {"action": "unknown", "value": None}
