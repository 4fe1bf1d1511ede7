"""Following a training: a view in the terminal, the report, and a bell when it is time to heat."""

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from conet.base.digests import SUMMARY, directory_of
from conet.base.files import CannotWrite
from conet.base.lock import Busy
from conet.base.terminal import ring, tell, unfiltered
from conet.base.text import one_line
from conet.cli.reactions import Reactions
from conet.diagnosis import Diagnosis, Urgency
from conet.diagnosis.text import labelled
from conet.readers.collector import Collector
from conet.readers.places import NothingYet
from conet.rollouts import RolloutRecord

Look = Callable[[RolloutRecord], tuple[Diagnosis, str]]
CALM = (Urgency.NOTE, Urgency.STATE)  # headlines that are not set in bold
SHOWN = (
    "accuracy",
    "reward",
    "length",
    "truncated_share",
    "entropy",
    "kl",
)  # scalars, where there are no rollouts
REST = 2.0  # times as long as the last look took, at the least, until the next one


class View(Protocol):
    """Where the findings are shown."""

    def show(self, found: Diagnosis, report: str) -> None:
        """Show a new diagnosis, whose report is there."""

    def wait(self, why: str) -> None:
        """Say that there is nothing to show yet."""

    def rest(self, finished: bool) -> None:
        """Say that nothing has come in since what is shown."""

    def ring(self) -> None:
        """Ring the bell."""

    def note(self, text: str) -> None:
        """Say once what has happened."""


def follow(
    collector: Collector,
    look: Look,
    interval: float,
    refreshes: int | None,
    reactions: Reactions | None = None,
) -> None:
    """Look again and again until interrupted, or so many times.

    Parameters
    ----------
    collector
        Reads the run; opens only what is new.
    look
        Diagnoses what was read, writes the report, and returns the diagnosis and the report's path.
    interval
        Seconds between two looks; longer where a look itself takes long.
    refreshes
        How often to look; for ever where absent.
    reactions
        What to do when something happens.

    Raises
    ------
    NothingYet, Busy
        When the looks are used up and there never was anything to see, or a free moment to write it.
    """
    seen: object = None
    report = ""
    nothing: NothingYet | Busy | None = None
    reactions = Reactions() if reactions is None else reactions
    looks = 0
    with view() as shown:
        try:
            while refreshes is None or looks < refreshes:
                begun = time.monotonic()
                looks += 1
                try:
                    record = collector.read()
                    if state(record) != seen or not os.path.exists(report):
                        found, report = persistent(look, record)
                        seen = state(record)
                        shown.show(found, report)
                        announce(shown, found, report, reactions)
                    else:
                        shown.rest(is_finished(collector.path))
                except (NothingYet, Busy) as why:  # Busy: another command writes into the folder just now
                    shown.wait(str(why))
                    nothing = why
                if looks != refreshes:
                    time.sleep(max(interval, REST * (time.monotonic() - begun)))
        except KeyboardInterrupt:
            return
    if seen is None and nothing is not None:
        raise nothing


def announce(shown: View, found: Diagnosis, report: str, reactions: Reactions) -> None:
    """Ring once when it is time to heat, say each new emergency once, and react."""
    if reactions.first("time to heat", bool(found.findings["heat_now"])):
        shown.ring()
    for line in found.headlines:
        if line.urgency >= Urgency.WARNING and reactions.first(line.name, True):
            shown.note(labelled(line))
    for text in reactions.react(found, report):
        shown.note(text)


def persistent(look: Look, record: RolloutRecord) -> tuple[Diagnosis, str]:
    """Look, and once more where the folder of the report was deleted meanwhile: it is made anew."""
    try:
        return look(record)
    except CannotWrite as error:
        if error.path is None or error.path.parent.exists():
            raise
        return look(record)


def state(record: RolloutRecord) -> object:
    """What tells whether anything has come in, or has been written anew."""
    content = record.rows.hash_rows(seed=0).sum(), *_scalars(record)
    return record.rows.height, content, record.files, record.skipped, record.skipped_files, record.remarks


def _scalars(record: RolloutRecord) -> tuple[object, ...]:
    return () if record.scalars is None else (record.scalars.height, record.scalars.hash_rows(seed=0).sum())


def is_finished(path: Path) -> bool:
    """Whether it is a run of ours that has come to its end; another trainer's log does not say so."""
    run = directory_of(path)
    return run is not None and (run / SUMMARY).exists()


