"""What a watcher does when something happens: run a command that pages someone, or stops the job."""

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from conet.base.errors import ConetError
from conet.base.terminal import tell
from conet.diagnosis import Diagnosis, Urgency

Event = Literal["collapsed", "heat", "truncated"]
EVENTS: tuple[Event, ...] = ("collapsed", "heat", "truncated")
LONGEST = 600.0  # seconds that a command may take


def happened(found: Diagnosis) -> list[Event]:
    """Return which events are there in a diagnosis."""
    urgent = {line.name for line in found.headlines if line.urgency >= Urgency.WARNING}
    numbers = found.findings
    there = {
        "collapsed": numbers["stage"] == "collapsed",
        "heat": bool(numbers["heat_now"]),
        "truncated": "truncated" in urgent,
    }
    return [event for event in EVENTS if there[event]]


@dataclass
class Reactions:
    """Runs a command, once for each event that it was asked for.

    Attributes
    ----------
    on : sequence of str
    command : sequence of str
        With its arguments; empty for none.
    done, said : set of str
        Events that the command was run for; what was announced.
    """

    on: Sequence[Event] = ()
    command: Sequence[str] = ()
    done: set[Event] = field(default_factory=set)
    said: set[str] = field(default_factory=set)

    def first(self, name: str, there: bool) -> bool:
        """Whether something is there for the first time."""
        new = there and name not in self.said
        if new:
            self.said.add(name)
        return new

    def react(self, found: Diagnosis, report: str) -> list[str]:
        """Run the command where an event is new; return what was done, in lines.

        The command finds ``CONET_EVENT``, ``CONET_STEP``, ``CONET_PATH`` and ``CONET_REPORT`` in its
        environment. What it prints goes where it goes for the watcher itself.
        """
        lines = []
        for event in happened(found):
            if event in self.done or event not in self.on:
                continue
            self.done.add(event)
            lines.append(f"{event}: {self._run(event, found, report)}")
        return lines

    def _run(self, event: Event, found: Diagnosis, report: str) -> str:
        numbers = found.findings
        told = {"EVENT": event, "STEP": numbers["last_step"], "PATH": numbers["path"], "REPORT": report}
        environment = os.environ | {f"CONET_{name}": str(value) for name, value in told.items()}
        try:
            done = subprocess.run(
                list(self.command), env=environment, stdin=subprocess.DEVNULL, timeout=LONGEST, check=False
            )
        except (OSError, ValueError, subprocess.TimeoutExpired) as error:
            reason = f"{self.command[0]} could not be run: {type(error).__name__}: {error}"
            tell(f"conet: {reason}")
            return reason
        return f"ran {self.command[0]}, which returned {done.returncode}"


def reactions(on: Sequence[Event] | None, command: Sequence[str]) -> Reactions:
    """Check what was asked for.

    Raises
    ------
    ConetError
        For an event without a command, or a command without an event.
    """
    if bool(on) != bool(command):
        got = f"--on {' '.join(on)} without a command" if on else f"a command ({command[0]}) without --on"
        raise ConetError(got, "both", f"conet watch PATH --on {'|'.join(EVENTS)} -- COMMAND")
    return Reactions(tuple(on or ()), tuple(command))
