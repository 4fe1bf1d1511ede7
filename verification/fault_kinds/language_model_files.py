"""The files that a training of a language model leaves besides checkpoints and tables: heat sets, begun generations.

`heat-<update>.jsonl` is what a later heating learns from, `generation-<process>.pt`, in a checkpoint, what further
updates learn from. A training that was killed is resumed, and meets a kill, an error or a full disk just there; or
such a file of it is damaged, taken away or another one. Then it goes on as the undisturbed one, or says why not.
Needs the extra [llm]. Everything happens in forks of a process that has imported the libraries.
"""

import errno
import importlib
import io
import os
import random
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from fault_kinds import full, shim
from fault_kinds.case import Bench, Kind, LeftOut
from fault_kinds.kills import die
from fault_kinds.language_model_kills import LIBRARIES, made
from fault_kinds.language_models import SMALL, trained
from fault_kinds.mutations import damage
from fault_kinds.processes import Called, Died, Fault, call, in_child
from fault_kinds.worlds import difference, hidden

# Heatings that come back, and each generation learned from twice, with a checkpoint between the two.
TWICE = (
    *(setting for setting in SMALL if not setting.startswith(("steps=", "heating."))),
    *("steps=12", "schedule.name=temperature", "schedule.sft_every=2", "training.num_iterations=2"),
    *("heating.harvest_samples=0", "heating.min_samples=2", "heating.max_accuracy=1.0"),
)
FILES = {"heat": "heat-*.jsonl", "generation": "checkpoints/checkpoint-*/generation-*.pt"}
WAYS = ("killed", "failed", "full", "damaged", "missing", "another")
ERRORS = (errno.ENOSPC, errno.EIO, errno.EDQUOT)
RESUME = ("llm", "resume", "stopped")


def is_of(path: str, name: str) -> bool:
    """Whether a path is that of such a file, or of what becomes one when it is renamed."""
    return os.path.basename(path).lstrip(".").startswith(f"{name}-")


class Count(shim.Hook):
    """Counts the operations on each sort of these files."""

    def __init__(self) -> None:
        self.seen = dict.fromkeys(FILES, 0)

    def before(self, operation: str, path: str, detail: Any) -> None:
        for name in FILES:
            self.seen[name] += is_of(path, name)


class At(shim.Hook):
    """Does something at the n-th operation on files of one sort."""

    def __init__(self, name: str, number: int, where: str, act: Any = die) -> None:
        self.name, self.left, self.where, self.act = name, number, where, act
        self.seen = 0

    def before(self, operation: str, path: str, detail: Any) -> int | None:
        if not is_of(path, self.name):
            return None
        self.seen += 1
        if self.seen - 1 == self.left and self.where == "before":
            self.act()
        half = self.seen - 1 == self.left and self.where == "in" and operation == "write"
        return len(detail) // 2 if half else None

    def torn(self, path: str) -> None:
        self.act()

    def after(self, operation: str, path: str, detail: Any) -> None:
        if is_of(path, self.name) and self.seen - 1 >= self.left and self.where in ("in", "after"):
            self.act()


@contextmanager
def through_python() -> Iterator[None]:
    """Let torch write as Python does, so that the writing is seen."""
    import torch

    real = torch.save

    def save(value: Any, file: Any, **options: Any) -> None:
        if not isinstance(file, str | os.PathLike):
            return real(value, file, **options)
        buffer = io.BytesIO()
        real(value, buffer, **options)
        with open(file, "wb") as opened:
            opened.write(buffer.getvalue())

    torch.save = save
    try:
        yield
    finally:
        torch.save = real


def stop() -> Called:
    """Train until a checkpoint has a begun generation and the run a later heat set, and end as by a kill."""
    from conet.llm.trainer import AnnealedTrainer

    whole = AnnealedTrainer._save_checkpoint

    def save(self: Any, *arguments: Any) -> None:
        whole(self, *arguments)
        place = Path(self.args.output_dir)
        folder = place / f"checkpoint-{self.state.global_step}"
        if list(folder.glob("generation-*")) and list(place.parent.glob("heat-*")):
            die()

    AnnealedTrainer._save_checkpoint = save
    return call("llm", "train", "tiny", "--set", *TWICE, "--out", "stopped")


def truth(bench: Bench) -> tuple[Any, dict[str, int]]:
    """Leave a run that was killed; return what it makes when it is resumed, and its operations on the files."""
    if "truth" not in bench.kept:
        shutil.rmtree(bench.slot, ignore_errors=True)
        bench.slot.mkdir()
        os.chdir(bench.slot)
        said = in_child(stop)
        if not isinstance(said, Died):
            raise AssertionError(f"the run was not stopped: {said}")
        shutil.copytree("stopped", bench.place / "stopped")
        for pattern in FILES.values():
            if not list(Path("stopped").glob(pattern)):
                raise AssertionError(f"the run that was stopped has no {pattern}")

        def work() -> tuple[Any, dict[str, int]]:
            fresh(bench)
            with through_python(), shim.seen(str(bench.slot), count := Count()):
                called = call(*RESUME)
            if called.code or not all(count.seen.values()):
                raise AssertionError(f"undisturbed: {called}, {count.seen}")
            return everything(bench.slot, called), count.seen

        bench.kept["truth"] = in_child(work)
    return bench.kept["truth"]


def everything(slot: Path, called: Called) -> Any:
    """Return what the training has made, and its heat sets."""
    sets = {file.name: file.read_bytes() for file in sorted((slot / "stopped").glob("heat*.jsonl"))}
    return made("resume", slot, called) | {"heat sets": sets}


