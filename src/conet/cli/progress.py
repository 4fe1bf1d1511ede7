"""Live lines of what the command line does."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from conet.base.progress import line


@contextmanager
def cell_line() -> Iterator[Callable[[int, int], None]]:
    """Show how many cells are done."""
    with line() as show:
        yield lambda done, total: show("cell", done, total, "")


@contextmanager
def search_line(quiet: float) -> Iterator[Callable[[int, int, int], None]]:
    """Show how far a search is, and how many problems it has solved, once it takes longer than a moment.

    Parameters
    ----------
    quiet
        Seconds of which nothing is shown.
    """
    with ExitStack() as opened:
        started, show = time.monotonic(), None

        def progress(made: int, of: int, solved: int) -> None:
            nonlocal show
            if show is None and time.monotonic() - started > quiet:
                show = opened.enter_context(line())
            if show is not None:
                show("move", made, of, f"solved {solved}")

        yield progress
