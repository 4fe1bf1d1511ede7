"""Damage to one file of a run: resume, report, diagnose and export refuse it, or say what they say of the whole.

All in one warm process: a changed bit, a digit, a few bytes of every kind of file of finished and of
unfinished runs.
"""

import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path

from fault_kinds.case import Bench, Kind
from fault_kinds.processes import Fault, call
from fault_kinds.worlds import (
    OTHER,
    RUN,
    STEERED,
    STEERED_STOPPED,
    STOPPED,
    contents,
    difference,
    tree,
    what_can_be_read,
)

BOTH = {
    "config.json": "config.json",
    "provenance.json": "provenance.json",
    "graph.safetensors": "graph.safetensors",
    "digests.jsonl": "digests.jsonl",
    "events.jsonl": "events.jsonl",
    "checkpoint.safetensors": "checkpoint.safetensors",
    "rollouts": "rollouts/part-*.parquet",
    "snapshots": "snapshots/step-*.safetensors",
}
FINISHED = {name: name for name in ("metrics.parquet", "evaluations.parquet", "summary.json")}
UNFINISHED = {name: name for name in ("metrics.jsonl", "evaluations.jsonl")}
OF_STEERED = {name: name for name in ("actions.jsonl", "requests.jsonl")}
RARE = 16  # one case in so many calls everything
Calls = Callable[[str], dict[str, tuple[str, ...]]]
FILES = BOTH | FINISHED | UNFINISHED | OF_STEERED
EACH = 1000  # cases of each of these


def damaged(data: bytes, rng: random.Random) -> bytes:
    """Return the content with one thing changed: mostly such that it still parses."""
    changed = bytearray(data)
    digits = [place for place, byte in enumerate(data) if 48 <= byte <= 57]
    way = rng.choice(("bit", "bit", "bit", "digit", "digit", "digit", "bytes", "cut"))
    if way == "digit" and digits:
        place = rng.choice(digits)
        changed[place] = rng.choice([digit for digit in range(48, 58) if digit != data[place]])
    elif way == "bytes":
        place = rng.randrange(len(data))
        changed[place : place + 4] = rng.randbytes(rng.randrange(5))
    elif way == "cut":
        del changed[rng.randrange(len(data)) :]
    else:
        changed[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def damage(file: Path, rng: random.Random) -> None:
    """Change one thing in a file."""
    before = changed = file.read_bytes()
    while changed == before:
        changed = damaged(before, rng)
    file.write_bytes(changed)


def cleared(slot: Path, *names: str) -> None:
    """Remove what a case before left."""
    for name in names:
        if (slot / name).is_dir():
            shutil.rmtree(slot / name)
        (slot / name).unlink(missing_ok=True)


def commands(run: str) -> dict[str, tuple[str, ...]]:
    """Return the calls that read a run; the last one goes on with an unfinished run."""
    return {
        "report": ("report", run),
        "diagnose": ("diagnose", run, "--json", "--out", "diagnosed"),
        "export": ("export", run, "--format", "csv", "--step", "all", "--out", "web.csv"),
        "resume": ("resume", run, "--threads", "1", "--json"),
    }


def everything(run: str) -> dict[str, tuple[str, ...]]:
    """Return these calls, and a comparison, which takes longer."""
    return {"compare": ("compare", run, OTHER, "--json", "--out", "compared"), **commands(run)}


def answers(slot: Path, run: str, truth: dict | None = None, calls: Calls = commands) -> dict:
    """Call everything that reads a run; return what each says and leaves, or compare it with the truth.

    Parameters
    ----------
    truth
        What this function returned for the whole run.
    calls
        Which commands, by what they do.

    Raises
    ------
    Fault
        "silent" where a command that ends with 0 says something else, without the word *incomplete*.
    """
    found = {}
    for name, arguments in calls(run).items():
        called = call(*arguments)
        left = {}
        if called.code == 0:
            places = {
                "report": f"{run}/report.html",
                "diagnose": "diagnosed",
                "export": "web.csv",
                "compare": "compared",
            }
            left = tree(slot / places[name]) if name in places else what_can_be_read(slot / run)
        said = "" if name == "resume" else called.out.replace("unverified", "")
        found[name] = called.code, said, left
        if truth and called.code == 0 and "incomplete" not in (called.out + called.err + str(left)).lower():
            if truth[name][0]:
                raise Fault("silent", f"{name}: exit 0, and of the whole exit {truth[name][0]}")
            if name == "resume":  # what it leaves may still be refused
                left = truth[name][2] | left
            if differs := difference((said, left), truth[name][1:], name):
                raise Fault("silent", differs)
    return found


def truths(bench: Bench, run: str) -> dict:
    """Return what the commands say of a whole run."""
    if run not in bench.kept:
        slot = bench.fresh()
        bench.kept[run] = answers(slot, run, calls=everything)
        if "incomplete" in str(bench.kept[run]).lower():
            raise Fault("silent", f"{run}: a whole run is called incomplete")
        finished = STEERED if run in (STEERED, STEERED_STOPPED) else RUN
        if differs := difference(contents(slot / run), contents(bench.base / finished)):
            raise Fault("silent", f"{run}, after resume: {differs}")
    return bench.kept[run]


def runs_with(group: str) -> list[str]:
    """Return the runs that have such files."""
    if group in OF_STEERED:
        return [STEERED, STEERED_STOPPED]
    return [run for run, others in ((RUN, UNFINISHED), (STOPPED, FINISHED)) if group not in others]


def group_of(number: int) -> str:
    """Return which files are damaged: those of every run, and after their thousand those of steered ones."""
    every, steered = sorted(set(FILES) - set(OF_STEERED)), sorted(OF_STEERED)
    return every[number % len(every)] if number < EACH * len(every) else steered[number % len(steered)]


def case(bench: Bench, number: int) -> tuple[str, str]:
    """Damage one file of one run, and read the run."""
    rng = bench.random(number)
    group = group_of(number)
    run = rng.choice(runs_with(group))
    truth, slot = truths(bench, run), bench.slot
    cleared(slot, RUN, STOPPED, STEERED, STEERED_STOPPED, "diagnosed", "compared", "web.csv")
    os.chdir(slot)
    shutil.copytree(bench.base / run, slot / run)
    file = rng.choice(sorted((slot / run).glob(FILES[group])))
    damage(file, rng)
    try:
        found = answers(slot, run, truth, commands if number % RARE else everything)
    except Fault as fault:
        raise Fault(fault.name, f"{run}, {file.name}: {fault.what}") from None
    return group, ended(found, truth)


def ended(found: dict, truth: dict) -> str:
    """Say what came of the calls."""
    if any(code == 2 and truth[name][0] == 0 for name, (code, *_) in found.items()):
        return "refused"
    return "said to be incomplete" if "incomplete" in str(found) else "all as before"


KIND = Kind(
    name="mutations",
    what="a bit, a digit, some bytes of one file, then resume, report, diagnose, export and (one in 16) compare",
    goal=EACH * len(FILES),
    case=case,
    short=tuple(range(len(FILES))),
    forks=False,
)
