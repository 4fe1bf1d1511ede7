"""Panics of libraries written in Rust: errors like any other, and nothing of them on the terminal."""

import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class Panic(Exception):
    """A library panicked, as over a file that it takes for something else."""


@contextmanager
def panics_as_errors() -> Iterator[None]:
    """Turn a panic into :class:`Panic`; what it writes on file descriptor 2 is dropped.

    Python sees a panic as a BaseException, which no ``except Exception`` catches, and the report of it goes
    past ``sys.stderr``. What is written there without a panic is passed on at the end; while a panic is being
    reported, what another thread writes there is lost with it.

    Raises
    ------
    Panic
        In the place of a panic.
    """
    begun = _held.begin()
    try:
        yield
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        _held.drop(begun)
        raise Panic(" ".join(str(error).split())) from None
    finally:
        _held.end()


class _HeldBack:
    """File descriptor 2 of the process, held back as long as anyone wants it, in any thread."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.wanted = 0
        self.real: int | None = None  # the descriptor itself meanwhile; None where there is none
        self.file = -1  # what is held back

    def begin(self) -> int:
        """Hold it back, and return how much is held back already."""
        with self.lock:
            self.wanted += 1
            if self.wanted == 1:
                _flush()
                with suppress(OSError):  # it is closed
                    self.real = os.dup(2)
                    self.file = _anonymous()
                    os.dup2(self.file, 2)
            return 0 if self.real is None else os.lseek(self.file, 0, os.SEEK_CUR)

    def drop(self, begun: int) -> None:
        """Forget what has been held back since."""
        with self.lock:
            if self.real is not None:
                os.ftruncate(self.file, begun)
                os.lseek(self.file, begun, os.SEEK_SET)

    def end(self) -> None:
        """Pass on what is held back, once nobody wants it any more."""
        with self.lock:
            self.wanted -= 1
            if self.wanted or self.real is None:
                return
            _flush()
            os.dup2(self.real, 2)
            size = os.lseek(self.file, 0, os.SEEK_CUR)
            if size:
                with suppress(OSError):
                    os.write(2, os.pread(self.file, size, 0))
            os.close(self.real)
            os.close(self.file)
            self.real = None


_held = _HeldBack()


def _flush() -> None:
    with suppress(OSError, ValueError, AttributeError):
        sys.stderr.flush()


def _anonymous() -> int:
    """Return a file without a name; in memory where the system has such."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("held back")
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())
