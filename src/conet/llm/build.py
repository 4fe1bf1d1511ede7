"""Model, problems and trainer of a recipe, put together."""

import json
from pathlib import Path
from typing import Any

from conet.base.errors import ConetError
from conet.base.files import table_bytes
from conet.llm import models, problems
from conet.llm.checking import refuse_half_precision
from conet.llm.judge import Judge
from conet.llm.options import grpo_options
from conet.llm.problems import Problem
from conet.llm.record import Show, silent
from conet.llm.schedule import state_of
from conet.observables.observation import ROLLOUTS, check_needs
from conet.observables.standard import named
from conet.rollouts.token_store import Elsewhere, OnDisk
from conet.runs.recipe import ProblemSettings, Recipe
from conet.runs.recorder import Recorder
from conet.runs.tables import table

PROBLEMS = "problems.parquet"


def build(
    recipe: Recipe, path: Path, judge: Judge, recorder: Recorder | None = None, show: Show = silent
) -> Any:
    """Put model, problems and trainer together.

    Parameters
    ----------
    recipe
        The settings.
    path
        The run directory.
    judge
        Who judges completions.
    recorder
        The tables; None on all processes but one.
    show
        Called with the progress: what is counted, how many are done, of how many, how it goes.
    """
    from peft import LoraConfig

    from conet.llm.checkpointed import POOL
    from conet.llm.trainer import AnnealedTrainer

    observables = named(recipe.observables)
    check_needs(observables, ROLLOUTS, "a language model")
    refuse_half_precision(recipe)
    found = problems.load(recipe.problems)
    options = grpo_options(recipe, path)
    trained, held_out = parted(found, recipe.problems.held_out, options)
    update = options.per_device_train_batch_size * options.world_size * options.gradient_accumulation_steps
    store = Elsewhere() if recorder is None else OnDisk(Path(options.output_dir) / POOL)
    annealing = state_of(recipe, len(trained), update, store)
    chat = any(isinstance(problems.prompt(one, recipe.problems), list) for one in found)
    model, tokenizer = start_model(recipe, path, recorder, show, chat)
    if recorder is not None and not (path / PROBLEMS).exists():
        recorder.begin_with({PROBLEMS: table_bytes(table(rows_of(found, len(trained), recipe.problems)))})
    lora = recipe.model.lora
    return AnnealedTrainer(
        model=model,
        processing_class=tokenizer,
        args=options,
        train_dataset=problems.dataset(trained, recipe.problems),
        eval_dataset=problems.dataset(held_out, recipe.problems) if held_out else None,
        problems=found,
        judge=judge,
        annealing=annealing,
        recorder=recorder,
        keep_text=recipe.keep_text,
        flush_every=recipe.flush_every,
        show=show,
        observables=observables,
        interference=bool(recipe.training.get("interference")),
        peft_config=LoraConfig(**lora) if lora else None,
    )


def rows_of(found: list[Problem], trained: int, settings: ProblemSettings) -> list[dict[str, Any]]:
    """Return the problems as a run keeps them: with what is asked as JSON, and those held out marked."""
    return [
        {name: value for name, value in vars(one).items() if name != "messages"}
        | {"prompt": json.dumps(problems.prompt(one, settings)), "held_out": place >= trained}
        for place, one in enumerate(found)
    ]


def parted(found: list[Problem], held_out: int, options: Any) -> tuple[list[Problem], list[Problem]]:
    """Return the problems that are trained on, and those that are held out.

    Raises
    ------
    ConetError
        When evaluations are asked for and no problem is held out, or too few are left for a step.
    """
    if not held_out and options.eval_strategy != "no":
        raise ConetError(
            f"training.eval_strategy={options.eval_strategy.value} and no problems to evaluate on",
            "problems that are not trained on",
            "--set problems.held_out=64",
        )
    first = max(0, len(found) - held_out)
    least = options.generation_batch_size // options.num_generations
    if first < least:  # TRL would drop the incomplete batch, and train nothing
        raise ConetError(
            f"{first} problems",
            f"at least the {least} of one step",
            "lower training.per_device_train_batch_size or give more problems",
        )
    return found[:first], found[first:]


def start_model(
    recipe: Recipe, path: Path, recorder: Recorder | None, show: Show, chat: bool = False
) -> tuple[Any, Any]:
    """Return model and tokenizer as RLVR starts from them.

    Weights that no path names (random, from a GGUF file, after a warm-up) are kept in ``RUN/start``:
    resuming needs them, and so does a penalty against the starting policy.

    Raises
    ------
    ConetError
        Where ``chat`` says that prompts are messages, and the tokenizer has no template for them.
    """
    from accelerate import PartialState

    start = path / "start"
    kept = recipe.model.model_copy(update={"path": str(start), "gguf": None, "tokenizer": str(start)})
    kept_already = (start / "done").exists()
    PartialState().wait_for_everyone()  # all have looked before one of them writes
    if not kept_already:
        if recipe.model.path and not recipe.warmup.steps:
            return with_template(models.load(recipe.model, recipe.seed), chat)
        from conet.llm.warmup import warm_up

        state = PartialState()
        model, tokenizer = with_template(models.load(recipe.model, recipe.seed), chat)
        model.to(state.device)
        loss = None
        if recipe.warmup.steps:
            loss = warm_up(model, tokenizer, recipe.warmup, recipe.problems, recipe.seed, show)
        if recorder is not None:
            recorder.held.check()
            model.save_pretrained(start)
            tokenizer.save_pretrained(start)
            files = [str(file.relative_to(path)) for file in sorted(start.rglob("*")) if file.is_file()]
            recorder.begin_with({"start/done": (json.dumps({"loss": loss}) + "\n").encode()}, files)
        state.wait_for_everyone()
    return with_template(models.load(kept, recipe.seed), chat)


def with_template(loaded: tuple[Any, Any], chat: bool) -> tuple[Any, Any]:
    """Return model and tokenizer as they are, once it is known that the tokenizer can write the prompts."""
    if chat and getattr(loaded[1], "chat_template", None) is None:
        raise ConetError(
            "prompts as messages, and a tokenizer without a chat template",
            "a tokenizer that can write messages, or prompts as text",
            "name one: --set model.tokenizer=DIR, or give questions as text",
        )
    return loaded
