"""Settings of a training on a language model; the shipped ones are TOML files beside this module."""

import json
import tomllib
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, Field, ValidationError

from conet.base.errors import ConetError, nearest
from conet.config import Count, Settings, aliases, flatten
from conet.rollouts.selection import Pick

# TRL's defaults move from version to version, so everything that shapes the update is pinned here.
PINNED: dict[str, Any] = {
    "loss_type": "grpo", "scale_rewards": "group", "beta": 0.0, "epsilon": 0.2, "num_iterations": 1,
    "num_generations": 8, "temperature": 1.0, "top_p": 1.0, "top_k": 0, "repetition_penalty": 1.0,
    "importance_sampling_level": "token", "mask_truncated_completions": False, "disable_dropout": False,
    "multi_objective_aggregation": "sum_then_normalize", "entropy_coef": 0.0, "shuffle_dataset": True,
    "optim": "adamw_torch", "weight_decay": 0.0, "adam_beta1": 0.9, "adam_beta2": 0.999, "max_grad_norm": 1.0,
    "lr_scheduler_type": "constant", "warmup_steps": 0, "learning_rate": 1e-6, "bf16": False,
    "gradient_checkpointing": False, "logging_steps": 1, "report_to": "none",
    "remove_unused_columns": False, "disable_tqdm": True,
}  # fmt: skip


class ModelSettings(Settings):
    """Which model: a path or hub name, a GGUF file, or random weights of given sizes.

    Attributes
    ----------
    path
        Directory or hub name; None for random weights.
    gguf
        ``package:file`` or a path of a GGUF file; its weights are copied into a fresh model.
    architecture, sizes
        Where weights are random: transformers' name of the architecture and the config's values.
    tokenizer
        "characters" (of ``alphabet``), or a path or hub name; None for the model's own.
    lora
        Options of peft's LoraConfig; None trains all weights.
    """

    path: str | None = None
    gguf: str | None = None
    architecture: str = "llama"
    sizes: dict[str, Any] = {}
    tokenizer: str | None = None
    alphabet: str = "0123456789+="
    dtype: Literal["float32", "bfloat16"] = "float32"
    lora: dict[str, Any] | None = None


class ProblemSettings(Settings):
    """Which problems, how they are asked, and who judges.

    Attributes
    ----------
    source
        "arithmetic", a .jsonl or .parquet file, or ``hub:NAME`` for a Hugging Face data set.
    question, answer, solution
        Names of the columns; ``answer_from = "solution"`` takes the last box of the solution.
    template
        What the model is asked, with ``{problem}`` in it.
    chat
        Ask through the tokenizer's chat template.
    verifier
        "exact", "numeric", "math", "minerva" or ``path/to/file.py:name``.
    """

    source: str = "arithmetic"
    split: str = "train"
    limit: Count | None = None
    levels: list[Count] = [2, 3, 4]
    seed: int = 0
    question: str = "problem"
    answer: str = "answer"
    solution: str = "solution"
    answer_from: Literal["answer", "solution"] = "answer"
    template: str = "{problem}"
    system: str | None = None
    chat: bool = False
    verifier: str = "math"
    verifier_workers: Count = 2
    verifier_seconds: float = Field(default=10.0, gt=0)


class WarmUp(Settings):
    """Supervised steps on generated solutions before RLVR; none by default."""

    steps: int = Field(default=0, ge=0)
    batch: Count = 128
    learning_rate: float = Field(default=3e-3, gt=0)
    levels: list[Count] = [2, 3]
    careful: float = Field(default=0.5, ge=0, le=1)


class HeatingSettings(Settings):
    """When to heat, on what and how strongly.

    Attributes
    ----------
    mode
        "rlvr" never heats, "annealed" at the detector's word (at ``latest`` at the latest),
        "heat_at" at ``step``, "late" at ``late_share`` of all steps.
    steps, learning_rate
        Supervised steps, and their rate; the optimiser stays the same.
    max_accuracy, min_samples
        A problem qualifies below this accuracy, over at least so many samples, one of them correct.
    harvest_samples
        Samples a problem drawn for it before heating; 0 takes the rollouts of the last ``window`` steps.
    pick
        What to teach: the shortest correct completion, the first, the newest, or the data's solution.
    """

    mode: Literal["rlvr", "annealed", "heat_at", "late"] = "annealed"
    step: Count | None = None
    latest: Count | None = None
    late_share: float = Field(default=0.8, gt=0, lt=1)
    steps: Count = 10
    learning_rate: float = Field(default=1e-6, gt=0)
    max_accuracy: float = Field(default=0.1, gt=0)
    min_samples: Count = 16
    harvest_samples: int = Field(default=0, ge=0)
    window: Count = 50
    pick: Pick | Literal["solution"] = "shortest"
    detector: dict[str, float] = {}


