"""The live line of everything that takes a while: what, how far, how it goes, time left; on stderr."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

PLAIN_EVERY = 5.0  # seconds between lines where there is no terminal
LIVE_EVERY = 0.1

# What is counted ("step"), how many are done, of how many, and how it goes, in a few words.
Show = Callable[[str, int, int, str], None]


@contextmanager
def line() -> Iterator[Show]:
    """Show how far something is: one live line, or a plain one every five seconds where there is no terminal.

    When another kind of thing is counted, time left is estimated anew.
    """
    if sys.stderr.isatty():
        with _live() as show:
            yield show
    else:
        yield _plain()


@contextmanager
def _live() -> Iterator[Show]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description} {task.completed}/{task.total}"), BarColumn(bar_width=20),
               TextColumn("{task.fields[state]}"), TimeRemainingColumn(compact=True), TextColumn("left"))  # fmt: skip
    with Progress(*columns, console=Console(stderr=True), refresh_per_second=8) as progress:
        tasks: dict[str, Any] = {}
        shown = 0.0

        def show(what: str, done: int, total: int, state: str = "") -> None:
            nonlocal shown
            now = time.monotonic()
            if what not in tasks:
                for task in tasks.values():
                    progress.update(task, visible=False)
                tasks[what] = progress.add_task(what, total=total, completed=done, state=state)
            if now - shown > LIVE_EVERY or done == total:
                shown = now
                progress.update(tasks[what], completed=done, total=total, state=state, visible=True)

        yield show


def _plain() -> Show:
    begun: dict[str, tuple[float, int]] = {}
    shown = time.monotonic()

    def show(what: str, done: int, total: int, state: str = "") -> None:
        nonlocal shown
        now = time.monotonic()
        # Not before the first is done: compilation comes first, and says nothing about the others.
        start, first = begun.setdefault(what, (now, done))
        if now - shown > PLAIN_EVERY and done > first:
            shown = now
            left = (now - start) / (done - first) * (total - done)
            parts = [f"{what} {done}/{total}", state, f"{left:.0f} s left"]
            print("  ".join(part for part in parts if part), file=sys.stderr, flush=True)

    return show
