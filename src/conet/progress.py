"""The live line of a training: step, accuracy, correct length, islands, degree, time left."""

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from conet.train import Progress

PLAIN_EVERY = 5.0  # seconds between lines where there is no terminal


@contextmanager
def training_line(steps: int, quiet: bool = False) -> Iterator[Progress]:
    """Show how a training goes, on stderr: one live line, or a plain one every five seconds.

    Parameters
    ----------
    steps
        Length of the run.
    quiet
        Show nothing.
    """
    if quiet:
        yield lambda row: None
    elif sys.stderr.isatty():
        with _live(steps) as show:
            yield show
    else:
        yield _plain(steps)


@contextmanager
def _live(steps: int) -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("step {task.completed}/{task.total}"), BarColumn(bar_width=20),
               TextColumn("{task.fields[state]}"), TimeRemainingColumn(compact=True), TextColumn("left"))  # fmt: skip
    with Progress(*columns, console=Console(stderr=True), refresh_per_second=8) as progress:
        task = progress.add_task("", total=steps, state="")
        last: dict[str, Any] = {}
        shown = 0.0

        def show(row: Mapping[str, Any]) -> None:
            nonlocal shown
            last.update({key: value for key, value in row.items() if value is not None})
            now = time.monotonic()
            if now - shown > 0.1 or row["step"] + 1 == steps:
                shown = now
                progress.update(task, completed=row["step"] + 1, state=describe(last))

        yield show


def _plain(steps: int) -> Progress:
    begun: float | None = None
    first, shown = 0, time.monotonic()
    last: dict[str, Any] = {}

    def show(row: Mapping[str, Any]) -> None:
        nonlocal shown, begun, first
        last.update({key: value for key, value in row.items() if value is not None})
        now = time.monotonic()
        done = row["step"] + 1
        if begun is None:  # not before: compilation comes first, and says nothing about the steps
            begun, first = now, done
        if now - shown > PLAIN_EVERY and done > first:
            shown = now
            left = (now - begun) / (done - first) * (steps - done)
            print(f"step {done}/{steps}  {describe(last)}  {left:.0f} s left", file=sys.stderr, flush=True)

    return show


@contextmanager
def cell_line() -> Iterator[Callable[[int, int], None]]:
    """Show how many cells are done, on stderr: one live line, or a plain one every five seconds."""
    if not sys.stderr.isatty():
        yield _plain_cells()
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("cell {task.completed}/{task.total}"), BarColumn(bar_width=30),
               TimeRemainingColumn(compact=True), TextColumn("left"))  # fmt: skip
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("", total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


def _plain_cells() -> Callable[[int, int], None]:
    shown = time.monotonic()

    def show(done: int, total: int) -> None:
        nonlocal shown
        if time.monotonic() - shown > PLAIN_EVERY:
            shown = time.monotonic()
            print(f"cell {done}/{total}", file=sys.stderr, flush=True)

    return show


def describe(row: Mapping[str, Any]) -> str:
    """Put the main numbers of a row of metrics into one line."""
    parts = [f"accuracy {row['accuracy']:.3f}"]
    if row.get("correct_length") is not None:
        parts.append(f"correct length {row['correct_length']:.2f}")
    if row.get("islands") is not None:
        parts.append(f"islands {row['islands']:.0f}")
        parts.append(f"⟨k⟩ {row['mean_degree']:.2f}")
    return "  ".join(parts)
