"""Whether a recipe can be trained, as far as no library is needed to tell: for plan and training alike."""

import json
import math
import re
from collections.abc import Mapping
from importlib import resources
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from conet.base.errors import ConetError, nearest
from conet.base.registry import file_of, resolve
from conet.llm import models
from conet.llm.schedule import phases
from conet.llm.verify import VERIFIERS
from conet.runs.recipe import ModelSettings, Recipe
from conet.runs.recipe_problems import GENERATED

OURS = {
    "output_dir": "--out",
    "max_steps": "steps",
    "seed": "seed",
    "save_steps": "checkpoint_every",
    "save_strategy": "checkpoint_every",
    "save_total_limit": "checkpoint_every",
}
OWN = {"interference": "bool"}  # options of ours that stand among TRL's
# The least that makes sense, where TRL itself takes anything: our choice.
LEAST: dict[str, float] = {
    "per_device_train_batch_size": 1,
    "per_device_eval_batch_size": 1,
    "gradient_accumulation_steps": 1,
    "steps_per_generation": 1,
    "generation_batch_size": 1,
    "max_completion_length": 1,
    "num_generations": 2,
    "num_generations_eval": 1,
    "num_iterations": 1,
    "learning_rate": 0,
    "weight_decay": 0,
    "beta": 0,
    "epsilon": 0,
    "temperature": 0,
    "repetition_penalty": 0,
    "max_grad_norm": 0,
    "vllm_gpu_memory_utilization": 0,
    "vllm_max_model_length": 1,
    "vllm_tensor_parallel_size": 1,
}
MOST = {"vllm_gpu_memory_utilization": 1, "top_p": 1}
HUB_NAME = re.compile(r"[\w-][\w.-]*(/[\w-][\w.-]*)?")


def check(recipe: Recipe, processes: int | None = None) -> None:
    """Refuse a recipe that no training can begin with.

    Parameters
    ----------
    processes
        That train together, where it is known before the training begins.

    Raises
    ------
    ConetError
        For options that TRL does not know or whose values cannot be, for a model, problems, a verifier or a
        schedule that are not there, and for settings that do not go together.
    """
    check_options(recipe.training)
    if processes is not None:
        _check_groups(recipe.options(), processes)
    refuse_half_precision(recipe)
    _check_model(recipe.model)
    source = recipe.problems.source
    if source not in GENERATED and not source.startswith("hub:") and not Path(source).is_file():
        raise ConetError(
            f"problems {source}, which is no file", "a .jsonl or .parquet file", "check the path"
        )
    if file_of(recipe.problems.verifier) is None:
        resolve(recipe.problems.verifier, VERIFIERS, "verifier")
    if file_of(recipe.schedule.name or "") is None:  # code of the user's own runs in a training alone
        phases(recipe, recipe.problems.limit or 64)


def known_options() -> dict[str, str]:
    """Return the options of TRL's GRPOConfig that a recipe may set, and the type of each: "int | None", …

    Those of other types than numbers and truth values are called "other".
    """
    file = resources.files("conet.llm") / "grpo_options.json"
    found = json.loads(file.read_text(encoding="utf-8"))
    return {name: kind for kind, names in found.items() if kind != "of" for name in names}


def check_options(training: Mapping[str, Any]) -> None:
    """Refuse options for TRL's trainer that it does not know, or whose values cannot be.

    Raises
    ------
    ConetError
        Naming the first.
    """
    known = known_options() | OWN
    for name, value in training.items():
        if name in OURS:
            raise ConetError(
                f"training.{name}", "a key that the recipe does not set itself", f"see {OURS[name]}"
            )
        if name not in known:
            close = nearest(name, known, "training.")
            raise ConetError(f"unknown key 'training.{name}'", "an option of TRL's GRPOConfig", close)
        expected = _expected(name, value, known[name])
        if expected:
            raise ConetError(f"training.{name}={value!r}"[:200], expected, "see TRL's GRPOConfig")


def _expected(name: str, value: Any, kind: str) -> str:
    """Return what would fit; empty where the value does."""
    kind, _, nothing = kind.partition(" | ")
    if kind == "other" or (value is None and nothing):
        return ""
    if kind == "bool":
        return "" if isinstance(value, bool) else "true or false"
    what = "a whole number" if kind == "int" else "a finite number"
    least, most = LEAST.get(name, -(2.0**31)), MOST.get(name, 2.0**31)
    fits = isinstance(value, int if kind == "int" else int | float) and not isinstance(value, bool)
    if fits and math.isfinite(value) and least <= value <= most:
        return ""
    bounds = f" from {least:g} to {most:g}" if name in MOST and name in LEAST else ""
    return what + (bounds or (f" of at least {least:g}" if name in LEAST else " in reasonable bounds"))


def _check_groups(options: Mapping[str, Any], processes: int) -> None:
    """Refuse generations that no whole number of groups fills, as TRL does when it begins."""
    rows = options.get("per_device_train_batch_size", 8) * processes
    often = options.get("steps_per_generation") or options.get("gradient_accumulation_steps", 1)
    drawn, group = options.get("generation_batch_size") or rows * often, options["num_generations"]
    if group and (drawn % group or drawn % rows):
        raise ConetError(
            f"training options: {drawn} completions a generation, in groups of {group} and batches of {rows}",
            "whole groups and batches",
            "change training.per_device_train_batch_size or training.num_generations",
        )


def refuse_half_precision(recipe: Recipe) -> None:
    """Refuse weights in bfloat16 that are trained themselves: at the rates of RLVR most never move.

    An update of 1e-6 is lost in the rounding of a weight with 8 bits of precision. Weights in float32 with
    autocast cost memory, but learn.

    Raises
    ------
    ConetError
    """
    if recipe.model.dtype == "bfloat16" and not recipe.model.lora:
        raise ConetError(
            "model.dtype=bfloat16 with all weights trained, most of which would never move",
            "weights in float32; training.bf16=true still computes in bfloat16",
            "--set model.dtype=float32, or train a LoRA: model.lora",
        )


def _check_model(settings: ModelSettings) -> None:
    """Refuse a model that is not there; whether the hub has one is seen when it is asked."""
    if settings.path and not Path(settings.path).is_dir() and not HUB_NAME.fullmatch(settings.path):
        raise ConetError(
            f"model {settings.path}, which is no folder",
            "a folder with a model, or a name on the hub",
            "check the path: --set model.path=DIR",
        )
    package, colon, _ = (settings.gguf or "").partition(":")
    if settings.gguf and (not colon or find_spec(package)):
        models.gguf_file(settings.gguf)
    rank = (settings.lora or {}).get("r", 8)
    if not isinstance(rank, int) or isinstance(rank, bool) or not 1 <= rank < 2**20:
        raise ConetError(f"model.lora.r={rank!r}"[:200], "a whole number of at least 1", "for example 8")
