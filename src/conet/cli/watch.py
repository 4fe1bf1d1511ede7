"""Following a training: a view in the terminal, the report, and a bell when it is time to heat."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from conet.readers import Collector, Record
from conet.readers.places import NothingYet

REST = 2.0  # times as long as the last look took, at the least, until the next one


class View(Protocol):
    """Where the findings are shown."""

    def show(self, found: dict[str, Any]) -> None:
        """Show new findings."""

    def wait(self, why: str) -> None:
        """Say that there is nothing to show yet."""

    def ring(self) -> None:
        """Ring the bell."""


def follow(collector: Collector, out: Path, interval: float, refreshes: int | None) -> None:
    """Look again and again until interrupted, or so many times.

    Parameters
    ----------
    collector
        Reads the run; opens only what is new.
    out
        Where the report goes.
    interval
        Seconds between two looks; longer where a look itself takes long.
    refreshes
        How often to look; for ever where absent.
    """
    from conet.diagnosis import diagnose, write
    from conet.report.diagnosis import write as page

    seen: object = None
    rung = False
    looks = 0
    with view() as shown:
        try:
            while refreshes is None or looks < refreshes:
                begun = time.monotonic()
                looks += 1
                try:
                    record = collector.read()
                except NothingYet as why:
                    shown.wait(str(why))
                else:
                    if state(record) != seen:
                        seen = state(record)
                        found = write(diagnose(record), out, page)
                        shown.show(found)
                        if found["heat_now"] and not rung:
                            rung = True
                            shown.ring()
                if looks != refreshes:
                    time.sleep(max(interval, REST * (time.monotonic() - begun)))
        except KeyboardInterrupt:
            return


def state(record: Record) -> object:
    """What tells whether anything has come in, or has been written anew."""
    content = record.rows.hash_rows(seed=0).sum()
    return record.rows.height, content, record.files, record.skipped, record.skipped_files, record.remarks


@contextmanager
def view() -> Iterator[View]:
    """A live view in a terminal, else plain lines."""
    if not sys.stdout.isatty():
        yield Plain()
        return
    from rich.live import Live

    with Live(auto_refresh=False) as live:
        yield Terminal(live)


class Plain:
    """One line a look."""

    def show(self, found: dict[str, Any]) -> None:
        """Print the main findings."""
        heat = {True: "NOW", False: "not now", None: "undecided"}[found["heat_now"]]
        parts = [
            f"step {found['last_step']}", f"samples {found['samples']}", f"accuracy {found['accuracy']['end']:.3f}",
            f"stage {found['stage'] or 'undecided'}", f"V {found['v'] or 'unknown'}", f"heat {heat}",
            f"forgotten {found['forgotten']}",
        ]  # fmt: skip
        print("  ".join(parts), flush=True)

    def wait(self, why: str) -> None:
        """Print why there is nothing yet."""
        print(f"waiting: {why}", flush=True)

    def ring(self) -> None:
        """Ring."""
        print("\atime to heat", flush=True)


class Terminal:
    """A table that is drawn again."""

    def __init__(self, live: Any) -> None:
        self.live = live

    def show(self, found: dict[str, Any]) -> None:
        """Draw the findings."""
        from rich.console import Group
        from rich.panel import Panel
        from rich.table import Table
        from rich.text import Text

        from conet.report.diagnosis import advice, headline, subtitle

        rows = Table.grid(padding=(0, 2))
        for name, value, what in headline(found):
            rows.add_row(Text(name, style="dim"), Text(value, style="bold"), Text(what, style="dim"))
        lines = [Text(line, style="bold" if found["heat_now"] else "") for line in advice(found)]
        below = f"{time.strftime('%H:%M:%S')}  {found['report']}  Ctrl-C ends"
        body = Group(Text(subtitle(found)), *lines, Text(), rows)
        self.live.update(Panel(body, title=Text(found["path"]), subtitle=Text(below)), refresh=True)

    def wait(self, why: str) -> None:
        """Say what is being waited for."""
        from rich.text import Text

        self.live.update(Text(f"waiting: {why}"), refresh=True)

    def ring(self) -> None:
        """Ring the terminal's bell."""
        self.live.console.bell()
