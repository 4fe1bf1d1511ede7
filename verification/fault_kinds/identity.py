"""A run whose directory is moved, replaced, deleted or unlocked while it goes on: it writes into no other."""

import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path

from fault_kinds import worlds
from fault_kinds.case import Bench, Kind
from fault_kinds.processes import Called, Died, Fault, call, in_child
from fault_kinds.worlds import COMMANDS, CONFIG, OTHER, RUN, STOPPED, contents, difference, hidden, tree


def moved(slot: Path) -> None:
    """Move it away."""
    (slot / "new").rename(slot / "elsewhere")


def replaced(slot: Path) -> None:
    """Put another run in its place, which another process will go on with."""
    moved(slot)
    shutil.copytree(slot / STOPPED, slot / "new")


def linked(slot: Path) -> None:
    """Put a link to another run in its place."""
    moved(slot)
    (slot / "new").symlink_to(OTHER)


def deleted(slot: Path) -> None:
    """Delete it."""
    shutil.rmtree(slot / "new")


def emptied(slot: Path) -> None:
    """Put an empty directory in its place."""
    moved(slot)
    (slot / "new").mkdir()


def unlocked(slot: Path) -> None:
    """Delete its lock, and start a second process."""
    (slot / "new" / ".lock").unlink()
    second(slot)


def second(slot: Path) -> None:
    """Start a second process, which must be refused."""
    for arguments in (("resume", "new", "--threads", "1"), COMMANDS["run"][0]):
        called = in_child(lambda arguments=arguments: call(*arguments))
        if isinstance(called, Died) or called.code != 2:
            raise Fault("changed", f"{' '.join(arguments)} beside a run that goes on: {called}")


WAYS: dict[str, Callable[[Path], None]] = {
    way.__name__: way for way in (moved, replaced, linked, deleted, emptied, unlocked, second)
}


def disturbed(slot: Path, way: str, step: int) -> Called:
    """Train, and let something happen to the directory at a step; in a fork, without polars until then."""
    from conet.runs import launch

    real, before = launch.run, {}

    def run(*given, progress, **options):
        def show(row) -> None:
            if row["step"] == step and not before:
                WAYS[way](slot)
                before["new"] = tree(slot / "new") if (slot / "new").exists() and way not in MINE else {}
                before["other"] = tree(slot / OTHER)

        return real(*given, progress=show, **options)

    launch.run = run
    called = call(*COMMANDS["run"][0])
    launch.run = real
    if (
        way not in MINE
        and (slot / "new").exists()
        and (differs := difference(tree(slot / "new"), before["new"]))
    ):
        raise Fault("changed", f"{way} at step {step}: another directory: {differs}")
    if differs := difference(tree(slot / OTHER), before["other"]):
        raise Fault("changed", f"{way} at step {step}: another run: {differs}")
    return called


MINE = ("unlocked", "second")


def together(slot: Path, truth: dict) -> str:
    """Start several runs in the same second without a place: each takes its own."""
    children = []
    for _ in range(3):
        children.append(os.fork())
        if children[-1] == 0:
            try:
                code = call("run", "--config", "config.json", "--threads", "1").code
            except BaseException:
                code = 3
            os._exit(code)
    codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    places = sorted((slot / "runs").iterdir())
    if codes != [0, 0, 0] or len(places) != 3:
        raise Fault("lost", f"three runs at once: exit {codes}, {[place.name for place in places]}")
    for place in places:
        if differs := difference(contents(place), truth):
            raise Fault("silent", differs)
    if left := hidden(slot):
        raise Fault("left over", str(left))
    return "each in its own place"


def settled(slot: Path, way: str, called: Called, truth: dict) -> str:
    """Go on where the run is now; in a fork."""
    place = slot / ("new" if way in MINE else "elsewhere")
    if way in MINE and called.code:
        raise Fault("lost", str(called))
    if way not in MINE and called.code == 0:
        raise Fault("silent", f"exit 0, and the directory was {way}")
    if way == "deleted":
        if (slot / "new").exists():
            raise Fault("left over", f"{tree(slot / 'new').keys()}")
        return "said"
    if (again := call("resume", place.name, "--threads", "1", "--json")).code:
        raise Fault("lost", f"resume: {again}")
    if differs := difference(contents(place) | {"figures": None}, truth | {"figures": None}):
        raise Fault("silent", differs)
    if left := hidden(place):
        raise Fault("left over", str(left))
    return "done" if way in MINE else "said, and went on where it is"


def case(bench: Bench, number: int) -> tuple[str, str]:
    """Let one thing happen at one step."""
    rng: random.Random = bench.random(number)
    way, step = rng.choice([*sorted(WAYS), "together"]), rng.randrange(CONFIG.steps)
    if not bench.kept:
        slot = bench.fresh()
        bench.kept["truth"] = in_child(lambda: worlds.contents(slot / RUN))
    slot, truth = bench.fresh(), bench.kept["truth"]

    def work() -> str:
        called = in_child(lambda: disturbed(slot, way, step))
        if isinstance(called, Died):
            raise Fault("died", f"signal {called.signal}")
        return in_child(lambda: settled(slot, way, called, truth))

    try:
        ending = in_child(lambda: together(slot, truth)) if way == "together" else work()
        if isinstance(ending, Died):
            raise Fault("died", f"signal {ending.signal}")
    except Fault as fault:
        raise Fault(fault.name, f"{way} at step {step}: {fault.what}") from None
    os.chdir("/")
    return way, ending


KIND = Kind(
    name="identity",
    what="a run directory that is moved, replaced, deleted, unlocked or wanted by others while the run goes on",
    goal=300,
    case=case,
    short=(0, 1),
)
