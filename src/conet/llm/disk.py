"""What torch and safetensors raise where a file cannot be written, as one line.

Both write past Python: what they raise is no OSError, and torch's does not even say why.
"""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from conet.base.files import cannot_write

OF_TORCH = ("iostream error", "unexpected pos", "PytorchStreamWriter")  # in the messages of its writer
LEFT = 2**20  # bytes: a disk with fewer is full for any checkpoint


@contextmanager
def said_when_full(place: Path) -> Iterator[None]:
    """Say in one line that something below a place could not be written.

    Raises
    ------
    CannotWrite
        In the place of what the libraries raise.
    """
    try:
        yield
    except Exception as error:
        text = " ".join(str(error).split())
        of_torch = isinstance(error, RuntimeError) and any(words in text for words in OF_TORCH)
        of_safetensors = type(error).__name__ == "SafetensorError" and "I/O error" in text
        if not of_torch and not of_safetensors:
            raise
        full = "os error 28" in text or _left(place) < LEFT
        reason = (errno.ENOSPC, os.strerror(errno.ENOSPC)) if full else (0, text)
        raise cannot_write(place, OSError(*reason)) from None


def _left(place: Path) -> int:
    """Return how many bytes there are for files below a place."""
    found = os.statvfs(place)
    return found.f_bavail * found.f_frsize
