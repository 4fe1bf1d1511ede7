"""Live lines of what the command line does."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from conet.base.progress import line


@contextmanager
def cell_line() -> Iterator[Callable[[int, int], None]]:
    """Show how many cells are done."""
    with line() as show:
        yield lambda done, total: show("cell", done, total, "")
