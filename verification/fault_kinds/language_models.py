"""Damage to one file of a run of a language model, as for runs of walks.

The run is trained once, which needs the extra [llm], and kept beside the counts; an environment without the extra
uses the one that is there.
"""

import importlib.util
import os
import shutil
from pathlib import Path

from fault_kinds.case import Bench, Kind, LeftOut
from fault_kinds.mutations import answers, cleared, damage, ended
from fault_kinds.processes import Died, Fault, call, in_child
from fault_kinds.worlds import difference, what_can_be_read

FILES = {
    "recipe.json": "recipe.json",
    "provenance.json": "provenance.json",
    "problems.parquet": "problems.parquet",
    "digests.jsonl": "digests.jsonl",
    "events.jsonl": "events.jsonl",
    "metrics.parquet": "metrics.parquet",
    "summary.json": "summary.json",
    "rollouts": "rollouts/part-*.parquet",
}
HEADS = {"num_attention_heads": 2, "num_key_value_heads": 2}
SIZES = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, **HEADS}
SMALL = (
    *("steps=6", "checkpoint_every=1", "flush_every=2", "problems.limit=4", "problems.levels=[2]"),
    *("warmup.steps=60", "warmup.batch=32", "warmup.levels=[2]", "training.per_device_train_batch_size=8"),
    *(
        "training.num_generations=4",
        "training.max_completion_length=4",
        "heating.mode=heat_at",
        "heating.step=2",
    ),
    *("heating.steps=3", "heating.harvest_samples=16", "heating.min_samples=16", "heating.max_accuracy=1.0"),
    *(f"model.sizes.{name}={size}" for name, size in SIZES.items()),
)


def commands(run: str) -> dict[str, tuple[str, ...]]:
    """Return the calls that read a run."""
    return {
        "report": ("report", run),
        "diagnose": ("diagnose", run, "--json", "--out", "diagnosed"),
        "resume": ("llm", "resume", run, "--json"),
    }


def trained(bench: Bench) -> Path | None:
    """Return a finished run, which is trained where that is possible and there is none yet."""
    kept = bench.keep / "language-model"
    if not kept.exists() and importlib.util.find_spec("trl") is not None:
        out = bench.place / "language-model"
        called = in_child(lambda: call("llm", "train", "tiny", "--set", *SMALL, "--out", str(out)))
        if isinstance(called, Died) or called.code:
            raise AssertionError(f"the run could not be trained: {called}")
        whole = kept.with_name(f".{kept.name}.{os.getpid()}")
        shutil.copytree(out, whole)
        try:
            whole.rename(kept)
        except OSError:  # kinds that are tried side by side train it twice, and one is first
            shutil.rmtree(whole)
    return kept if kept.exists() else None


def case(bench: Bench, number: int) -> tuple[str, str]:
    """Damage one file of the run, and read the run."""
    kept, rng = trained(bench), bench.random(number)
    if kept is None:
        raise LeftOut("needs the extra [llm]")
    slot, group = bench.slot, sorted(FILES)[number % len(FILES)]
    if not bench.kept:
        slot.mkdir()
        os.chdir(slot)
        shutil.copytree(kept, slot / "run")
        bench.kept["read"] = what_can_be_read(slot / "run")
        bench.kept["truth"] = answers(slot, "run", calls=commands)
        if any(code for code, *_ in list(bench.kept["truth"].values())[:2]):
            raise AssertionError(f"the whole run is refused: {bench.kept['truth']}")
    cleared(slot, "run", "diagnosed")
    shutil.copytree(kept, slot / "run")
    file = rng.choice(sorted((slot / "run").glob(FILES[group])))
    damage(file, rng)
    read = what_can_be_read(slot / "run")
    if differs := difference(bench.kept["read"] | read, bench.kept["read"]):
        raise Fault("silent", f"{file.name}, from Python: {differs}")
    try:
        found = answers(slot, "run", bench.kept["truth"], commands)
    except Fault as fault:
        raise Fault(fault.name, f"{file.name}: {fault.what}") from None
    ending = ended(found, bench.kept["truth"])
    refused = set(read) < set(bench.kept["read"])
    return group, "refused from Python" if ending == "all as before" and refused else ending


KIND = Kind(
    name="language models",
    what="the same in a run of a language model, then report, diagnose and resume",
    goal=1000 * len(FILES),
    case=case,
    forks=False,
)