class Recipe(Settings):
    """A training: model, problems, warm-up, RLVR (options of TRL's GRPOConfig), heating."""

    name: str
    purpose: str = ""
    seed: int = Field(default=0, ge=0, lt=2**31)
    steps: Count = 100
    checkpoint_every: Count = 50
    flush_every: Count = 20
    keep_text: bool = True
    model: ModelSettings = ModelSettings()
    problems: ProblemSettings = ProblemSettings()
    warmup: WarmUp = WarmUp()
    heating: HeatingSettings = HeatingSettings()
    training: dict[str, Any] = {}

    def options(self) -> dict[str, Any]:
        """Options for GRPOConfig: what is pinned, with the recipe's own over it."""
        return PINNED | self.training

    def override(self, changes: Mapping[str, Any]) -> "Recipe":
        """Return a recipe with dotted keys changed.

        Raises
        ------
        ConetError
            For an unknown key or a value that does not fit.
        """
        data = self.model_dump(mode="json")
        for key, value in aliases.renamed(changes, aliases.RECIPES).items():
            place: Any = data
            *outer, last = key.split(".")
            for part in outer:
                place = place.get(part) if isinstance(place, dict) else None
            if not isinstance(place, dict):
                raise ConetError(f"unknown key {key!r}", "a key of the recipe", nearest(key, flatten(data)))
            place[last] = value
        return validated(data)


def validated(data: Mapping[str, Any], *, quiet: bool = True) -> Recipe:
    """Check raw settings; those with a name of version 0.1 get a note unless ``quiet``.

    Raises
    ------
    ConetError
        Naming the key, the value and what would fit.
    """
    try:
        recipe = Recipe.model_validate(aliases.renamed_nested(data, aliases.RECIPES, quiet=quiet))
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        known = names(Recipe)
        if first["type"] == "extra_forbidden":
            raise ConetError(f"unknown key {key!r}", "a key of the recipe", nearest(key, known)) from None
        got = f"no {key}" if first["type"] == "missing" else f"{key}={first['input']!r}"[:200]
        raise ConetError(got, first["msg"].removeprefix("Input should be "), "mend the recipe") from None
    heating = recipe.heating
    if heating.mode == "heat_at" and heating.step is None:
        raise ConetError("heating.mode=heat_at without a step", "heating.step", "--set heating.step=200")
    if heating.harvest_samples and heating.harvest_samples < heating.min_samples:
        got = f"heating.harvest_samples={heating.harvest_samples}"
        raise ConetError(got, f"at least heating.min_samples={heating.min_samples}", "raise it")
    return recipe


def names(model: type[BaseModel], prefix: str = "") -> list[str]:
    """Return all dotted keys."""
    found = []
    for name, field in model.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            found += names(inner, f"{prefix}{name}.")
        else:
            found.append(prefix + name)
    return found


def shipped() -> dict[str, Path]:
    """Return the recipes that come with the package."""
    folder = Path(str(resources.files("conet.llm"))) / "recipes"
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}


def load(name: str | Path) -> Recipe:
    """Read a shipped recipe by name, or a TOML or JSON file.

    Raises
    ------
    ConetError
        For an unknown name or a file that is no recipe.
    """
    known = shipped()
    path = known.get(str(name), Path(name))
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise ConetError(f"recipe {name}", "a shipped recipe or a file", nearest(str(name), known)) from None
    try:
        data = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConetError(f"{path}: {error}", "TOML, or JSON in a .json file", "mend it") from None
    if not isinstance(data, dict):
        raise ConetError(f"{path}, which holds no settings", "a table of settings", "mend it")
    return validated({"name": path.stem} | data, quiet=False)
