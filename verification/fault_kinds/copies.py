"""Hot copies of a live run, and parts that are missing, old, or another run's: said, or no difference.

Whatever is shown with exit code 0 is that of the whole run, or the output holds the word *incomplete*; what Python
reads is a beginning of the whole, without a gap.
"""

import os
import random
import shutil
import time
from functools import partial
from pathlib import Path
from typing import Any

import conet
from conet.base.errors import ConetError
from fault_kinds import worlds
from fault_kinds.case import Bench, Kind
from fault_kinds.mutations import answers, commands, ended
from fault_kinds.processes import Died, Fault, call, in_child
from fault_kinds.worlds import (
    CONFIG,
    OTHER,
    RUN,
    STEERED,
    STEERED_STOPPED,
    STOPPED,
    difference,
    tree,
    what_can_be_read,
)

# Runs of which a file is taken away or put in another's place, each with the same run at another time.
KEPT = {RUN: STOPPED, STOPPED: RUN, STEERED: STEERED_STOPPED, STEERED_STOPPED: STEERED}
EVEN = 1000  # up to this number those that nobody steered, then those that were

TABLES = ("metrics", "evaluations", "rollouts")


def live(slot: Path) -> None:
    """Run slowly, so that there is time to copy."""
    conet.run(CONFIG, slot / "new", threads=1, progress=lambda row: time.sleep(0.01))


def copied(slot: Path, rng: random.Random) -> None:
    """Copy a run file by file, in any order, while it goes on."""
    source = slot / "new"
    while not (source / "config.json").exists():
        time.sleep(0.001)
    time.sleep(rng.uniform(0, 0.35))
    files = [file for file in source.rglob("*") if file.is_file() and file.name != ".lock"]
    rng.shuffle(files)
    for folder in ("", "rollouts", "snapshots", "figures"):
        (slot / "copy" / folder).mkdir(exist_ok=True)
    pause = rng.choice((0.0, 0.001, 0.01))
    for file in files:
        if file.exists():
            shutil.copy(file, slot / "copy" / file.relative_to(source))
        time.sleep(rng.uniform(0, pause))


def hot(bench: Bench, rng: random.Random) -> str:
    """Make a copy of a live run."""
    slot = bench.fresh()

    def work() -> None:
        pid = os.fork()
        if pid == 0:
            try:
                live(slot)
            finally:
                os._exit(0)
        try:
            copied(slot, rng)
        finally:
            os.waitpid(pid, 0)

    in_child(work)
    return "hot copy"


def wrong_parts(bench: Bench, rng: random.Random, kept: str) -> str:
    """Make a copy of a run in which one or two files are missing, old, or another's."""
    slot = bench.fresh()
    shutil.copytree(slot / kept, slot / "copy")
    way = rng.choice(("missing", "missing", "another's", "earlier", "swapped"))
    others = {"another's": slot / OTHER, "earlier": slot / KEPT[kept]}
    for _ in range(rng.choice((1, 1, 2))):
        names = sorted(
            name for name in tree(slot / "copy") if not name.startswith((".", "figures", "report"))
        )
        name = rng.choice(names)
        target = slot / "copy" / name
        if way == "missing":
            target.unlink()
        elif way == "swapped":
            alike = [other for other in names if os.path.dirname(other) == os.path.dirname(name)]
            data, second = target.read_bytes(), slot / "copy" / rng.choice(alike)
            target.write_bytes(second.read_bytes())
            second.write_bytes(data)
        elif (others[way] / name).exists():
            shutil.copy(others[way] / name, target)
    return f"{kept}, a file {way}"


def opened(slot: Path, truth: dict[str, Any]) -> str:
    """Read a hot copy, look at it, go on with it; in a fork."""
    beginnings(slot, truth)
    refused, incomplete = "", False
    for name, arguments in commands("copy").items():
        called = call(*arguments)
        page = slot / "diagnosed/report.html"
        said = "incomplete" in (called.out + called.err).lower() or (
            name == "diagnose" and page.exists() and "incomplete" in page.read_text().lower()
        )
        incomplete, refused = incomplete or said, "refused" if called.code else ""
        if called.code == 0 and not said:
            gaps(slot / "copy", name)
    if called.code == 0 and (differs := difference(truth | parts(slot), truth)):  # after resume, the last one
        raise Fault("silent", f"resume: exit 0, {differs}")
    return refused or ("said to be incomplete" if incomplete else "went on")


def parts(slot: Path) -> dict[str, Any]:
    """Return what can be read of the copy and is the same in every run of these settings."""
    own = ("figures", "provenance")
    return {name: value for name, value in what_can_be_read(slot / "copy").items() if name not in own}


def gaps(place: Path, command: str) -> None:
    """Raise where rollouts that were shown as whole are not all steps that the run counts on."""
    try:
        steps = sorted(conet.Run(place).rollouts().collect()["step"].unique().to_list())
        rows = conet.Run(place).metrics().height if (place / "summary.json").exists() else len(steps)
    except ConetError:
        return
    if steps != list(range(rows)):
        raise Fault("silent", f"{command}: exit 0 of steps {steps}, and nothing says incomplete")


def beginnings(slot: Path, truth: dict[str, Any]) -> None:
    """Raise where a table that Python reads is no beginning of the whole."""
    found = parts(slot)
    for name in set(found) - set(TABLES) - {"events"}:
        if differs := difference(found[name], truth[name], name):
            raise Fault("silent", differs)
    for name in set(TABLES) & set(found):
        lines, whole = found[name][1].splitlines(), truth[name][1].splitlines()
        if lines != whole[: len(lines)] and len(lines) > 1:
            raise Fault("silent", f"{name} is no beginning of the whole table")


def truths(bench: Bench, kept: str | None) -> Any:
    """Return what the commands say of a whole run; without a name, what it holds."""
    if kept not in bench.kept:
        slot = bench.fresh()
        if kept is not None:
            shutil.copytree(slot / kept, slot / "copy")
        work = partial(worlds.contents, slot / RUN) if kept is None else partial(answers, slot, "copy")
        bench.kept[kept] = in_child(work)
    return bench.kept[kept]


def case(bench: Bench, number: int) -> tuple[str, str]:
    """Make a copy with something wrong, and open it."""
    rng = bench.random(number)
    kept = None if number % 2 else rng.choice((RUN, STOPPED) if number < EVEN else (STEERED, STEERED_STOPPED))
    truth = truths(bench, kept)
    group = hot(bench, rng) if kept is None else wrong_parts(bench, rng, kept)
    slot = bench.slot

    def work() -> str:
        if kept is None:
            return opened(slot, truth)
        return ended(answers(slot, "copy", truth), truth)

    try:
        answer = in_child(work)
    except Fault as fault:
        raise Fault(fault.name, f"{group}: {fault.what}") from None
    if isinstance(answer, Died):
        raise Fault("died", f"{group}: signal {answer.signal}")
    return group, answer


KIND = Kind(
    name="copies",
    what="a copy of a live run, or a run with files that are missing, old, swapped or another run's",
    goal=1200,
    case=case,
    short=(1,),
)
