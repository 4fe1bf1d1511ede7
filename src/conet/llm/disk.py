"""What torch and safetensors raise where a file cannot be written, as one line.

Both write past Python: what they raise is no OSError, and torch's does not even say why.
"""

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from conet.base.files import cannot_write

# In the messages of its writer.
OF_TORCH = (
    "iostream error",
    "unexpected pos",
    "PytorchStreamWriter",
    "open file failed",
    "Parent directory ",
)
REASONS = (errno.ENOENT, errno.EACCES, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.EISDIR)
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
        raise cannot_write(place, _reason(text, place)) from None


def _reason(text: str, place: Path) -> OSError:
    """Return the reason that a message tells, or else what can be seen of the place."""
    told = re.search(r"os error (\d+)", text)
    number = int(told[1]) if told else next((one for one in REASONS if os.strerror(one) in text), None)
    if number is None and text.startswith("Parent directory "):
        number = errno.ENOENT
    if number is not None:
        return OSError(number, os.strerror(number))
    try:
        full = _left(place) < LEFT
    except OSError as error:  # the folder is there no more
        return error
    return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) if full else OSError(0, text)


def _left(place: Path) -> int:
    """Return how many bytes there are for files below a place."""
    found = os.statvfs(place)
    return found.f_bavail * found.f_frsize
