"""Holding a folder, so that one process at a time writes into it: a run directory, or where output goes."""

import errno
import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from conet.base.errors import ConetError
from conet.base.files import cannot_write
from conet.base.kinds import LOCK, resume_command

NAME = LOCK
ASKED = 10  # tries, 5 ms apart, to lock the file
# What file systems say that lock no directories; the lock file alone has to do there.
_NO_LOCK = {errno.EBADF, errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS, errno.EINVAL}


class Busy(ConetError):
    """Another process holds a folder."""


class Held:
    """A folder that this process holds: a run directory, or where output goes.

    Both the directory and a file in it are locked: the first cannot be deleted from under the lock, the
    second works on file systems that lock no directories.

    Attributes
    ----------
    path : Path
    """

    def __init__(self, path: Path, directory: int, lock: int, *, alone: bool = False) -> None:
        self.path, self._directory, self._lock = path, directory, lock
        self._alone = alone  # nothing but the file is locked

    def check(self) -> None:
        """Make sure that the place is still the directory that is held, and that nobody else can hold it.

        Raises
        ------
        ConetError
            When the directory was moved or deleted: what stands there now belongs to someone else. When the
            file of the lock was, and the directory itself is not locked: another process may have got in.
        """
        command = resume_command(self.path, self._directory)
        if not self.in_place():
            raise ConetError(
                f"{self.path}, which is no longer the directory that this run was writing to",
                "a run directory that stays in its place while the run goes on",
                f"find where it was moved to, and go on there with `{command}`",
            )
        if self._alone and not _is_there(self._lock, self._directory):
            raise ConetError(
                f"{self.path / NAME}, which was deleted or replaced while the run goes on",
                "the lock of this run, which keeps other processes out",
                f"make sure that no other process works on the run, and go on with `{command}`",
            )

    def in_place(self) -> bool:
        """Whether the place is still the directory that is held."""
        held = os.fstat(self._directory)
        try:
            now = os.stat(self.path)
        except OSError:
            return False
        return (now.st_dev, now.st_ino) == (held.st_dev, held.st_ino)

    def opener(self, path: str, flags: int) -> int:
        """Open a file of the held directory, wherever that is now: an ``opener`` for ``open``."""
        return os.open(os.path.basename(path), flags | os.O_CLOEXEC, 0o666, dir_fd=self._directory)

    def release(self) -> None:
        """Let go; the file of the lock goes too, so that a directory at rest holds nothing hidden."""
        with suppress(OSError):
            if _is_there(self._lock, self._directory):
                os.unlink(NAME, dir_fd=self._directory)
        os.close(self._lock)
        os.close(self._directory)


def is_held(path: Path) -> bool:
    """Whether a process works on a run directory now, as far as can be told; nothing is changed by asking.

    The file of the lock is there as long as one does, and is left by one that was killed. Linux lists who
    holds what, but not under the numbers of every file system, nor of other containers. What is not listed
    is tried for an instant, shared, so that two who ask do not disturb each other.
    """
    try:
        lock = os.open(path / NAME, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        known = os.fstat(lock)
        if (os.major(known.st_dev), os.minor(known.st_dev), known.st_ino) in _listed_locks():
            return True
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(lock)
    return False


def _listed_locks() -> set[tuple[int, int, int]]:
    """Return device and inode of every file that is locked, as far as the system lists them."""
    try:
        with open("/proc/locks", encoding="ascii") as file:
            places = [line.split()[5 + ("->" in line)].split(":") for line in file]
        return {(int(major, 16), int(minor, 16), int(inode)) for major, minor, inode in places}
    except (OSError, ValueError, IndexError):
        return set()


@contextmanager
def exclusive(path: Path) -> Iterator[Held]:
    """Hold a folder; the system lets go of it when the process ends, however it ends.

    Raises
    ------
    Busy
        When another process holds it.
    ConetError
        When it cannot be written.
    """
    held = _hold(path)
    try:
        yield held
    finally:
        held.release()


def _hold(path: Path) -> Held:
    try:
        directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise cannot_write(path, error) from None
    alone = False
    try:
        try:
            fcntl.flock(directory, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in _NO_LOCK:
                raise
            alone = True
        return Held(path, directory, _lock_file(directory), alone=alone)
    except BlockingIOError:
        os.close(directory)
        got = f"{path}, which another process is working on"
        raise Busy(got, "a folder that nobody writes into now", "wait until it ends") from None
    except OSError as error:
        os.close(directory)
        raise cannot_write(path / NAME, error) from None


def _lock_file(directory: int) -> int:
    """Lock the file of that name in a directory; it is the one that stands there once it is locked.

    Somebody who asks whether the directory is held has it for an instant: that does not count.
    """
    tries = iter(range(ASKED))
    while True:
        lock = os.open(NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644, dir_fd=directory)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_there(lock, directory):
                return lock
        except BlockingIOError:
            if next(tries, None) is None:
                os.close(lock)
                raise
            time.sleep(0.005)
        except OSError:
            os.close(lock)
            raise
        os.close(lock)  # its holder let go of it meanwhile, and took it away


def _is_there(lock: int, directory: int) -> bool:
    """Whether an open file is the one that is called so in a directory."""
    mine = os.fstat(lock)
    try:
        there = os.stat(NAME, dir_fd=directory)
    except FileNotFoundError:
        return False
    return (mine.st_dev, mine.st_ino) == (there.st_dev, there.st_ino)
