"""Kills among several processes: workers of a sweep, processes that draw, or the one that started them.

Here everything is as a user calls it, each command a process of its own.
"""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from fault_kinds.case import Bench, Kind
from fault_kinds.kills import known
from fault_kinds.processes import Died, Fault, in_child
from fault_kinds.worlds import COMMANDS, difference, hidden, made

PROGRAM = (sys.executable, "-c", "from conet import cli; cli.main()")
WAYS = ("a worker of a sweep", "a sweep", "a run that draws", "what draws for a run")
WAIT = 30.0  # seconds that those who are left may take to end


def is_worker(process: int) -> bool:
    """Whether it is one that computes or draws, and not joblib's, which tidies up behind them."""
    try:
        return b"resource_tracker" not in Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return False


def workers(leader: int) -> list[int]:
    """Return those that compute or draw for a command."""
    return list(filter(is_worker, session(leader)))


def session(leader: int) -> list[int]:
    """Return the processes that a command has started, without itself."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdecimal() and int(entry) != leader:
            try:
                parts = Path(f"/proc/{entry}/stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(parts[3]) == leader and parts[0] != "Z":
                found.append(int(entry))
    return found


def killed(way: str, slot: Path, rng: random.Random) -> tuple[int, str, bool]:
    """Call a command, kill one of its processes; return how it ended, what it said, and whether one was killed."""
    name = "sweep" if "sweep" in way else "run"
    arguments = list(COMMANDS[name][0])
    if name == "sweep":
        arguments[arguments.index("1")] = "2"
    process = subprocess.Popen(
        [*PROGRAM, *arguments],
        cwd=slot,
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    whole = way in ("a sweep", "a run that draws")
    while process.poll() is None and not (session(process.pid) if whole else workers(process.pid)):
        time.sleep(0.01)
    time.sleep(rng.uniform(0, 8 if whole else 1))
    others = workers(process.pid)
    hit = process.poll() is None and bool(whole or others)
    if hit:
        os.kill(process.pid if whole else rng.choice(others), signal.SIGKILL)
    out, err = process.communicate()
    end = time.monotonic() + WAIT
    while (left := session(process.pid)) and time.monotonic() < end:
        time.sleep(0.05)
    for one in left:
        os.kill(one, signal.SIGKILL)
    if left:
        raise Fault("left over", f"{way} killed: {len(left)} processes live on")
    return process.returncode, (out + err).decode(errors="replace"), hit


def case(bench: Bench, number: int) -> tuple[str, str]:
    """Kill one process of several."""
    rng, way = bench.random(number), WAYS[number % len(WAYS)]
    command = "sweep" if "sweep" in way else "run"
    truth = known(bench, command)
    slot = bench.fresh()
    code, said, hit = killed(way, slot, rng)
    if "Traceback" in said:
        raise Fault("traceback", f"{way}: {said[-500:]}")
    if code not in (0, -signal.SIGKILL):
        raise Fault("lost", f"{way}: exit {code}, {said[-500:]}")
    if code:
        again = COMMANDS[command][0]
        if command == "run" and (slot / "new").exists():
            again = ("resume", "new", "--threads", "1", "--json")
        done = subprocess.run([*PROGRAM, *again], cwd=slot, capture_output=True, text=True)
        if done.returncode:
            raise Fault("lost", f"{way}, then {' '.join(again)}: {done.stderr[-500:]}")
    answer = in_child(lambda: compared(command, slot, truth.made))
    if isinstance(answer, Died):
        raise Fault("died", f"signal {answer.signal}")
    shutil.rmtree(slot)
    if not hit:
        return way, "ended before the kill"
    return way, "made again" if code else "done in spite of it"


def compared(command: str, slot: Path, truth: Any) -> None:
    """Raise where something lacks or differs; in a fork."""
    found = made(command, slot)
    if differs := difference(found, truth):
        raise Fault("silent", differs)
    if left := hidden(slot):
        raise Fault("left over", str(left))
    if not (slot / COMMANDS[command][1][0] / "report.html").exists():
        raise Fault("lost", "the report is not there")


KIND = Kind(
    name="crew",
    what="SIGKILL of one of several processes: workers of a sweep, those that draw, or who started them",
    goal=60,
    case=case,
)
