"""Runs and logs whose contents are known, what each command makes of them, and how results are compared."""

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import conet
from conet.base.errors import ConetError
from conet.runs.control import ask
from fault_kinds.processes import Called, Fault, call

# Heating, Adam (whose moments have to be kept), several checkpoints, parts and snapshots.
CONFIG = conet.preset("smoke").override(
    {
        "steps": 20,
        "graph.nodes": 40,
        "graph.degree": 5,
        "problems.count": 6,
        "problems.max_length": 8,
        "learner.optimizer": "adam",
        "learner.learning_rate": 0.2,
        "schedule.name": "annealed_rlvr",
        "schedule.heat_at": 7,
        "schedule.heat_steps": 6,
        "schedule.harvest_samples": 64,
        "schedule.max_accuracy": 0.9,
        "snapshots.checkpoint_every": 5,
        "snapshots.steps": (0, 5, 9),
    }
)
SWEEP = {
    "preset": "smoke",
    "seeds": 1,
    "measures": ["accuracy", "correct_length.end"],
    "grid": {"learner.rollouts": [4, 8]},
    "cells": [],
}
SMALL = {"steps": [4], "graph.nodes": [40], "graph.degree": [5], "problems.count": [6]}
CAPACITY = ("--set", "graph.nodes=40", "graph.degree=5", "problems.count=6", "--moves", "400")
# Inputs of the commands, and each command with the names that it makes.
RUN, STOPPED, OTHER, LOG, CLAIM = "finished", "stopped", "another", "log.jsonl", "claim.py"
STEERED, STEERED_STOPPED = "steered", "steered_stopped"  # begun with --control
# What is asked of these, by updates done: before the last checkpoint and behind it, and once in vain.
ASKED: dict[int, tuple[tuple[str, float | None], ...]] = {
    3: (("temperature", 0.01), ("pause", None), ("go", None)),
    12: (("temperature", 0.02), ("heat", 2)),
}
COMMANDS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "run": (("run", "--config", "config.json", "--out", "new", "--threads", "1", "--json"), ("new",)),
    "resume": (("resume", STOPPED, "--threads", "1", "--json"), (STOPPED,)),
    "report": (("report", RUN), (RUN,)),
    "diagnose": (("diagnose", LOG, "--out", "diagnosed"), ("diagnosed",)),
    "diagnose a run": (("diagnose", RUN, "--out", "diagnosed"), ("diagnosed",)),
    "compare": (("compare", RUN, OTHER, "--out", "compared"), ("compared",)),
    "export": (("export", RUN, "--format", "gexf", "--step", "all", "--out", "web.gexf"), ("web.gexf",)),
    "sweep": (("sweep", "sweep.json", "--jobs", "1", "--out", "swept"), ("swept",)),
    "heat": (("heat", LOG, "--max-accuracy", "0.9", "--out", "heat.jsonl"), ("heat.jsonl",)),
    "heat for verl": (
        ("heat", LOG, "--max-accuracy", "0.9", "--target", "verl", "--out", "heat.parquet"),
        ("heat.parquet",),
    ),
    "watch": (("watch", LOG, "--refreshes", "2", "--interval", "0", "--out", "watched"), ("watched",)),
    "web": (("web", LOG, "--embedding", "words", "--out", "concepts"), ("concepts",)),
    "capacity": (("capacity", "--preset", "smoke", *CAPACITY, "--out", "capacity"), ("capacity",)),
    "animate": (("animate", RUN, "--out", "web.gif"), ("web.gif",)),
    "reproduce": (
        ("reproduce", f"{CLAIM}:CLAIM", "--seeds", "2", "--jobs", "1", "--out", "answered"),
        ("answered",),
    ),
    # What is added here goes to the end, so that the numbers of the cases stay.
    "resume steered": (("resume", STEERED_STOPPED, "--threads", "1", "--json"), (STEERED_STOPPED,)),
    "serve": (("serve", RUN, "--export", "page.html"), ("page.html",)),
}


class Stop(BaseException):
    """Ends a training as a kill would: nothing may catch it."""


def build(place: Path) -> None:
    """Make the inputs of all commands in a new folder; uses polars, so it runs in a fork."""
    place.mkdir(parents=True)
    os.chdir(place)
    (place / "config.json").write_text(CONFIG.to_json())
    grid = SMALL | SWEEP["grid"]
    (place / "sweep.json").write_text(json.dumps(SWEEP | {"grid": grid}))
    write_log(place / LOG)
    write_claim(place / CLAIM)
    conet.run(CONFIG, place / RUN, threads=1)
    call("report", RUN)
    conet.run(CONFIG.override({"seed": 1}), place / OTHER, threads=1)
    stopped_run(CONFIG, place / STOPPED, 13)
    stopped_run(CONFIG, place / STEERED_STOPPED, 13, ASKED)
    shutil.copytree(place / STEERED_STOPPED, place / STEERED)
    conet.resume(place / STEERED, threads=1)
    call("report", STEERED)


def stopped_run(
    config: conet.Config,
    place: Path,
    step: int,
    asked: Mapping[int, tuple[tuple[str, float | None], ...]] | None = None,
) -> None:
    """Leave a run that was ended during a step, as by a kill; one of which something was asked is steered."""

    def stop(row: Mapping[str, Any]) -> None:
        for action, value in (asked or {}).get(row["step"] + 1, ()):
            ask(place, action, value)
        if row["step"] == step:
            raise Stop

    try:
        conet.run(config, place, progress=stop, threads=1, control=asked is not None)
    except Stop:
        return
    raise AssertionError("the run was not stopped")


