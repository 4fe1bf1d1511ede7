"""Kills at random moments of every command; afterwards the next command makes what an undisturbed one makes.

Half of them come by the clock, half at one operation on a file: before it, in the middle of a write, or
right after it.
"""

import os
import random
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fault_kinds import shim
from fault_kinds.case import Bench, Kind
from fault_kinds.processes import Called, Died, Fault, call, in_child
from fault_kinds.worlds import COMMANDS, contents, difference, hidden, made, reference

WEIGHTS = {
    "run": 8,
    "resume": 6,
    "report": 2,
    "export": 2,
    "heat": 2,
    "capacity": 2,
}  # of the others, which take seconds: 1
EVEN = 1000  # up to this number cases are drawn by weight; later ones go to the commands that had few or none
FEW = ("web", "resume steered", "heat for verl", "reproduce", "animate", "serve")


class Count(shim.Hook):
    """Counts operations of each sort."""

    def __init__(self) -> None:
        self.seen: dict[str, int] = dict.fromkeys(shim.OPERATIONS, 0)

    def before(self, operation: str, path: str, detail: Any) -> None:
        self.seen[operation] += 1


class KillAt(shim.Hook):
    """Kills this process at the n-th operation."""

    def __init__(self, number: int, where: str) -> None:
        self.left, self.where = number, where

    def before(self, operation: str, path: str, detail: Any) -> int | None:
        self.left -= 1
        if self.left == -1 and self.where == "before":
            die()
        if self.left == -1 and self.where == "in" and operation == "write":
            return len(detail) // 2
        return None

    def torn(self, path: str) -> None:
        die()

    def after(self, operation: str, path: str, detail: Any) -> None:
        if self.left <= -1:
            die()


def die() -> None:
    """End this process as ``kill -9`` does."""
    os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(60)


@dataclass(frozen=True)
class Known:
    """What an undisturbed call does: what it makes, its operations, its time."""

    made: Any
    operations: dict[str, int]
    seconds: float


def known(bench: Bench, command: str) -> Known:
    """Call a command undisturbed, once."""
    if command not in bench.kept:
        slot = bench.fresh()
        _, truth = in_child(lambda: reference(command)(slot))
        bench.fresh()

        def counted() -> tuple[dict[str, int], float]:
            count, began = Count(), time.monotonic()
            with shim.seen(str(slot), count):
                call(*COMMANDS[command][0])
            return count.seen, time.monotonic() - began

        bench.kept[command] = Known(truth, *in_child(counted))
    return bench.kept[command]


def chosen(rng: random.Random, number: int, even: int = EVEN) -> str:
    """Draw a command."""
    if number >= even:
        return FEW[number % len(FEW)]
    return rng.choices(list(COMMANDS), [WEIGHTS.get(name, 1) for name in COMMANDS])[0]


def settled(command: str, slot: Path, truth: Any) -> str:
    """Call the next command on the place; return what it was, or raise what must not be.

    Runs in a fork.
    """
    arguments = COMMANDS[command][0]
    ending = "made again"
    if command == "run" and (slot / "new").exists():
        arguments, ending = ("resume", "new", "--threads", "1", "--json"), "went on"
    called = call(*arguments)
    if called.code:
        raise Fault("lost", f"then {' '.join(arguments)}: {called}")
    if left := hidden(slot):
        raise Fault("left over", f"after {' '.join(arguments)}: {left}")
    found = contents(slot / "new") if command == "run" else made(command, slot)
    if differs := difference(found, truth):
        raise Fault("silent", f"after {' '.join(arguments)}: {differs}")
    return ending


def case(bench: Bench, number: int) -> tuple[str, str]:
    """Kill one command."""
    rng = bench.random(number)
    command = chosen(rng, number)
    truth = known(bench, command)
    slot = bench.fresh()
    if rng.random() < 0.5:
        ended = in_child(lambda: call(*COMMANDS[command][0]), rng.uniform(0, truth.seconds))
    else:
        at, where = rng.randrange(sum(truth.operations.values())), rng.choice(("before", "in", "after"))

        def killed() -> Called:
            with shim.seen(str(slot), KillAt(at, where)):
                return call(*COMMANDS[command][0])

        ended = in_child(killed)
    if isinstance(ended, Died) and ended.signal not in (0, signal.SIGKILL):  # 0: it had just ended
        raise Fault("died", f"{command}: signal {ended.signal}")
    if isinstance(ended, Called):
        if command == "run":
            return command, "ended before the kill"
        if ended.code:
            raise Fault("lost", str(ended))
    answer = in_child(lambda: settled(command, slot, truth.made))
    if isinstance(answer, Died):
        raise Fault("died", f"{command}: the next command by signal {answer.signal}")
    return command, answer if isinstance(ended, Died) else "ended before the kill"


KIND = Kind(
    name="kills", what="SIGKILL of a command, then the next one", goal=1120, case=case, short=(1, 2, 5, 11)
)
