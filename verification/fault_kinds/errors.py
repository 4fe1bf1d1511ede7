"""Input and output errors at the n-th operation of every command: said in one line, and mended by a next call."""

import errno
import os
from typing import Any

from fault_kinds import shim
from fault_kinds.case import Bench, Kind
from fault_kinds.kills import chosen, known, settled
from fault_kinds.processes import Called, Died, Fault, call, in_child
from fault_kinds.worlds import COMMANDS, difference, made

ERRORS = {
    "write": (errno.ENOSPC, errno.EIO, errno.EDQUOT),
    "fsync": (errno.EIO, errno.ENOSPC),
    "rename": (errno.ENOSPC, errno.EIO, errno.EACCES, errno.EROFS),
    "open": (errno.EACCES, errno.EIO, errno.EROFS, errno.ENOSPC, errno.EMFILE),
    "mkdir": (errno.ENOSPC, errno.EACCES, errno.EROFS),
    "unlink": (errno.EIO, errno.EACCES, errno.EROFS),
    "truncate": (errno.EIO, errno.EROFS),
    "rmdir": (errno.EIO,),
}


class FailAt(shim.Hook):
    """Lets the n-th operation of one sort fail, and those after it if it lasts."""

    def __init__(self, operation: str, number: int, error: int, lasts: bool) -> None:
        self.operation, self.left, self.error, self.lasts = operation, number, error, lasts
        self.failed = False

    def before(self, operation: str, path: str, detail: Any) -> int | None:
        if operation != self.operation:
            return None
        self.left -= 1
        if self.left == -1 or (self.left < -1 and self.lasts):
            if operation == "write" and self.left % 2:
                return len(detail) // 2
            self.torn(path)
        return None

    def torn(self, path: str) -> None:
        self.failed = True
        raise OSError(self.error, os.strerror(self.error), path)


def case(bench: Bench, number: int) -> tuple[str, str]:
    """Let one command fail once; then call it again where all is well."""
    rng = bench.random(number)
    command = chosen(rng, number)
    truth = known(bench, command)
    counts = {name: count for name, count in truth.operations.items() if count}
    operation = rng.choice([name for name in ("write", "fsync", "rename", "open", *counts) if name in counts])
    hook = FailAt(
        operation, rng.randrange(counts[operation]), rng.choice(ERRORS[operation]), rng.random() < 0.5
    )
    group = f"{command}: {errno.errorcode[hook.error]} at {operation}"
    slot = bench.fresh()

    def failing() -> tuple[Called, bool]:
        with shim.seen(str(slot), hook):
            called = call(*COMMANDS[command][0])
        said = "incomplete" in called.out + called.err
        if called.code == 0 and not said and (differs := difference(made(command, slot), truth.made)):
            raise Fault("silent", f"exit 0: {differs}")
        return called, hook.failed

    try:
        ended = in_child(failing)
        if isinstance(ended, Died):
            raise Fault("died", f"by signal {ended.signal}")
        called, failed = ended
        answer = (
            in_child(lambda: settled(command, slot, truth.made)) if called.code or command != "run" else ""
        )
        if isinstance(answer, Died):
            raise Fault("died", f"the next command by signal {answer.signal}")
    except Fault as fault:
        lasts = "from then on" if hook.lasts else "once"
        raise Fault(fault.name, f"{group}, number {hook.left}, {lasts}: {fault.what}") from None
    if not failed:
        return command, "the error did not come"
    incomplete = "incomplete" in called.out + called.err
    return command, "said" if called.code else "called incomplete" if incomplete else "done in spite of it"


KIND = Kind(
    name="errors",
    what="an error of the file system at one operation, then a next call",
    goal=1120,
    case=case,
    short=(1, 8, 10),
)
