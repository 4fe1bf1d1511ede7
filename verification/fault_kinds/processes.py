"""Processes that may die: work in a fork of a warm process, with a limit of time; the command line in one."""

import contextlib
import io
import os
import pickle
import re
import select
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

LIMIT = 20.0  # seconds after which a command hangs, if it had the processor for as long
PATIENCE = 240.0  # seconds after which it hangs in any case: other work may hold the processor
RAW = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff]"
)


class Fault(Exception):
    """Something that must not happen.

    Parameters
    ----------
    name
        "lost", "silent", "left over", "traceback", "hang", "died" or "changed".
    what
        What was seen, in a line.
    """

    def __init__(self, name: str, what: str) -> None:
        super().__init__(name, what)
        self.name, self.what = name, what

    def __str__(self) -> str:
        return f"{self.name}: {self.what}"


@dataclass(frozen=True)
class Died:
    """A child that ended by a signal, before it returned anything."""

    signal: int


@dataclass(frozen=True)
class Called:
    """One call of the command line."""

    code: int
    out: str
    err: str

    def __str__(self) -> str:
        return f"exit {self.code}, {self.out[-200:]!r}, {self.err[-600:]!r}"


def in_child(work: Callable[[], Any], after: float | None = None, free: float = 0.0) -> Any:
    """Do work in a fork of this process, and return what it returns.

    Parameters
    ----------
    after
        Seconds after which it is killed; :class:`Died` is returned then.
    free
        Seconds that do not count as hanging, for work that compiles first.

    Raises
    ------
    Fault
        "hang" when it takes too long, "traceback" when it raises.
    """
    read, write = os.pipe()
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        os.close(read)
        _work_and_end(work, write)
    os.close(write)
    try:
        data = _received(read, child, after, free)
    finally:
        os.close(read)
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
    if not data:
        return Died(os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0)
    kind, value = pickle.loads(data)
    if kind == "raised":
        raise value
    return value


def _work_and_end(work: Callable[[], Any], write: int) -> None:
    """Run in the child: send the result, and end without tidying up anything of the parent's."""
    real_write, real_close = os.write, os.close  # the work may put others in their place
    try:
        os.setpgid(0, 0)
        try:
            answer = pickle.dumps(("returned", work()))
        except Fault as fault:
            answer = pickle.dumps(("raised", fault))
        except BaseException as error:
            answer = pickle.dumps(("raised", Fault("traceback", f"{type(error).__name__}: {error}"[:600])))
        view = memoryview(answer)
        while view:
            view = view[real_write(write, view) :]
        real_close(write)
    finally:
        os._exit(0)


def _received(read: int, child: int, after: float | None, free: float) -> bytes:
    began, data = time.monotonic(), b""
    while True:
        passed = time.monotonic() - began
        wait = 1.0 if after is None else max(0.0, after - passed)
        if select.select([read], [], [], wait)[0]:
            more = os.read(read, 1 << 20)
            if not more:
                return data
            data += more
        elif after is not None:
            return b""
        elif passed > LIMIT and too_long(passed - free, (worked := group_seconds(child)) - free):
            raise Fault("hang", f"{passed:.0f} s, of which {worked:.0f} on the processor")


def too_long(passed: float, worked: float) -> bool:
    """Whether a command hangs: it works for too long, or waits for something that does not come."""
    return passed > PATIENCE or (passed > LIMIT and (worked > LIMIT or worked < passed / 100))


def processor_seconds(process: int) -> float:
    """Return how long a process has had the processor."""
    try:
        with open(f"/proc/{process}/stat") as file:
            parts = file.read().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(parts[11]) + int(parts[12])) / os.sysconf("SC_CLK_TCK")


def group_seconds(leader: int) -> float:
    """Return how long a process, and those that it has started, have had the processor."""
    found = [leader]
    for entry in os.listdir("/proc"):
        if entry.isdecimal() and int(entry) != leader:
            with contextlib.suppress(OSError):
                found += [int(entry)] if os.getpgid(int(entry)) == leader else []
    return sum(map(processor_seconds, found))


def call(*arguments: str) -> Called:
    """Call the command line here.

    Raises
    ------
    Fault
        "traceback" for anything but exit codes 0 and 2 with a line that says why, and for control characters.
    """
    from conet import cli

    out, err, code = io.StringIO(), io.StringIO(), 0
    before = _raw_size()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            cli.main(list(arguments))
        except SystemExit as end:
            code = int(end.code or 0)
        except BaseException as error:
            raise Fault(
                "traceback", f"{' '.join(arguments)}: {type(error).__name__}: {error}"[:600]
            ) from None
    called = Called(code, out.getvalue(), err.getvalue())
    last = called.err.splitlines()[-1:] or [""]
    if code not in (0, 2) or (code == 2 and not last[0].startswith("conet: got ")):
        raise Fault("traceback", f"{' '.join(arguments)}: {called}")
    if "Traceback" in called.out + called.err or RAW.search(called.out + called.err):
        raise Fault("traceback", f"{' '.join(arguments)}: {called}")
    if _raw_size() > before:
        raise Fault("traceback", f"{' '.join(arguments)}: text on the terminal from outside Python")
    return called


def _raw_size() -> int:
    """Return how much has been written past Python to stderr, where that goes to a file."""
    status = os.fstat(2)
    return status.st_size if os.path.isfile("/proc/self/fd/2") else 0
