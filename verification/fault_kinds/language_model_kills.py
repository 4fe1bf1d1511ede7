"""Kills of the commands on language models; afterwards the next command makes what an undisturbed one makes.

Needs the extra [llm]. Everything happens in forks of a process that has imported the libraries.
"""

import importlib
import json
import os
import random
import shutil
import signal
from pathlib import Path
from typing import Any

import conet
from fault_kinds import shim
from fault_kinds.case import Bench, Kind, LeftOut
from fault_kinds.kills import Count, KillAt
from fault_kinds.language_models import SMALL, trained
from fault_kinds.processes import Called, Died, Fault, call, in_child
from fault_kinds.worlds import as_text, difference, hidden

LIBRARIES = (
    "torch",
    "transformers",
    "trl",
    "accelerate",
    "peft",
    "datasets",
    "conet.llm.train",
    "conet.llm.trainer",
)
COMMANDS: dict[str, tuple[tuple[str, ...], str]] = {
    "train": (("llm", "train", "tiny", "--set", *SMALL, "--out", "trained"), "trained"),
    "resume": (("llm", "resume", "stopped"), "stopped"),
    "eval": (("llm", "eval", "run", "training", "--samples", "2", "--batch", "4", "--out", "asked"), "asked"),
    "verify": (("llm", "verify", "cases.jsonl", "--verifier", "judge.py:judge", "--json"), ""),
}
RESUME = ("llm", "resume", "trained")
CASES_TO_JUDGE = "".join(
    json.dumps({"gold": str(number), "completion": str(number % 7)}) + "\n" for number in range(20)
)
JUDGE = "def judge(completion, answer):\n    return completion == answer\n"
CLOCK = ("seconds", "time", "duration")  # in the names of columns that the clock decides


def made(command: str, slot: Path, called: Called) -> Any:
    """Return what a command has made, as far as it does not depend on the clock; uses polars, so in a fork."""
    place = slot / COMMANDS[command][1]
    if command == "verify":
        return called.out
    if command == "eval":
        found = {file.name: json.loads(file.read_bytes()) for file in sorted(place.rglob("evaluation.json"))}
        return {
            name: {key: value for key, value in one.items() if key != "seconds"}
            for name, one in found.items()
        }
    run = conet.Run(place)
    run.verify()
    metrics = run.metrics()
    steady = [name for name in metrics.columns if not any(word in name for word in CLOCK)]
    weights = {file.name: file.read_bytes() for file in sorted((place / "model").glob("*.safetensors"))}
    return {
        "rollouts": as_text(run.rollouts().sort("step", "problem", "sample").collect()),
        "metrics": as_text(metrics.select(steady)),
        "accuracy": run.summary()["accuracy"],
        "weights": weights,
    }


def fresh(bench: Bench, command: str = "") -> Path:
    """Make the inputs of a command, and go there."""
    os.chdir("/")
    shutil.rmtree(bench.slot, ignore_errors=True)
    bench.slot.mkdir()
    os.chdir(bench.slot)
    shutil.copytree(bench.keep / "language-model", "run")
    Path("cases.jsonl").write_text(CASES_TO_JUDGE)
    Path("judge.py").write_text(JUDGE)
    if command == "resume":
        shutil.copytree(bench.place / "stopped", "stopped")
    return bench.slot


def stopped(bench: Bench) -> None:
    """Leave a run that was killed in its middle, for resuming."""
    total = sum(known(bench, "train")[1].values())
    fresh(bench)
    for share in (0.6, 0.5, 0.7, 0.4):
        shutil.rmtree("trained", ignore_errors=True)
        at = int(share * total)
        in_child(lambda at=at: killed("train", bench.slot, at, "before"))
        if any(Path("trained").glob("checkpoints/checkpoint-*/annealing.json")):
            Path("trained").rename(bench.place / "stopped")
            return
    raise AssertionError("no run could be stopped after a checkpoint")


def known(bench: Bench, command: str) -> tuple[Any, dict[str, int]]:
    """Call a command undisturbed, once; return what it makes, and its operations."""
    if command not in bench.kept:
        if command == "resume":
            stopped(bench)
        slot = fresh(bench, command)

        def work() -> tuple[Any, dict[str, int]]:
            count = Count()
            with shim.seen(str(slot), count):
                called = call(*COMMANDS[command][0])
            if called.code:
                raise AssertionError(f"undisturbed: {called}")
            return made(command, slot, called), count.seen

        bench.kept[command] = in_child(work)
    return bench.kept[command]


def killed(command: str, slot: Path, at: int, where: str) -> Called:
    """Call a command that is killed at one of its operations."""
    with shim.seen(str(slot), KillAt(at, where)):
        return call(*COMMANDS[command][0])


def settled(command: str, slot: Path, truth: Any) -> str:
    """Call the next command on the place, and compare; in a fork."""
    arguments, ending = COMMANDS[command][0], "made again"
    if command == "train" and (slot / "trained").exists():
        arguments, ending = RESUME, "went on"
    called = call(*arguments)
    if called.code:
        raise Fault("lost", f"then {' '.join(arguments)}: {called}")
    if left := hidden(slot):
        raise Fault("left over", f"after {' '.join(arguments)}: {left}")
    if differs := difference(made(command, slot, called), truth):
        raise Fault("silent", f"after {' '.join(arguments)}: {differs}")
    return ending


def case(bench: Bench, number: int) -> tuple[str, str]:
    """Kill one command at one operation on a file."""
    if trained(bench) is None:
        raise LeftOut("needs the extra [llm]")
    for name in LIBRARIES:
        importlib.import_module(name)
    rng: random.Random = bench.random(number)
    command = rng.choices(list(COMMANDS), (4, 3, 2, 1))[0]
    truth, operations = known(bench, command)
    slot = fresh(bench, command)
    # What only reads is killed by the clock.
    total = sum(operations.values())
    at, where = rng.randrange(max(total, 1)), rng.choice(("before", "in", "after"))
    after = None if total > 10 else rng.uniform(0, 3)
    ended = in_child(lambda: killed(command, slot, at, where), after)
    if isinstance(ended, Called):
        if ended.code:
            raise Fault("lost", f"{command}: {ended}")
        return command, "ended before the kill"
    if ended.signal not in (0, signal.SIGKILL):
        raise Fault("died", f"{command}: signal {ended.signal}")
    try:
        answer = in_child(lambda: settled(command, slot, truth))
    except Fault as fault:
        raise Fault(fault.name, f"{command}, {where} operation {at} of {total}: {fault.what}") from None
    if isinstance(answer, Died):
        raise Fault("died", f"{command}: the next command by signal {answer.signal}")
    return command, answer


KIND = Kind(
    name="language model kills",
    what="SIGKILL of `conet llm train`, `resume`, `eval` and `verify`, then the next one",
    goal=60,
    case=case,
)
