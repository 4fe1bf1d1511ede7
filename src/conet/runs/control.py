"""Steering a run while it trains: what was asked for is an event with its update, applied between updates.

Whoever steers appends a line to ``requests.jsonl`` in the run directory. The training looks there between two
updates, and keeps what it does in ``actions.jsonl`` before it does it. A run that is resumed goes by the
latter, from the number of actions that its checkpoint knows: so a steered run resumes bit for bit. The
checkpoint has the digest of the file, and the events behind it tell what was done since: where actions are
missing or others, the run is not resumed. Only a run that began with ``--control`` can be steered.
"""

import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from conet.base.errors import ConetError
from conet.base.files import cannot_write, damaged, digest, incomplete, sync, write_atomic
from conet.base.journal import line_of, read_sound
from conet.base.lock import Held
from conet.runs import steering
from conet.runs.requests import Requests
from conet.runs.tables import GROWING

if TYPE_CHECKING:
    from conet.runs.trainer import Trainer

REQUESTS, DONE = "requests.jsonl", "actions.jsonl"
LOOK = 0.1  # seconds between two looks of a run that is paused
NOTED = "control"  # in the provenance of a run that can be steered: the file of its actions


def can_be_steered(run: Path) -> bool:
    """Whether a run began with ``--control``."""
    return (run / DONE).is_file()


def ask(run: Path, action: str, value: float | None = None) -> None:
    """Ask a run that trains for an action; it comes between two updates.

    Parameters
    ----------
    run
        Its directory.
    action
        One of :data:`conet.runs.steering.ACTIONS`.
    value
        Updates of a heating; weight of the entropy bonus.

    Raises
    ------
    ConetError
        When there is no such action, the value does not fit, or the run cannot be steered.
    """
    if not can_be_steered(run):
        raise ConetError(f"{run}, which cannot be steered", "a run begun with --control", "begin another so")
    steering.check(action, value)
    line = json.dumps({"action": action, "value": value}).encode() + b"\n"
    _append(run / REQUESTS, line)


