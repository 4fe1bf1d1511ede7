"""Power loss: of all that was not fsynced, any part may be missing afterwards.

A run is recorded operation by operation. A crash at some moment leaves: of each file what it held at its last
fsync, and any part of what was written since, the last write perhaps torn or as zeros; of each directory the
names at its last fsync, and any of the changes since, in their order, each as a whole.
"""

import os
import random
import shutil
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fault_kinds import shim
from fault_kinds.case import Bench, Kind
from fault_kinds.processes import Called, Died, Fault, call, in_child
from fault_kinds.worlds import (
    COMMANDS,
    STEERED_STOPPED,
    STOPPED,
    contents,
    difference,
    hidden,
    tree,
)

ACTORS = ("run", "resume", "resume steered")
EVEN = 1000  # up to this number the first two, then the last one
MADE = {"run": "new", "resume": STOPPED, "resume steered": STEERED_STOPPED}


@dataclass(frozen=True)
class Step:
    """One operation on a path below the slot, and what belongs to it."""

    operation: str
    path: str
    detail: Any


class Record(shim.Hook):
    """Writes down every operation once it is done."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self._lock = threading.Lock()

    def before(self, operation: str, path: str, detail: Any) -> None:
        if operation == "unlink":  # in time: another thread may make the name anew
            self._note("unlink", path, None)

    def after(self, operation: str, path: str, detail: Any) -> None:
        if operation == "open":
            mode, made = detail
            if made or "w" in mode:
                self._note("open", path, ("w" in mode, made))
        elif operation != "unlink":
            self._note(operation, path, bytes(detail) if operation == "write" else detail)

    def _note(self, operation: str, path: str, detail: Any) -> None:
        with self._lock:
            self.steps.append(Step(operation, path, detail))


@dataclass
class File:
    """What a file may hold: what is sure, and the contents it went through since."""

    sure: bytes = b""
    since: list[bytes] = field(default_factory=list)

    @property
    def now(self) -> bytes:
        return self.since[-1] if self.since else self.sure

    def after_a_crash(self, rng: random.Random) -> bytes:
        """Return what is there when the power is back."""
        if not self.since or rng.random() < 0.25:
            return self.now
        chosen = rng.choice([self.sure, *self.since])
        tail = len(chosen) - len(self.sure)
        if tail > 0 and rng.random() < 0.5:  # the last write is torn, or its blocks were never filled
            kept = len(self.sure) + rng.randrange(tail)
            chosen = chosen[:kept] + (b"\0" * (len(chosen) - kept) if rng.random() < 0.3 else b"")
        return chosen


@dataclass
class Folder:
    """What names a directory may have: those that are sure, and the changes since."""

    sure: dict[str, Any] = field(default_factory=dict)
    since: list[tuple[tuple[str, Any], ...]] = field(default_factory=list)

    def change(self, *changes: tuple[str, Any]) -> None:
        """Set names to what they are, None for gone; all of these or none are there after a crash."""
        self.since.append(changes)

    def settled(self) -> None:
        """Make sure of everything so far."""
        self.sure, self.since = self.names(self.since), []

    def names(self, changes: list[tuple[tuple[str, Any], ...]]) -> dict[str, Any]:
        """Return the names after these changes."""
        found = dict(self.sure)
        for change in changes:
            for name, thing in change:
                found[name] = thing
                if thing is None:
                    del found[name]
        return found

    @property
    def now(self) -> dict[str, Any]:
        return self.names(self.since)

    def after_a_crash(self, rng: random.Random) -> dict[str, Any]:
        """Return the names that are there when the power is back."""
        share = rng.choice((0.0, 0.3, 0.7, 1.0))
        return self.names([change for change in self.since if rng.random() < share])


class Disk:
    """A model of a file system that promises nothing but what was fsynced."""

    def __init__(self, place: Path) -> None:
        self.place, self.root = str(place), _sure(place)

    def of(self, path: str) -> Any:
        """Return the file or directory of a path, None where there is none."""
        found: Any = self.root
        for part in Path(path).relative_to(self.place).parts:
            found = found.now.get(part) if isinstance(found, Folder) else None
        return found

    def apply(self, step: Step) -> None:
        """Do one operation."""
        name, thing = os.path.basename(step.path), self.of(step.path)
        folder = self.of(os.path.dirname(step.path)) if step.path != self.place else None
        if step.operation == "open":
            self._open(folder, name, thing, step.detail[0])
        elif step.operation == "write" and thing is not None:
            thing.since.append(thing.now + step.detail)
        elif step.operation == "truncate" and thing is not None:
            thing.since.append(thing.now[: step.detail])
        elif step.operation == "mkdir":
            folder.change((name, Folder()))
        elif step.operation in ("unlink", "rmdir") and thing is not None:
            folder.change((name, None))
        elif step.operation == "fsync" and isinstance(thing, File):
            thing.sure, thing.since = thing.now, []
        elif step.operation == "fsync" and thing is not None:
            thing.settled()
        elif step.operation == "rename":
            assert os.path.dirname(step.path) == os.path.dirname(step.detail), "a rename within one directory"
            folder.change((name, None), (os.path.basename(step.detail), thing))

    def _open(self, folder: Folder, name: str, thing: Any, emptied: bool) -> None:
        if thing is None:
            folder.change((name, File()))
        elif emptied:
            thing.since.append(b"")

    def write(self, to: Path, rng: random.Random | None) -> None:
        """Make the tree that a crash leaves; without a crash, all of it."""
        shutil.rmtree(to, ignore_errors=True)
        _written(self.root, to, rng)


def _sure(path: Path) -> Any:
    if path.is_dir():
        return Folder({entry.name: _sure(entry) for entry in path.iterdir()})
    return File(path.read_bytes())


def _written(thing: Any, to: Path, rng: random.Random | None) -> None:
    if isinstance(thing, File):
        to.write_bytes(thing.now if rng is None else thing.after_a_crash(rng))
        return
    to.mkdir()
    for name, inner in (thing.now if rng is None else thing.after_a_crash(rng)).items():
        _written(inner, to / name, rng)


def recorded(bench: Bench, command: str) -> tuple[list[Step], Any]:
    """Return the operations of a command, and what it makes; the model must come to the same files."""
    if command not in bench.kept:
        slot = bench.fresh()

        def work() -> tuple[list[Step], Any]:
            record = Record()
            with shim.seen(str(slot), record):
                call(*COMMANDS[command][0])
            return record.steps, (contents(slot / MADE[command]), tree(slot))

        steps, (truth, files) = in_child(work)
        disk = Disk(bench.base)
        disk.place = str(slot)
        for step in steps:
            disk.apply(step)
        disk.write(slot, None)
        if differs := difference(tree(slot), files):
            raise AssertionError(f"the model of the disk: {differs}")
        bench.kept[command] = steps, truth
    return bench.kept[command]


def case(bench: Bench, number: int) -> tuple[str, str]:
    """Let the power fail at one moment of one run, and go on."""
    rng = bench.random(number)
    command = rng.choice(ACTORS[:2]) if number < EVEN else ACTORS[2]
    steps, truth = recorded(bench, command)
    slot, place = bench.slot, bench.slot / MADE[command]
    moment = rng.randrange(len(steps) + 1)
    disk = Disk(bench.base)
    disk.place = str(slot)
    appeared = command != "run"
    for at, step in enumerate(steps[:moment]):
        disk.apply(step)
        named = any(before.operation == "rename" and before.detail == str(place) for before in steps[:at])
        appeared = appeared or (named and step.operation == "fsync" and step.path == str(slot))
    os.chdir("/")
    disk.write(slot, rng)
    os.chdir(slot)
    if appeared and not place.exists():
        raise Fault("lost", f"{command}, after {moment} of {len(steps)} operations: the directory is gone")
    finished = (place / "summary.json").exists()
    ended = moment == len(steps)
    answer = in_child(lambda: gone_on(command, slot, truth))
    if isinstance(answer, Died):
        raise Fault("died", f"signal {answer.signal}")
    if ended and not finished:
        raise Fault("lost", "exit 0, and the summary is not there")
    return command, f"{answer}, {'after' if finished else 'before'} the summary"


def gone_on(command: str, slot: Path, truth: Any) -> str:
    """Go on with what is there, or begin; in a fork."""
    place, ending = slot / MADE[command], "begun again"
    if place.exists():
        called, ending = call("resume", place.name, "--threads", "1", "--json"), "went on"
    else:
        called = call(*COMMANDS[command][0])
    check(called, slot, hidden(slot))
    if differs := difference(contents(place), truth):
        raise Fault("silent", differs)
    return ending


def check(called: Called, slot: Path, left: list[str]) -> None:
    """Raise what must not be."""
    if called.code:
        raise Fault("lost", str(called))
    if left:
        raise Fault("left over", str(left))


KIND = Kind(
    name="power",
    what="loss of power at one operation of a run: what was not fsynced is there, torn, or not",
    goal=1100,
    case=case,
    short=(0, 2, 4),
)
