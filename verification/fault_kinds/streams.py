"""Standard streams that are closed, full, or have lost their reader: exit code 0 only if the work is done."""

import io
import itertools
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from fault_kinds.case import Bench, Kind
from fault_kinds.kills import known, settled
from fault_kinds.processes import Died, Fault, in_child
from fault_kinds.worlds import COMMANDS, LOG, difference, made

STATES = ("good", "closed", "full", "broken")
ACTION = (
    "watch",
    LOG,
    "--on",
    "heat",
    "--refreshes",
    "2",
    "--interval",
    "0",
    "--out",
    "watched",
    "--",
    "true",
)
# Each call by name, and the command that makes the same; what is added goes to the end, so that numbers stay.
CALLS: dict[str, tuple[tuple[str, ...], str | None]] = {
    **{name: (arguments, name) for name, (arguments, _) in COMMANDS.items()},
    "logs": (("logs", LOG), None),
    "watch with an action": (ACTION, "watch"),
}
CASES = [
    (call, out, err, given)
    for call, out, err, given in itertools.product(CALLS, STATES, STATES, ("good", "closed"))
    if (out, err, given) != ("good", "good", "good")
]
REAL = 16  # one case in so many is a process of its own, from the start of Python to its end


def set_up(number: int, state: str, kept: Path) -> None:
    """Let a descriptor be in a state; what is written to a good one is kept in a file."""
    if state == "closed":
        os.close(number)
        return
    if state == "broken":
        read, end = os.pipe()
        os.close(read)
    elif number == 0:
        end = os.open(os.devnull, os.O_RDONLY)
    else:
        end = os.open("/dev/full" if state == "full" else kept, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(end, number)
    os.close(end)


def in_fork(arguments: tuple[str, ...], states: dict[int, str], kept: dict[int, Path]) -> int:
    """Call the command line in this process, with its standard streams as they are when Python starts."""
    from conet import cli

    code = 0
    for number, state in states.items():
        set_up(number, state, kept[number])
    for number, name in ((0, "stdin"), (1, "stdout"), (2, "stderr")):
        closed = states[number] == "closed"
        raw = None if closed else io.FileIO(number, "r" if number == 0 else "w", closefd=False)
        buffered = raw and (io.BufferedReader if number == 0 else io.BufferedWriter)(raw)
        stream = buffered and io.TextIOWrapper(buffered)
        setattr(sys, name, stream)
    try:
        cli.main(list(arguments))
    except SystemExit as end:
        code = int(end.code or 0)
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()  # as Python does at its end
    return code


def in_process(arguments: tuple[str, ...], states: dict[int, str], kept: dict[int, Path]) -> int:
    """Call the command line in a process of its own."""

    def before() -> None:
        for number, state in states.items():
            set_up(number, state, kept[number])

    program = "from conet import cli; cli.main()"
    return subprocess.run([sys.executable, "-c", program, *arguments], preexec_fn=before).returncode


def case(bench: Bench, number: int) -> tuple[str, str]:
    """Call one command with streams in some states."""
    name, out, err, given = CASES[number % len(CASES)]
    arguments, command = CALLS[name]
    truth = known(bench, command).made if command else None
    slot = bench.fresh()
    kept = {place: bench.place / f"stream-{place}" for place in range(3)}
    for path in kept.values():
        path.unlink(missing_ok=True)
    states = {0: given, 1: out, 2: err}
    way = in_process if number % REAL == 0 else in_fork
    told = f"{name}, stdout {out}, stderr {err}, stdin {given}"
    try:
        code = in_child(lambda: way(arguments, states, kept))
        if isinstance(code, Died) or code not in (0, 2):
            raise Fault("traceback", f"exit {code}, {_read(kept[2])!r}")
        printed = _read(kept[1]) if out == "good" else None
        if "Traceback" in _read(kept[2]):
            raise Fault("traceback", _read(kept[2]))
        ending = in_child(lambda: done(command, slot, truth, code, printed, way is in_process))
    except Fault as fault:
        raise Fault(fault.name, f"{told}: {fault.what}") from None
    return f"stdout {out}, stderr {err}", ending


def _read(path: Path) -> str:
    return path.read_text(errors="replace") if path.exists() else ""


def done(command: str | None, slot: Path, truth: Any, code: int, printed: str | None, drawn: bool) -> str:
    """Raise where the exit code is 0 and the work is not done; in a fork."""
    if code:
        if command:
            settled(command, slot, truth)
        return "said"
    comparable = not drawn or command in ("run", "resume", "export", "heat", "sweep")
    if command and comparable and (differs := difference(made(command, slot), truth)):
        raise Fault("lost", f"exit 0: {differs}")
    if printed is not None and not printed.strip():
        raise Fault("lost", "exit 0, and nothing was printed")
    return "done"


KIND = Kind(
    name="streams",
    what="standard streams that are closed, full, or without a reader",
    goal=len(CASES),
    case=case,
    short=(275,),
)