@contextmanager
def view() -> Iterator[View]:
    """A live view in a terminal, else plain lines."""
    if not sys.stdout.isatty():
        yield Plain()
        return
    from rich.console import Console
    from rich.live import Live

    with Live(console=Console(file=unfiltered(sys.stdout)), auto_refresh=False) as live:
        yield Terminal(live)


class Plain:
    """One line a look."""

    def __init__(self) -> None:
        self.step: int | None = None
        self.rested: set[bool] = set()  # what was said of it: that it waits, that the run is finished

    def show(self, found: Diagnosis, report: str) -> None:
        """Print the main findings."""
        numbers = found.findings
        self.step = numbers["last_step"]
        if numbers["samples"] is None:
            scalars = {name: part["last"] for name, part in numbers["scalars"].items()}
            known = [f"{name} {scalars[name]:.4g}" for name in SHOWN if name in scalars]
            print(
                "  ".join(
                    [f"step {numbers['last_step']}", f"stage {numbers['stage'] or 'undecided'}", *known]
                ),
                flush=True,
            )
            return
        heat = {True: "NOW", False: "not now", None: "undecided"}[numbers["heat_now"]]
        parts = [
            f"step {numbers['last_step']}",
            f"samples {numbers['samples']}",
            _level(numbers),
            f"stage {numbers['stage'] or 'undecided'}",
            f"V {numbers['v'] or 'unknown'}",
            f"heat {heat}",
            f"forgotten {numbers['forgotten']}",
        ]
        print("  ".join(parts), flush=True)

    def wait(self, why: str) -> None:
        """Print why there is nothing yet."""
        print(one_line(f"waiting: {why}"), flush=True)

    def rest(self, finished: bool) -> None:
        """Say each once: between the steps of a slow training it would be noise."""
        if finished not in self.rested:
            self.rested.add(finished)
            tell(f"nothing new since step {self.step}: {_waits(finished)}")

    def ring(self) -> None:
        """Ring."""
        ring()
        print("time to heat", flush=True)

    def note(self, text: str) -> None:
        """Print it."""
        print(one_line(text), flush=True)


def _waits(finished: bool) -> str:
    return "the run is finished; Ctrl-C ends" if finished else "waiting for more; Ctrl-C ends"


def _level(numbers: dict[str, Any]) -> str:
    """Say how high the accuracy is at the end; with partial credit, the mean reward."""
    if numbers["accuracy"] is None:
        return f"mean reward {numbers['mean_reward']['end']:.3f}"
    return f"accuracy {numbers['accuracy']['end']:.3f}"


class Terminal:
    """A table that is drawn again."""

    def __init__(self, live: Any) -> None:
        self.live = live
        self.panel: Any = None
        self.since = ""

    def show(self, found: Diagnosis, report: str) -> None:
        """Draw the findings."""
        from rich.console import Group
        from rich.panel import Panel
        from rich.table import Table
        from rich.text import Text

        from conet.diagnosis.text import subtitle

        rows = Table.grid(padding=(0, 2))
        for name, value, what in found.numbers:
            rows.add_row(Text(name, style="dim"), Text(value, style="bold"), Text(what, style="dim"))
        lines = [
            Text(one_line(line.text), style="" if line.urgency in CALM else "bold")
            for line in found.headlines
        ]
        self.since = f"{time.strftime('%H:%M:%S')}  {report}"
        body = Group(Text(one_line(subtitle(found))), *lines, Text(), rows)
        title = Text(one_line(found.findings["path"]))
        below = Text(one_line(f"{self.since}  Ctrl-C ends"))
        self.panel = Panel(body, title=title, subtitle=below)
        self.live.update(self.panel, refresh=True)

    def wait(self, why: str) -> None:
        """Say what is being waited for."""
        from rich.text import Text

        self.live.update(Text(one_line(f"waiting: {why}")), refresh=True)

    def rest(self, finished: bool) -> None:
        """Say it beneath the table."""
        from rich.text import Text

        if self.panel is not None:
            self.panel.subtitle = Text(one_line(f"{self.since}  {_waits(finished)}"))
            self.live.update(self.panel, refresh=True)

    def ring(self) -> None:
        """Ring the terminal's bell."""
        self.live.console.bell()

    def note(self, text: str) -> None:
        """Ring, and let it stand above the table."""
        from rich.text import Text

        self.live.console.bell()
        self.live.console.print(Text(one_line(text)))
