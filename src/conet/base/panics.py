"""Panics of libraries written in Rust: errors like any other, and nothing of them on the terminal."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO


class Panic(Exception):
    """A library panicked, as over a file that it takes for something else."""


@contextmanager
def panics_as_errors() -> Iterator[None]:
    """Turn a panic into :class:`Panic`; what it writes on file descriptor 2 is dropped.

    Python sees a panic as a BaseException, which no ``except Exception`` catches, and the report of it goes
    past ``sys.stderr``. What is written there without a panic is passed on at the end.

    Raises
    ------
    Panic
        In the place of a panic.
    """
    with _held_back() as written:
        try:
            yield
        except BaseException as error:
            if type(error).__name__ != "PanicException":
                raise
            written.clear()
            raise Panic(" ".join(str(error).split())) from None


@contextmanager
def _held_back() -> Iterator[set[str]]:
    """Hold back what is written on file descriptor 2; it is passed on where the set still holds "pass on"."""
    wanted = {"pass on"}
    with suppress(OSError, ValueError):
        sys.stderr.flush()
    try:
        real = os.dup(2)
    except OSError:  # it is closed
        yield wanted
        return
    with _anonymous() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield wanted
        finally:
            with suppress(OSError, ValueError):
                sys.stderr.flush()
            os.dup2(real, 2)
            held.seek(0)
            if wanted and (text := held.read()):
                with suppress(OSError):
                    os.write(2, text)
            os.close(real)


def _anonymous() -> IO[bytes]:
    """Return a file without a name; in memory where the system has such."""
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("held back"), "w+b")
    return tempfile.TemporaryFile()
