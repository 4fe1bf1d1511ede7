"""A disk that is really full, at any moment of any command: a small file system in memory, then a larger one.

Needs the right to mount; elsewhere there is no case.
"""

import ctypes
import os
import shutil
from pathlib import Path

from fault_kinds.case import Bench, Kind, LeftOut
from fault_kinds.kills import chosen, known, settled
from fault_kinds.processes import Died, Fault, call, in_child
from fault_kinds.worlds import COMMANDS, difference, made

NEW_NAMESPACE = 0x00020000
REMOUNT, PRIVATE, ALL_BELOW = 32, 1 << 18, 1 << 14
LARGE = 1 << 27
PAGE = 4096


def mounted(place: Path, size: int, flags: int = 0) -> bool:
    """Mount a file system of this size, or change its size."""
    library = ctypes.CDLL(None, use_errno=True)
    options = f"size={size}".encode()
    return library.mount(b"tmpfs", bytes(place), b"tmpfs", flags, options) == 0


def apart() -> bool:
    """Leave everyone else's mounts alone; False where that is not allowed."""
    library = ctypes.CDLL(None, use_errno=True)
    return (
        library.unshare(NEW_NAMESPACE) == 0
        and library.mount(b"none", b"/", None, PRIVATE | ALL_BELOW, None) == 0
    )


def used(place: Path) -> int:
    """Return how many bytes are taken."""
    found = os.statvfs(place)
    return (found.f_blocks - found.f_bfree) * found.f_frsize


def ready(bench: Bench) -> bool:
    """Mount the slot, with the inputs in it."""
    shutil.rmtree(bench.slot, ignore_errors=True)
    bench.slot.mkdir()
    if not apart() or not mounted(bench.slot, LARGE):
        return False
    shutil.copytree(bench.base, bench.slot, dirs_exist_ok=True)
    os.chdir(bench.slot)
    return True


def needed(bench: Bench, command: str) -> int | None:
    """Return how much a command takes undisturbed; None where nothing can be mounted."""

    def work() -> int | None:
        if not ready(bench):
            return None
        before = used(bench.slot)
        call(*COMMANDS[command][0])
        return used(bench.slot) - before

    return in_child(work)


def case(bench: Bench, number: int) -> tuple[str, str]:
    """Let a command find so many bytes and no more; then there is space, and it is called again."""
    rng = bench.random(number)
    command = chosen(rng, number, even=300)
    truth, _ = known(bench, command), bench.base
    if ("needed", command) not in bench.kept:
        bench.kept["needed", command] = needed(bench, command)
    need = bench.kept["needed", command]
    if need is None:
        raise LeftOut("no right to mount")
    room = rng.randrange(0, need + PAGE, PAGE)

    def work() -> str:
        ready(bench)
        mounted(bench.slot, used(bench.slot) + room, REMOUNT)
        called = call(*COMMANDS[command][0])
        if not called.code and (differs := difference(made(command, bench.slot), truth.made)):
            raise Fault("silent", f"exit 0: {differs}")
        mounted(bench.slot, LARGE, REMOUNT)
        if called.code or command != "run":
            settled(command, bench.slot, truth.made)
        return "said" if called.code else "the disk was enough"

    try:
        answer = in_child(work)
    except Fault as fault:
        raise Fault(fault.name, f"{command}, {room} of {need} bytes: {fault.what}") from None
    if isinstance(answer, Died):
        raise Fault("died", f"{command}, {room} of {need} bytes: signal {answer.signal}")
    return command, answer


KIND = Kind(
    name="full", what="a file system that is really full, and then is not", goal=340, case=case, short=(1,)
)