class Control:
    """What steers one training.

    Parameters
    ----------
    held
        The run directory. Its requests and actions are opened through it, so that a run whose directory was
        moved takes nobody's requests, and notes nothing in the run that stands there now.
    trainer
        A new one.
    begin
        Whether the run begins, and may be steered.
    """

    def __init__(self, held: Held, trainer: "Trainer", begin: bool) -> None:
        self.held, self.trainer = held, trainer
        self.run = run = held.path
        if begin:
            self._note(b"")
            sync(run)
        self.steerable = begin or _promised(run) or can_be_steered(run)
        self.rows: list[dict[str, Any]] = []
        self.done, self.paused = 0, False
        self._requests = Requests(run / REQUESTS, held.opener)

    def state(self) -> dict[str, Any]:
        """Return what a checkpoint keeps: how many actions were done, and the mark of those in the file."""
        if not self.steerable:
            return {"actions": 0}
        whole = self._content()
        return {"actions": self.done, "control": {"bytes": len(whole), "sha256": digest(whole)}}

    def read(self, state: Mapping[str, Any]) -> None:
        """Read the actions of a run that goes on, before anything in its directory is changed.

        Parameters
        ----------
        state
            Of the checkpoint; empty where there is none.

        Raises
        ------
        ConetError
            When actions that were done are missing, or are others, or the requests for them are.
        """
        self.done = int(state.get("actions", 0))
        if not self.steerable and not self.done:
            return
        path, told = self.run / DONE, _told(self.run, state.get("tables", {}).get("events"))
        if not path.exists():
            if told is not None:
                raise incomplete(path)
            self._note(b"")  # it was killed before its first update
        self.rows, _ = read_sound(path, state.get("control"))
        if len(self.rows) < self.done or not _begins(self.rows, told or []):
            raise damaged(path, ValueError("fewer or other actions than the run has done"))
        if self.rows:
            last = self.rows[-1]
            if "requests" not in last:
                raise damaged(path, ValueError("it does not say which requests were taken"))
            self._requests.go_on(last["requests"])
        whole = self._content()
        if path.stat().st_size != len(whole):  # what a loss of power left behind them
            self.held.check()
            write_atomic(path, whole)

    def restore(self) -> None:
        """Bring a new trainer to where the checkpoint goes on from, before it loads the state of that."""
        for row in self.rows[: self.done]:
            if not row.get("refused"):
                steering.restore(self.trainer, row)

    def finish(self) -> list[str]:
        """Leave the actions as they were done; return the names of files whose digests are to be noted."""
        if not self.steerable:
            return []
        self.held.check()
        write_atomic(self.run / DONE, self._content())
        return [DONE]

    def _content(self) -> bytes:
        return b"".join(line_of(row, checked=True) for row in self.rows)

    def between_updates(self, checkpoint: Callable[[], None], flush: Callable[[], None]) -> None:
        """Do again what was done here before, then what is asked for; wait while the run is paused.

        Parameters
        ----------
        checkpoint, flush
            Write a checkpoint, and the events.

        Raises
        ------
        KeyboardInterrupt
            When the run is to stop: a checkpoint has been written.
        """
        while self.done < len(self.rows) and self.rows[self.done]["step"] <= self.trainer.step:
            self._do(self.rows[self.done])
        if not self.steerable or self.done < len(self.rows):  # first all that was done before the end of then
            return
        stops = self._look(flush)
        while self.paused and not stops:
            time.sleep(LOOK)
            stops = self._look(flush)
        if stops:
            checkpoint()
            raise KeyboardInterrupt

    def _look(self, flush: Callable[[], None]) -> bool:
        """Do what has been asked for since; True where the run is to stop."""
        self.held.check()  # also while the run is paused, when nothing else looks
        asked = self._requests.new()
        for request in asked:
            row = {"step": self.trainer.step, **request}
            row["phase_index"] = self.trainer.tracker.phase_index
            try:
                steering.check(row["action"], row["value"])
                steering.check_now(self.trainer, row["action"])
            except ConetError as error:
                row["refused"] = str(error)
            self.rows.append(row)
            self._note(line_of(row, checked=True))
            self._do(row)
            if row.get("refused"):
                continue
            if row["action"] == "stop":
                flush()
                return True
            if row["action"] in ("pause", "go"):
                self.paused = row["action"] == "pause"
        if asked:
            flush()
        return False

    def _note(self, line: bytes) -> None:
        """Append to the actions, in the directory that is held."""
        _append(self.run / DONE, line, self.held.opener)

    def _do(self, row: dict[str, Any]) -> None:
        """Do one action, and note it as an event."""
        self.trainer.event("steered", **_known(row))
        self.done += 1
        if not row.get("refused"):
            steering.apply(self.trainer, row)


def _known(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the event of an action tells of it."""
    return {name: row[name] for name in ("action", "value", "refused") if row.get(name) is not None}


def _promised(run: Path) -> bool:
    """Whether a run was begun so that it can be steered, also where the file of its actions was lost."""
    try:
        return NOTED in json.loads((run / "provenance.json").read_bytes())
    except (OSError, ValueError, TypeError, RecursionError):
        return False  # the digest of the provenance is compared elsewhere


def _told(run: Path, mark: Mapping[str, Any] | None) -> list[Mapping[str, Any]] | None:
    """Return the events of actions, also behind the checkpoint; None where no update has begun."""
    path = run / GROWING["events"]
    if mark is None and not path.exists():
        return None
    return [row for row in read_sound(path, mark)[0] if row.get("event") == "steered"]


def _begins(rows: Sequence[Mapping[str, Any]], told: Sequence[Mapping[str, Any]]) -> bool:
    """Whether actions begin with those that events tell of; compared as text, in which NaN is itself."""
    ours = [json.dumps({"step": row["step"], **_known(row)}, sort_keys=True) for row in rows[: len(told)]]
    return ours == [json.dumps({"step": row["step"], **_known(row)}, sort_keys=True) for row in told]


def _append(path: Path, data: bytes, opener: Callable[[str, int], int] | None = None) -> None:
    try:
        with open(path, "ab", opener=opener) as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise cannot_write(path, error) from None
