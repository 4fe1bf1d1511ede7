"""Workers, each a fork of the warm process that tries cases of one kind for a while; and who watches them."""

import contextlib
import itertools
import json
import math
import os
import select
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fault_kinds.case import Bench, Kind, LeftOut
from fault_kinds.processes import PATIENCE, Fault, processor_seconds, too_long
from fault_kinds.tally import Tally

SLICE = 60.0  # seconds, at the least, for which a worker tries one kind
FIRST = 60.0  # seconds more for a worker's first case, which makes what the others use


@dataclass
class Worker:
    """One worker, as it is seen from outside."""

    kind: Kind
    process: int
    pipe: int
    place: str = ""
    number: int | None = None
    since: float = field(default_factory=time.monotonic)
    busy: float = 0.0
    first: bool = True
    text: bytes = b""


def work(kinds: list[Kind], tally: Tally, seconds: float, jobs: int, beyond: bool = False) -> None:
    """Try cases for so long: of each kind the faults first, and first the kind that lacks most."""
    end = time.monotonic() + seconds
    span = max(SLICE, seconds / (2 * len(kinds)) * jobs)
    running: dict[int, Worker] = {}
    try:
        while True:
            for kind in waiting(kinds, tally, running, jobs, beyond) if time.monotonic() < end else ():
                worker = started(kind, tally, min(span, end - time.monotonic()), beyond)
                running[worker.pipe] = worker
            if not running:
                break
            for pipe in select.select(list(running), [], [], 1.0)[0]:
                if not heard(running[pipe], tally):
                    ended(running.pop(pipe), tally)
                    tally.save()
            for worker in [one for one in running.values() if hangs(one)]:
                ended(running.pop(worker.pipe), tally, "hang")
    finally:
        for worker in running.values():
            worker.number = None
            ended(worker, tally)
        tally.save()


def waiting(
    kinds: list[Kind], tally: Tally, running: dict[int, Worker], jobs: int, beyond: bool
) -> list[Kind]:
    """Return the kinds that come next."""
    busy = {worker.kind.name for worker in running.values()}
    open_ = [
        kind
        for kind in kinds
        if kind.name not in busy | tally.left_out
        and (beyond or tally.total(kind.name) < kind.goal or tally.of(kind.name)["faults"])
    ]
    open_.sort(key=lambda kind: tally.total(kind.name) / kind.goal)
    return open_[: jobs - len(running)]


def started(kind: Kind, tally: Tally, seconds: float, beyond: bool) -> Worker:
    """Fork a worker."""
    again = sorted(map(int, tally.of(kind.name)["faults"]))
    done = set(tally.done[kind.name])
    left = sys.maxsize if beyond else max(0, kind.goal - tally.total(kind.name) - len(again))

    def go(write: int) -> None:
        new = itertools.islice((number for number in itertools.count() if number not in done), left)
        _go(
            kind,
            tally.data["seed"],
            tally.path.parent,
            itertools.chain(again, new),
            time.monotonic() + seconds,
            write,
        )

    return forked(kind, go)


def forked(kind: Kind, go: Callable[[int], None]) -> Worker:
    """Let a fork of this process do work that tells of itself through a pipe."""
    read, write = os.pipe()
    process = os.fork()
    if process == 0:
        try:
            os.setpgid(0, 0)
            os.close(read)
            go(write)
        except BaseException as error:
            tell(write, note=f"{kind.name}: {type(error).__name__}: {error}")
        finally:
            os._exit(0)
    os.close(write)
    return Worker(kind, process, read)


def _go(kind: Kind, seed: int, keep: Path, cases: Iterable[int], end: float, write: int) -> None:
    """Try these cases until it is time."""
    bench = Bench(seed, kind.name, keep)
    tell(write, place=str(bench.place))
    silence()
    try:
        for number in cases:
            if time.monotonic() > end:
                break
            tell(write, begin=number)
            try:
                group, ending = kind.case(bench, number)
            except LeftOut as reason:
                tell(write, left_out=str(reason))
                break
            except Fault as fault:
                tell(write, fault=fault.name, what=str(fault.what)[:900])
            else:
                tell(write, group=group, ending=ending)
    finally:
        bench.close()


def silence() -> None:
    """Let what is written past Python go to a file, where it is noticed."""
    number = os.open(f"/proc/self/fd/{os.memfd_create('stderr')}", os.O_RDWR | os.O_APPEND)
    os.dup2(number, 2)


def tell(pipe: int, **what: Any) -> None:
    """Send a line."""
    os.write(pipe, json.dumps(what).encode() + b"\n")


def heard(worker: Worker, tally: Tally) -> bool:
    """Take in what a worker says; False where it has ended."""
    data = os.read(worker.pipe, 1 << 16)
    *lines, worker.text = (worker.text + data).split(b"\n")
    for line in map(json.loads, lines):
        if "place" in line:
            worker.place = line["place"]
        elif "note" in line:
            print(line["note"], flush=True)
        elif "begin" in line:
            worker.number, worker.since = line["begin"], time.monotonic()
            worker.busy = processor_seconds(worker.process)
        elif "left_out" in line:
            print(f"{worker.kind.name}: left out, {line['left_out']}", flush=True)
            tally.left_out.add(worker.kind.name)
            worker.number = None
        elif worker.number is not None:
            _count(worker, tally, line)
    return bool(data)


def _count(worker: Worker, tally: Tally, line: dict[str, str]) -> None:
    name, number = worker.kind.name, worker.number
    assert number is not None
    seconds = time.monotonic() - worker.since
    if "fault" in line:
        print(f"{name}:{number} {line['fault']}: {line['what']}"[:400], flush=True)
        tally.fault(name, number, line["fault"], line["what"], seconds)
    else:
        tally.ended(name, number, line["group"], line["ending"], seconds)
    worker.number, worker.first = None, False


def hangs(worker: Worker) -> bool:
    """Whether a case takes too long, in a worker that does not watch over itself."""
    if worker.number is None:
        return False
    passed = time.monotonic() - worker.since
    if worker.kind.forks:
        return passed > 4 * PATIENCE
    worked = processor_seconds(worker.process) - worker.busy
    return too_long(passed - FIRST * worker.first, worked - FIRST * worker.first)


def ended(worker: Worker, tally: Tally, why: str = "died") -> None:
    """Take leave of a worker; what it was at, it died of."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(worker.process, signal.SIGKILL)
    _, status = os.waitpid(worker.process, 0)
    os.close(worker.pipe)
    shutil.rmtree(worker.place, ignore_errors=True)  # one that was killed has left it
    if worker.number is not None:
        what = f"status {status} after {time.monotonic() - worker.since:.0f} s"
        _count(worker, tally, {"fault": why, "what": what})


def handful(kinds: list[Kind], tally: Tally) -> None:
    """Try a few cases of each kind, which take seconds."""
    for kind in kinds:
        worker = forked(
            kind, lambda write, kind=kind: _go(kind, 0, tally.path.parent, kind.short, math.inf, write)
        )
        while not select.select([worker.pipe], [], [], 1.0)[0] or heard(worker, tally):
            if hangs(worker):
                break
        ended(worker, tally, "hang")


def tried(kind: Kind, seed: int, keep: Path, number: int) -> tuple[bool, str]:
    """Try one case here; return whether it has a fault, and what it is."""
    bench = Bench(seed, kind.name, keep)
    try:
        return False, ": ".join(kind.case(bench, number))
    except LeftOut as reason:
        return False, f"left out, {reason}"
    except Fault as fault:
        return True, str(fault)
    finally:
        bench.close()
