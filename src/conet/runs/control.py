"""Steering a run while it trains: what was asked for is an event with its update, applied between updates.

Whoever steers appends a line to ``requests.jsonl`` in the run directory. The training looks there between two
updates, and keeps what it does in ``actions.jsonl`` before it does it. A run that is resumed goes by the
latter, from the number of actions that its checkpoint knows: so a steered run resumes bit for bit. Only a run
that began with ``--control`` has the file, and can be steered.
"""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from conet.base.errors import ConetError
from conet.base.files import cannot_write, sync, write_atomic
from conet.base.journal import line_of, read_sound
from conet.runs import steering

if TYPE_CHECKING:
    from conet.runs.trainer import Trainer

Action = Literal["pause", "go", "heat", "temperature", "stop"]
ACTIONS: tuple[str, ...] = get_args(Action)
REQUESTS, DONE = "requests.jsonl", "actions.jsonl"
LOOK = 0.1  # seconds between two looks of a run that is paused


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
        One of ``ACTIONS``.
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
    run
        The run directory, which this process holds.
    trainer
        A new one.
    begin
        Whether the run begins, and may be steered.
    """

    def __init__(self, run: Path, trainer: "Trainer", begin: bool) -> None:
        self.run, self.trainer = run, trainer
        if begin:
            _append(run / DONE, b"")
            sync(run)
        self.steerable = can_be_steered(run)
        self.rows = _sound(run / DONE) if self.steerable else []
        self.done, self.paused = 0, False
        self._requests = max((row["request"] + 1 for row in self.rows), default=0)
        self._seen = 0  # bytes of the requests

    def restore(self, done: int) -> None:
        """Bring a new trainer to where a checkpoint goes on from, before it loads the state of that.

        Parameters
        ----------
        done
            How many actions the checkpoint knows.
        """
        self.done = done
        for row in self.rows[:done]:
            if not row.get("refused"):
                steering.restore(self.trainer, row)

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
        asked = self._asked()
        for request in asked:
            row = {"step": self.trainer.step, "request": self._requests, **request}
            row["phase_index"] = self.trainer.tracker.phase_index
            self._requests += 1
            try:
                steering.check(row["action"], row["value"])
                steering.check_now(self.trainer, row["action"])
            except ConetError as error:
                row["refused"] = str(error)
            self.rows.append(row)
            _append(self.run / DONE, line_of(row, checked=True))
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

    def _do(self, row: dict[str, Any]) -> None:
        """Do one action, and note it as an event."""
        known = {name: row[name] for name in ("action", "value", "refused") if row.get(name) is not None}
        self.trainer.event("steered", **known)
        self.done += 1
        if not row.get("refused"):
            steering.apply(self.trainer, row)

    def _asked(self) -> list[dict[str, Any]]:
        """Return the requests that are new; a line that is not finished waits, a broken one is refused."""
        try:
            with (self.run / REQUESTS).open("rb") as file:
                if os.fstat(file.fileno()).st_size <= self._seen:
                    return []
                data = file.read()
        except OSError:
            return []
        lines = data.split(b"\n")[:-1]
        self._seen = sum(len(line) + 1 for line in lines)
        return [_request(line) for line in lines[self._requests :]]


def _request(line: bytes) -> dict[str, Any]:
    try:
        row = json.loads(line)
        return {"action": str(row["action"]), "value": row.get("value")}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {"action": "unknown", "value": None}


def _sound(path: Path) -> list[dict[str, Any]]:
    """Return the actions that were kept whole, and cut off what a loss of power left behind them."""
    rows, _ = read_sound(path)
    whole = b"".join(line_of(row, checked=True) for row in rows)
    if path.stat().st_size != len(whole):
        write_atomic(path, whole)
    return rows


def _append(path: Path, data: bytes) -> None:
    try:
        with path.open("ab") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise cannot_write(path, error) from None
