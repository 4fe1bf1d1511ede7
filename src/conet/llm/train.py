"""Training on a language model: a recipe in, a run directory out; resumable."""

import json
import os
import shutil
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from conet.base.errors import ConetError
from conet.base.files import damaged, numbered, write_atomic, write_table
from conet.llm import models, problems
from conet.llm.judge import Judge
from conet.llm.options import grpo_options
from conet.llm.recipe import Recipe, from_data
from conet.llm.record import Record, Show, silent
from conet.llm.schedule import state_of
from conet.llm.summary import summary
from conet.observables.standard import named


def run(recipe: Recipe, out: Path, show: Show = silent) -> Path:
    """Train from the start.

    Parameters
    ----------
    recipe
        The settings.
    out
        A new or empty directory.
    show
        Told how far it is: what is counted, how many are done, of how many, how it goes.

    Raises
    ------
    ConetError
        When the place is taken, or something the recipe names is not there.
    """
    check_installed()
    from accelerate import PartialState

    with PartialState().main_process_first():
        if PartialState().is_main_process:
            create(recipe, out)
    try:
        return go_on(out, show)
    except ConetError:
        trained = (out / "start").exists() or any(out.glob("rollouts/*"))
        if PartialState().is_main_process and not trained:
            shutil.rmtree(out)  # the same place will be wanted again
        raise


def create(recipe: Recipe, out: Path) -> None:
    """Make the run directory appear by one rename, with recipe and provenance."""
    from conet.runs.directory import refuse_existing

    refuse_existing(out)
    temporary = out.with_name(f".{out.name}.{os.getpid()}")
    for name in ("rollouts", "checkpoints"):
        (temporary / name).mkdir(parents=True)
    write_atomic(temporary / "recipe.json", recipe.model_dump_json(indent=2) + "\n")
    write_atomic(temporary / "provenance.json", json.dumps(provenance(recipe), indent=2) + "\n")
    if out.exists():
        out.rmdir()
    os.rename(temporary, out)


def provenance(recipe: Recipe) -> dict[str, Any]:
    """Return where a run comes from: versions, machine, seed."""
    import platform
    from importlib.metadata import PackageNotFoundError, version

    packages = ("conet-rlvr", "torch", "transformers", "trl", "accelerate", "peft", "datasets", "math-verify")
    import torch

    versions = {"python": platform.python_version()}
    for name in packages:
        with suppress(PackageNotFoundError):
            versions[name] = version(name)
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else platform.machine()
    return {
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "seed": recipe.seed,
        "versions": versions,
        "machine": {"system": platform.platform(), "device": device, "cores": os.cpu_count()},
    }


def read_recipe(path: Path) -> Recipe:
    """Return the recipe of a run directory.

    Raises
    ------
    ConetError
        When it is none.
    """
    file = path / "recipe.json"
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise damaged(file, error, "name a directory that `conet llm train` made") from None
    return from_data(data)


def go_on(path: Path, show: Show = silent) -> Path:
    """Train from the last checkpoint on, or from the start where there is none yet.

    A finished run is left as it is.

    Raises
    ------
    ConetError
        When the directory is no run, or memory is short.
    """
    check_installed()
    from accelerate.utils import gather_object

    recipe = read_recipe(path)
    if (path / "summary.json").exists():
        return path
    with Judge(
        recipe.problems.verifier, recipe.problems.verifier_workers, recipe.problems.verifier_seconds
    ) as judge:
        trainer = build(recipe, path, judge, show)
        checkpoint = last_checkpoint(path)
        if trainer.is_world_process_zero():
            trainer.record.restore(checkpoint[0] if checkpoint else 0)
        begun = time.perf_counter()
        with out_of_memory():
            trainer.train(resume_from_checkpoint=str(checkpoint[1]) if checkpoint else None)
        seconds = time.perf_counter() - begun
        trainer.save_model(str(path / "model"))
        judged: Counter[str] = sum(map(Counter, gather_object([dict(judge.counts)])), Counter())
        if trainer.is_world_process_zero():
            trainer.record.flush(trainer.annealing.events)
            write_atomic(
                path / "summary.json", json.dumps(summary(trainer, judged, seconds), indent=2) + "\n"
            )
    return path


