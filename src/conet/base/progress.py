"""The live line of everything that takes a while: what, how far, how it goes, time left; on stderr.

It is a courtesy: a line that cannot be written is dropped, and what it tells of goes on.
"""

import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from conet.base.terminal import tell, unfiltered

PLAIN_EVERY = 5.0  # seconds between lines where there is no terminal
SILENT = 2.0  # seconds there without a line before something of which none has been told
LIVE_EVERY = 0.1
COLUMNS = 80  # of a line where nothing says how wide it may be
EVIDENCE = 1.0  # seconds of work, after the first piece, from which time left is first estimated

# What is counted ("update"), how many are done, of how many, and how it goes: parts, two blanks between them.
Show = Callable[[str, int, int, str], None]


@contextmanager
def line() -> Iterator[Show]:
    """Show how far something is: one live line, or where there is no terminal a plain one now and then.

    A plain line comes once two seconds have passed without one, of the same kind of thing every five seconds.
    In a notebook the line is an output of the cell. When another kind of thing is counted, time left is
    estimated anew.
    """
    shell = _notebook()
    if shell is not None:
        yield _every(LIVE_EVERY, _notebook_line(shell), COLUMNS)
    elif sys.stderr is not None and sys.stderr.isatty():
        with _live() as show:
            yield show
    else:
        yield _every(PLAIN_EVERY, tell, COLUMNS, at_end=False)


class Estimate:
    """Time left, from the newer half of what has been done.

    What comes first is slow: compilation, the first of every kind of measurement. So the first piece is
    left out, the older half is forgotten, and there is no estimate before a second of work.
    """

    def __init__(self) -> None:
        self.seen: deque[tuple[float, int]] = deque()
        self.start: tuple[float, int] | None = None

    def __call__(self, now: float, done: int, total: int) -> float | None:
        """Return the seconds left, or None while nothing can be said.

        Parameters
        ----------
        now
            Time in seconds, by any clock that goes on.
        done, total
            How many are done, of how many.
        """
        if self.start is None:
            self.start = now, done
        self.seen.append((now, done))
        middle = self.start[1] + (done - self.start[1]) / 2
        while len(self.seen) > 1 and self.seen[1][1] <= middle:
            self.seen.popleft()
        since, first = self.seen[0]
        if done <= first or now - self.start[0] < EVIDENCE:
            return None
        return (now - since) / (done - first) * (total - done)


def fitted(what: str, done: int, total: int, state: str, left: float | None, columns: int) -> str:
    """Put a line together that fits: parts of the state are left out from the end.

    Parameters
    ----------
    what, done, total, state
        As :data:`Show` takes them.
    left
        Seconds left, where they are known.
    columns
        Width of the line.
    """
    parts = [part for part in state.split("  ") if part]
    head, tail = f"{what} {done}/{total}", [] if left is None else [f"{duration(left)} left"]
    while parts and len("  ".join([head, *parts, *tail])) > columns:
        parts.pop()
    return "  ".join([head, *parts, *tail])[:columns]


def duration(seconds: float) -> str:
    """Say a time in one or two units.

    Examples
    --------
    >>> duration(7.4), duration(100), duration(7300)
    ('7 s', '1 min 40 s', '2 h 1 min')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s" if whole < 600 else f"{whole // 60} min"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def _every(seconds: float, write: Callable[[str], object], columns: int, at_end: bool = True) -> Show:
    """Return a way to show a line now and then, sooner the first of its kind, and at the end."""
    estimates: dict[str, Estimate] = {}
    shown, told = time.monotonic(), ""

    def show(what: str, done: int, total: int, state: str = "") -> None:
        nonlocal shown, told
        now = time.monotonic()
        left = estimates.setdefault(what, Estimate())(now, done, total)
        ended = done >= total
        if now - shown > (seconds if what == told else min(seconds, SILENT)) or (ended and at_end):
            shown, told = now, what
            write(fitted(what, done, total, state, None if ended else left, columns))

    return show


@contextmanager
def _live() -> Iterator[Show]:
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    console = Console(file=unfiltered(sys.stderr))
    with Live(console=console, auto_refresh=False, redirect_stdout=False) as live:

        def write(text: str) -> None:
            live.update(Text(text, no_wrap=True, overflow="crop"), refresh=True)

        yield _every(LIVE_EVERY, write, console.width - 1)


def in_notebook() -> bool:
    """Whether a notebook shows what this process prints."""
    return _notebook() is not None


def _notebook() -> Any:
    """Return the shell of the notebook that this runs in, or None."""
    module = sys.modules.get("IPython")
    shell = module.get_ipython() if module is not None else None
    return shell if hasattr(shell, "kernel") else None


def _notebook_line(shell: Any) -> Callable[[str], object]:
    """Return a way to write one line into the output of a notebook's cell, again and again."""
    display = sys.modules["IPython"].display.display
    handle: Any = None

    def write(text: str) -> None:
        nonlocal handle
        if handle is None:
            handle = display({"text/plain": text}, raw=True, display_id=True)
        else:
            handle.update({"text/plain": text}, raw=True)

    return write
