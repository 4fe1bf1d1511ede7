"""What is said, and what is left, where a training ends early: the same for walks and language models."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from conet.base.digests import is_run
from conet.base.errors import ConetError, Interrupted
from conet.base.files import CannotWrite
from conet.base.kinds import resume_command
from conet.base.lock import NAME, Held, exclusive


@contextmanager
def saying_where(held: Held) -> Iterator[None]:
    """Tell whoever ends a training, or has to make room for it, where it goes on."""
    try:
        yield
    except KeyboardInterrupt:
        raise Interrupted(held.path) from None
    except CannotWrite as error:
        raise error.then(f"{resume_command(held.path)} {held.path}") from None


@contextmanager
def without_lock(path: Path) -> Iterator[None]:
    """Remove the lock that a killed process left in a run directory, where going on with it is refused."""
    try:
        yield
    except ConetError:
        if is_run(path) and (path / NAME).exists():  # else it is somebody else's
            with suppress(ConetError), exclusive(path):  # the lock goes when it is let go of
                pass
        raise


@contextmanager
def leaving_nothing(held: Held, begun: Callable[[Path], bool]) -> Iterator[None]:
    """Remove a run that failed before anything of it could be resumed: its place will be wanted again.

    Parameters
    ----------
    begun
        Whether a run directory holds something to go on from.
    """
    try:
        with saying_where(held):
            yield
    except Exception as error:
        # What stands there after it was moved away is somebody else's.
        if held.in_place() and not isinstance(error, CannotWrite) and not begun(held.path):
            shutil.rmtree(held.path, ignore_errors=True)
        raise