def write_log(path: Path) -> None:
    """Write a log of rollouts with hard problems that have correct answers."""
    lines = [
        {
            "step": step,
            "prompt": f"What is {problem}?",
            "completion": "word " * (3 + (step * 7 + problem * 3 + sample) % 11),
            "correct": hash_of(step, problem, sample) % 100 < 100 * step * (problem + 1) // 250,
        }
        for step in range(30)
        for problem in range(6)
        for sample in range(8)
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def write_claim(path: Path) -> None:
    """Write a claim of the user's own: the skeleton, on a graph and a training that take no time."""
    text = (Path(__file__).parents[2] / "docs/skeletons/claim.py").read_text()
    settings = 'SETTINGS = {"graph.nodes": 40, "graph.degree": 5, "problems.count": 6, "steps": 40}'
    lines = [settings if line.startswith("SETTINGS") else line for line in text.splitlines()]
    path.write_text("\n".join(lines) + "\n")


def hash_of(*numbers: int) -> int:
    """Return a number that looks random, and is the same everywhere."""
    return int(hashlib.sha256(repr(numbers).encode()).hexdigest()[:8], 16)


def fresh(base: Path, slot: Path) -> None:
    """Make the slot as the base is."""
    shutil.rmtree(slot, ignore_errors=True)
    shutil.copytree(base, slot, symlinks=True)


def tree(place: Path) -> dict[str, bytes]:
    """Return all files below a place, or the one that it is."""
    if place.is_file():
        return {"": place.read_bytes()}
    return {
        str(file.relative_to(place)): file.read_bytes() for file in sorted(place.rglob("*")) if file.is_file()
    }


def shown(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the files without hidden ones: what could not be deleted, the next command deletes."""
    return {name: data for name, data in files.items() if not Path(name).name.startswith(".")}


def hidden(place: Path) -> list[str]:
    """Return the names with a dot below a place."""
    return sorted(str(file.relative_to(place)) for file in place.rglob(".*"))


def contents(place: Path) -> dict[str, Any]:
    """Return everything that a whole run holds, so that two of them can be compared; uses polars."""
    run = conet.Run(place)
    run.verify()
    return {name: read() for name, read in readers(run).items()}


def what_can_be_read(place: Path) -> dict[str, Any]:
    """Return what of a damaged run is not refused."""
    found: dict[str, Any] = {}
    with contextlib.suppress(ConetError):
        run = conet.Run(place)
        for name, read in {**readers(run), "provenance": run.provenance}.items():
            with contextlib.suppress(ConetError):
                found[name] = read()
    return found


def readers(run: conet.Run) -> dict[str, Callable[[], Any]]:
    """Return what reads each part of a run, as a value that can be compared."""
    own = ("run", "seconds")
    events = lambda: [event for event in run.events() if event["event"] != "resumed"]  # noqa: E731
    reading: dict[str, Callable[[], Any]] = {
        "summary": lambda: {key: value for key, value in run.summary().items() if key not in own},
        "config": lambda: run.config.to_json(),
        "events": events,
        "graph": lambda: [array.tobytes() for array in (run.graph().offsets, run.graph().targets)],
        "problems": lambda: as_text(run.problems()) if run.kind != "walks" else repr(vars(run.problems())),
        "figures": lambda: sorted(file.name for file in (run.path / "figures").glob("*")),
        "metrics": lambda: as_text(run.metrics()),
        "evaluations": lambda: as_text(run.evaluations()),
        "rollouts": lambda: as_text(run.rollouts().collect()),
    }
    for step in (*CONFIG.snapshots.steps, CONFIG.steps):
        reading[f"snapshot {step}"] = lambda step=step: {
            name: array.tobytes() for name, array in run.snapshot(step).items()
        }
    return reading


def as_text(table: Any) -> tuple[str, str]:
    """Return the columns of a table with their types, and its rows."""
    return repr(table.schema), table.write_csv()


def made(command: str, slot: Path) -> Any:
    """Return what a command has made, as far as it does not depend on the clock."""
    names = COMMANDS[command][1]
    if command in ("run", "resume", "resume steered"):
        return contents(slot / names[0])
    if command == "sweep":
        import polars as pl

        place = slot / names[0]
        table = pl.read_parquet(place / "table.parquet")
        files = {name for name in tree(place) if not name.startswith("cells/")}
        return repr(table.schema), table.write_csv(), sorted(files)
    if command == "capacity":
        place = slot / names[0]
        found = {
            name: json.loads((place / name).read_text()) for name in tree(place) if name.endswith(".json")
        }
        return {
            name: {key: value for key, value in one.items() if key != "seconds"}
            for name, one in found.items()
        }
    if command == "reproduce":
        return {name: data for name, data in shown(tree(slot / names[0])).items() if "cells/" not in name}
    return {name: shown(tree(slot / name)) for name in names}


def difference(one: Any, other: Any, name: str = "") -> str:
    """Say in a few words where two values differ; empty where they do not."""
    if isinstance(one, tuple) and isinstance(other, tuple) and len(one) == len(other):
        one, other = dict(enumerate(one)), dict(enumerate(other))
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        for key in sorted({*one, *other}, key=str):
            if key not in one or key not in other:
                return f"{name}/{key}, which only one has"
            if found := difference(one[key], other[key], f"{name}/{key}"):
                return found
        return ""
    return "" if one == other else f"{name}: {str(one)[:80]!r} and {str(other)[:80]!r}"


def reference(command: str) -> Callable[[Path], tuple[Called, Any]]:
    """Return what calls a command undisturbed, and takes what it made."""

    def work(slot: Path) -> tuple[Called, Any]:
        os.chdir(slot)
        called = call(*COMMANDS[command][0])
        if called.code:
            raise Fault("traceback", f"undisturbed: {called}")
        return called, made(command, slot)

    return work