def fresh(bench: Bench) -> Path:
    """Put the run that was stopped where it was, and go there."""
    os.chdir("/")
    shutil.rmtree(bench.slot, ignore_errors=True)
    bench.slot.mkdir()
    shutil.copytree(bench.place / "stopped", bench.slot / "stopped")
    os.chdir(bench.slot)
    return bench.slot


def killed(bench: Bench, name: str, rng: random.Random, count: int) -> str:
    """Kill the training at one operation on such a file."""
    hook = At(name, rng.randrange(count), rng.choice(("before", "in", "after")))
    slot = fresh(bench)

    def work() -> None:
        with through_python(), shim.seen(str(slot), hook):
            call(*RESUME)

    ended = in_child(work)
    if not isinstance(ended, Died):
        return "ended before the kill"
    if ended.signal != signal.SIGKILL:
        raise Fault("died", f"signal {ended.signal}")
    return in_child(partial(settled, bench))


def failed(bench: Bench, name: str, rng: random.Random, count: int) -> str:
    """Let one operation on such a file fail."""
    error = rng.choice(ERRORS)

    def fail() -> None:
        raise OSError(error, os.strerror(error))

    hook = At(name, rng.randrange(count), rng.choice(("before", "in")), fail)
    slot = fresh(bench)

    def work() -> Called:
        with through_python(), shim.seen(str(slot), hook):
            return call(*RESUME)

    called = in_child(work)
    if called.code == 0:
        return "the error did not come"
    return "said" if in_child(partial(settled, bench)) else ""


def full_disk(bench: Bench, name: str, rng: random.Random, count: int) -> str:
    """Let the disk be full once such a file is written; then there is space again."""
    room = rng.choice((0, full.PAGE))

    def work() -> str | None:
        from conet.base import files
        from conet.llm.checkpointed import Checkpointed

        bench.slot.mkdir(exist_ok=True)
        if not full.apart() or not full.mounted(bench.slot, full.LARGE):
            return None
        shutil.copytree(bench.place / "stopped", bench.slot / "stopped")
        os.chdir(bench.slot)
        filled = []

        def fill() -> None:
            if not filled:
                filled.append(full.mounted(bench.slot, full.used(bench.slot) + room, full.REMOUNT))

        filling(name, fill, files, Checkpointed)
        called = call(*RESUME)
        full.mounted(bench.slot, full.LARGE, full.REMOUNT)
        if called.code == 0:
            return "the disk was enough"
        return "said" if settled(bench) else ""

    os.chdir("/")
    shutil.rmtree(bench.slot, ignore_errors=True)
    answer = in_child(work)
    if answer is None:
        raise LeftOut("no right to mount")
    return answer


def filling(name: str, fill: Any, files: Any, checkpointed: Any) -> None:
    """Call a function just before such a file is written; in a fork, which ends with it."""
    if name == "generation":
        where = checkpointed._generation_file

        def generation_file(self: Any, folder: Path) -> Path:
            if self.is_in_train and folder.exists() and not where(self, folder).exists():
                fill()
            return where(self, folder)

        checkpointed._generation_file = generation_file
        return
    temporary = files.temporary_for

    def temporary_for(path: Path) -> Path:
        if path.name.startswith("heat-"):
            fill()
        return temporary(path)

    files.temporary_for = temporary_for


def wrong(bench: Bench, name: str, rng: random.Random, way: str) -> str:
    """Damage such a file, take it away or put another in its place; then resume."""
    slot = fresh(bench)
    file = rng.choice(sorted((slot / "stopped").glob(FILES[name])))
    if way == "missing":
        file.unlink()
    elif way == "damaged":
        damage(file, rng)
    else:
        others = [one for one in file.parent.iterdir() if one.is_file() and one != file]
        shutil.copy(rng.choice(sorted(others)), file)

    def work() -> str:
        called = call(*RESUME)
        if called.code:
            return "refused"
        if differs := difference(everything(slot, called), bench.kept["truth"][0]):
            raise Fault("silent", f"{file.name}: exit 0, {differs}")
        return "all as before"

    return in_child(work)


def settled(bench: Bench) -> str:
    """Resume where all is well, and compare; in a fork."""
    called = call(*RESUME)
    if called.code:
        raise Fault("lost", f"then resume: {called}")
    if left := [name for name in hidden(bench.slot) if not name.endswith(".lock")]:
        raise Fault("left over", f"after resume: {left}")
    if differs := difference(everything(bench.slot, called), bench.kept["truth"][0]):
        raise Fault("silent", f"after resume: {differs}")
    return "went on"


def case(bench: Bench, number: int) -> tuple[str, str]:
    """Let one thing happen to one such file, and go on."""
    if trained(bench) is None:
        raise LeftOut("needs the extra [llm]")
    for library in LIBRARIES:
        importlib.import_module(library)
    rng, way = bench.random(number), WAYS[number % len(WAYS)]
    name = sorted(FILES)[number // len(WAYS) % len(FILES)]
    _, counts = truth(bench)
    tries = {"killed": killed, "failed": failed, "full": full_disk}
    try:
        answer = tries[way](bench, name, rng, counts[name]) if way in tries else wrong(bench, name, rng, way)
    except Fault as fault:
        raise Fault(fault.name, f"{way}, {name}: {fault.what}") from None
    if isinstance(answer, Died):
        raise Fault("died", f"{way}, {name}: signal {answer.signal}")
    return f"{name}, {way}", answer


KIND = Kind(
    name="language model files",
    what="a heat set of a later heating, or the rest of a generation in a checkpoint: killed, failing or on a full disk "
    "while it is written; damaged, missing or another file before `conet llm resume`",
    goal=120,
    case=case,
)
