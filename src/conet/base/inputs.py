"""What is read: files that end, and not what a reader could wait for, or read, for ever."""

import os
import re
import stat
from pathlib import Path

from conet.base.errors import ConetError

# What the shell hands over to a command: its input, and the files of `<(…)`.
HANDED_OVER = re.compile(r"/dev/(stdin|fd/\d+)|/proc/(self|\d+)/fd/\d+")


def check_is_file(path: Path) -> None:
    """Refuse a pipe, a device or a socket where a file is expected.

    What the shell hands over, as /dev/stdin or /dev/fd/63, is taken whatever it is. What is not there, or
    cannot be looked at, is said by whoever opens it.

    Raises
    ------
    ConetError
        For a named pipe without a writer opening would never end, and reading a device might not.
    """
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):
        return
    if stat.S_ISREG(mode) or stat.S_ISDIR(mode) or HANDED_OVER.fullmatch(os.path.abspath(path)):
        return
    what = "a pipe" if stat.S_ISFIFO(mode) else "a socket" if stat.S_ISSOCK(mode) else "a device"
    remedy = "write it to a file first, or give it as /dev/stdin"
    raise ConetError(f"{path}, which is {what}", "a file", remedy)
