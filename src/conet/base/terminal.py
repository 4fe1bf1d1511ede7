"""The standard streams of the command line: no foreign control characters, and no stream ends a run.

What is shown on stderr is a courtesy: where it cannot be written it is dropped. What is printed on stdout
is the result: where it cannot be written that is an error, unless its reader has seen enough.
"""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from conet.base.errors import ConetError
from conet.base.text import one_line, visible

_noted: set[str] = set()


class ReaderGone(BaseException):
    """Whoever read the standard output has closed it; no failure of ours, and no reason to go on printing."""


class Stream:
    """A standard stream with its own way to fail.

    Parameters
    ----------
    raw
        The stream behind it.
    failed
        Called with what went wrong when the stream cannot be written; afterwards everything is dropped.
    filtered
        Whether control characters are written out. Off where a library draws with them: what it draws has
        gone through :func:`conet.base.text.one_line`.
    """

    def __init__(self, raw: IO[str], failed: Callable[[Exception], None], filtered: bool = True) -> None:
        self.raw, self.failed, self.filtered, self.lost = raw, failed, filtered, False

    def write(self, text: str) -> int:
        """Write a text, or drop it."""
        self._try(self.raw.write, visible(text) if self.filtered else text)
        return len(text)

    def flush(self) -> None:
        """Write what is still held back, or drop it."""
        self._try(self.raw.flush)

    def _try(self, action: Callable[..., object], *arguments: object) -> None:
        if self.lost:
            return
        try:
            action(*arguments)
        except (OSError, ValueError) as error:  # ValueError: a stream that was closed
            self.lost = True
            _to_nowhere(self.raw)
            self.failed(error)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.raw, name)


def _to_nowhere(stream: IO[str]) -> None:
    """Let what the stream still holds go nowhere, or the interpreter would fail on it at its end."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def dropped(error: Exception) -> None:
    """Take a failure as no reason to do anything."""


def refused(error: Exception) -> None:
    """Say that the result could not be printed.

    Raises
    ------
    ReaderGone
        When the reader has closed the pipe.
    ConetError
        Otherwise, as for a full device.
    """
    if isinstance(error, BrokenPipeError):
        raise ReaderGone from None
    reason = getattr(error, "strerror", None) or str(error)
    raise ConetError(
        f"the standard output: {reason}", "a place that takes the output", "free space, or print elsewhere"
    )


def is_standard_output(path: Path) -> bool:
    """Whether a path, such as ``/dev/stdout``, leads to the standard output of this process."""
    try:
        return os.path.samestat(os.stat(path), os.fstat(1))
    except OSError:
        return False


def print_bytes(data: bytes) -> None:
    """Print a file on the standard output, as it is.

    Raises
    ------
    ReaderGone
        When the reader has closed the pipe.
    ConetError
        When it cannot be printed otherwise.
    """
    sys.stdout.flush()
    view = memoryview(data)
    try:
        while view:
            view = view[os.write(1, view) :]
    except OSError as error:
        refused(error)


def unfiltered(stream: Any) -> Any:
    """Return a stream for a library that draws with escape sequences, and that no failure to write ends.

    Parameters
    ----------
    stream
        ``sys.stdout`` or ``sys.stderr``, as it is or guarded.
    """
    if isinstance(stream, Stream):
        return Stream(stream.raw, stream.failed, filtered=False)
    return Stream(stream, dropped, filtered=False)


@contextmanager
def guarded() -> Iterator[None]:
    """Guard the standard streams while a command runs.

    A stream that was closed before the process began gets a place to write to: otherwise the next file
    that is opened would take its number, and receive what was meant for the terminal.
    """
    _open_closed()
    before = sys.stdout, sys.stderr
    for stream in before:
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # a terminal that lacks a sign is no reason to fail
    sys.stdout, sys.stderr = Stream(before[0], refused), Stream(before[1], dropped)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


def _open_closed() -> None:
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            if os.open(os.devnull, os.O_RDWR) != number:  # taken meanwhile by something else
                continue
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115


def tell(text: str, *, once: bool = False) -> None:
    """Print a line on stderr; where it cannot be written it is dropped.

    Parameters
    ----------
    text
        The line.
    once
        Whether to print it at most once in this process.
    """
    if once:
        if text in _noted:
            return
        _noted.add(text)
    if sys.stderr is not None:
        with suppress(OSError, ValueError):
            print(one_line(text), file=sys.stderr, flush=True)


def ring() -> None:
    """Ring the terminal's bell."""
    out = unfiltered(sys.stdout)
    out.write("\a")
    out.flush()