def build(recipe: Recipe, path: Path, judge: Judge, show: Show = silent) -> Any:
    """Put model, problems and trainer together."""
    from peft import LoraConfig

    from conet.llm.trainer import AnnealedTrainer

    found = problems.load(recipe.problems)
    options = grpo_options(recipe, path)
    least = options.generation_batch_size // options.num_generations
    if len(found) < least:  # TRL would drop the incomplete batch, and train nothing
        raise ConetError(
            f"{len(found)} problems",
            f"at least the {least} of one step",
            "lower training.per_device_train_batch_size or give more problems",
        )
    update = options.per_device_train_batch_size * options.world_size * options.gradient_accumulation_steps
    annealing = state_of(recipe, len(found), update)
    model, tokenizer = start_model(recipe, path, show)
    lora = recipe.model.lora
    if not (path / "problems.parquet").exists():
        import polars as pl

        write_table(
            path / "problems.parquet",
            pl.DataFrame([vars(problem) for problem in found], infer_schema_length=None),
        )
    return AnnealedTrainer(
        model=model,
        processing_class=tokenizer,
        args=options,
        train_dataset=problems.dataset(found, recipe.problems),
        problems=found,
        judge=judge,
        annealing=annealing,
        record=Record(path, recipe.keep_text),
        flush_every=recipe.flush_every,
        show=show,
        observables=named(recipe.observables),
        peft_config=LoraConfig(**lora) if lora else None,
    )


def start_model(recipe: Recipe, path: Path, show: Show) -> tuple[Any, Any]:
    """Return model and tokenizer as RLVR starts from them.

    Weights that no path names (random, from a GGUF file, after a warm-up) are kept in ``RUN/start``:
    resuming needs them, and so does a penalty against the starting policy.
    """
    start = path / "start"
    kept = recipe.model.model_copy(update={"path": str(start), "gguf": None, "tokenizer": str(start)})
    if not (start / "done").exists():
        if recipe.model.path and not recipe.warmup.steps:
            return models.load(recipe.model, recipe.seed)
        from accelerate import PartialState

        from conet.llm.warmup import warm_up

        state = PartialState()
        model, tokenizer = models.load(recipe.model, recipe.seed)
        model.to(state.device)
        loss = None
        if recipe.warmup.steps:
            loss = warm_up(model, tokenizer, recipe.warmup, recipe.seed, show)
        if state.is_main_process:
            model.save_pretrained(start)
            tokenizer.save_pretrained(start)
            write_atomic(start / "done", json.dumps({"loss": loss}) + "\n")
        state.wait_for_everyone()
    return models.load(kept, recipe.seed)


def last_checkpoint(path: Path) -> tuple[int, Path] | None:
    """Return the newest complete checkpoint; what a kill left half-written is removed."""
    from conet.llm.trainer import STATE

    complete = None
    for number, folder in numbered(path / "checkpoints", "checkpoint-", ""):
        if (folder / STATE).exists():
            complete = number, folder
        elif os.environ.get("RANK", "0") == "0":
            shutil.rmtree(folder, ignore_errors=True)
    return complete


@contextmanager
def out_of_memory() -> Iterator[None]:
    """Turn running out of memory into one line."""
    import torch

    try:
        yield
    except (torch.OutOfMemoryError, MemoryError):
        raise ConetError(
            "out of memory",
            "a batch that fits",
            "lower training.per_device_train_batch_size (and raise gradient_accumulation_steps) or "
            "training.max_completion_length, or set training.gradient_checkpointing=true",
        ) from None


def check_installed() -> None:
    """Refuse where the extra is missing.

    Raises
    ------
    ConetError
        Naming the package and the command that installs it.
    """
    from importlib.util import find_spec

    missing = [
        name
        for name in ("torch", "transformers", "trl", "accelerate", "peft", "datasets")
        if find_spec(name) is None
    ]
    if missing:
        raise ConetError(f"no package {missing[0]}", "the extra [llm]", "pip install 'conet-rlvr[llm]'")


def default_place(recipe: Recipe) -> Path:
    """Return runs/llm-<recipe>-s<seed>-<time>."""
    now = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    return Path("runs") / f"llm-{recipe.name}-s{recipe.seed}-{now}"
