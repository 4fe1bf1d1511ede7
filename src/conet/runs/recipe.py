"""Settings of a training on a language model; the shipped ones are TOML files beside this module."""

from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, field_validator, model_validator

from conet.base.errors import ConetError, nearest
from conet.base.registry import file_of
from conet.config import Count, OpenSettings, Root, Settings, aliases, flatten, reading, validated
from conet.rollouts.selection import Pick
from conet.runs.recipe_problems import ProblemSettings, WarmUp

# TRL's defaults move from version to version, so everything that shapes the update is pinned here.
PINNED: dict[str, Any] = {
    "loss_type": "grpo",
    "scale_rewards": "group",
    "beta": 0.0,
    "epsilon": 0.2,
    "num_iterations": 1,
    "num_generations": 8,
    "temperature": 1.0,
    "top_p": 1.0,
    "top_k": 0,
    "repetition_penalty": 1.0,
    "importance_sampling_level": "token",
    "mask_truncated_completions": False,
    "disable_dropout": False,
    "multi_objective_aggregation": "sum_then_normalize",
    "entropy_coef": 0.0,
    "shuffle_dataset": True,
    "optim": "adamw_torch",
    "weight_decay": 0.0,
    "adam_beta1": 0.9,
    "adam_beta2": 0.999,
    "max_grad_norm": 1.0,
    "lr_scheduler_type": "constant",
    "warmup_steps": 0,
    "learning_rate": 1e-6,
    "bf16": False,
    "gradient_checkpointing": False,
    "logging_steps": 1,
    "report_to": "none",
    "remove_unused_columns": False,
    "disable_tqdm": True,
}


WORDS = ("report_to", "scale_rewards")  # options of TRL for which "none" is a word
RENAMED = {"deepscaler-1.5b": "deepscaler-1.5b-8gpu"}  # recipes of version 0.1

# The schedule that a heating.mode stands for.
MODES = {"rlvr": "rlvr", "annealed": "annealed_rlvr", "heat_at": "annealed_rlvr", "late": "annealed_rlvr"}


class ModelSettings(Settings):
    """Which model: a path or hub name, a GGUF file, or random weights of given sizes."""

    path: str | None = Field(
        None, description="directory, hub name, or what `gguf` takes; none: random weights"
    )
    gguf: str | None = Field(
        None, description="`package:file` or a path of a GGUF file, whose weights are copied"
    )
    architecture: str = Field(
        "llama",
        description="of random weights, and with `sizes`: transformers' name of the architecture",
    )
    sizes: dict[str, Any] = Field(
        {},
        description="of random weights: values of the architecture's config; of other models only for "
        "`conet llm plan`, where no `config.json` is at hand",
    )
    tokenizer: str | None = Field(
        None, description="`characters` (of `alphabet`), or a path or hub name; none: the model's own"
    )
    alphabet: str = Field("0123456789+=", description="characters of the tokenizer `characters`")
    dtype: Literal["float32", "bfloat16"] = Field("float32", description="type of the weights")
    attention: str | None = Field(
        None,
        description="how attention is computed, as transformers calls it: `eager`, `sdpa`; none: its choice",
    )
    lora: dict[str, Any] | None = Field(
        None, description="options of peft's LoraConfig; none: all weights are trained"
    )

    @model_validator(mode="before")
    @classmethod
    def _gguf_by_its_name(cls, data: Any) -> Any:
        """Take a path that ends in .gguf for a GGUF file, in the place of one that a recipe names."""
        if not isinstance(data, Mapping) or not str(data.get("path")).lower().endswith(".gguf"):
            return data
        return {**data, "gguf": data["path"], "path": None}


class HeatingSettings(Settings):
    """On what to heat and how strongly; and when, for the schedules of the package."""

    mode: Literal["rlvr", "annealed", "heat_at", "late"] | None = Field(
        None,
        description="another way to give `schedule.name`: `rlvr` never heats, `annealed` when the heating "
        "signal fires, `heat_at` at `step`, `late` at `late_share` of all updates",
    )
    step: Count | None = Field(None, description="of `heat_at`: the update before which heating begins")
    latest: Count | None = Field(
        None, description="of `annealed`: the update by which heating begins at the latest"
    )
    late_share: float = Field(
        0.8, gt=0, lt=1, description="of `late`: share of the updates after which it begins"
    )
    steps: Count = Field(10, description="SFT updates of a heating")
    learning_rate: float = Field(
        1e-6, gt=0, description="rate of these updates; the optimizer stays the same"
    )
    clear_momentum: bool = Field(
        True,
        description="whether the running mean of the gradients is cleared when heating ends, so that it does "
        "not go on at the rate of GRPO",
    )
    max_accuracy: float = Field(0.1, gt=0, description="problems below this accuracy are heated on …")
    min_samples: Count = Field(16, description="… over at least so many samples, one of them correct")
    harvest_samples: int = Field(
        0,
        ge=0,
        lt=2**31,
        description="samples a problem drawn before heating; 0: the rollouts of the last `window` updates",
    )
    window: Count = Field(50, description="updates whose rollouts are looked at, without a harvest")
    pick: Pick | Literal["solution"] = Field(
        "shortest", description="what is demonstrated: a correct completion, or the data's `solution`"
    )
    detector: dict[str, float] = Field(
        {}, description="options of the detector that differ from its defaults"
    )


class ScheduleSettings(OpenSettings):
    """Phases of a training; further options belong to the named schedule."""

    name: str | None = Field(
        None,
        description="which phases it has: a name, as for walks, or `path/to/file.py:name`; `annealed_rlvr` "
        "where `heating.mode` says nothing either",
    )


class Recipe(Root):
    """A training: model, problems, warm-up, RLVR (options of TRL's GRPOConfig), schedule, heating."""

    what: ClassVar[str] = "recipe"
    old_names: ClassVar[Mapping[str, str]] = aliases.RECIPES

    name: str = Field(description="name of the recipe; where it says none, that of its file")
    purpose: str = Field("", description="what it is for, in a few words")
    seed: int = Field(0, ge=0, lt=2**31, description="seed of weights, data order and sampling")
    steps: Count = Field(100, description="number of updates, those of heating included")
    checkpoint_every: Count = Field(50, description="updates between two checkpoints; the last two are kept")
    flush_every: Count = Field(20, description="most updates between two writings of metrics and rollouts")
    keep_text: bool = Field(True, description="whether the completions' texts are kept")
    observables: list[str] = Field(
        [], description="further columns for the metrics, by name or path/to/file.py:name; of rollouts alone"
    )
    model: ModelSettings = ModelSettings()
    problems: ProblemSettings = ProblemSettings()
    warmup: WarmUp = WarmUp()
    schedule: ScheduleSettings = ScheduleSettings()
    heating: HeatingSettings = HeatingSettings()
    training: dict[str, Any] = Field(
        {},
        description="options of TRL's GRPOConfig, over those pinned here; and `interference`: whether "
        "the gradients of problems are compared",
    )

    @field_validator("training", mode="before")
    @classmethod
    def _words_of_trl(cls, given: Any) -> Any:
        """Take None for the word, which the command line reads as nothing, where TRL has it."""
        bare = [name for name in WORDS if isinstance(given, Mapping) and given.get(name, "") is None]
        return {**given, **dict.fromkeys(bare, "none")} if bare else given

    def options(self) -> dict[str, Any]:
        """Options of the training: what is pinned, with the recipe's own over it."""
        return PINNED | self.training

    def override(self, changes: Mapping[str, Any]) -> Self:
        """Return a recipe with dotted keys changed; what is set takes the place of its other way to say it.

        Raises
        ------
        ConetError
            For an unknown key, a value that does not fit, or both of these at once.
        """
        mode, name = changes.get("heating.mode"), changes.get("schedule.name")
        if mode and name and MODES.get(mode) != name:
            raise aliases.twice("heating.mode", mode, "schedule.name", name)
        instead = {"heating.mode": None} if name else {"schedule.name": None} if mode else {}
        for one, other in (("model.path", "model.gguf"), ("model.gguf", "model.path")):
            instead |= {other: None} if changes.get(one) and not changes.get(other) else {}
        return super().override(instead | dict(changes))

    @classmethod
    def checked(cls, data: Mapping[str, Any]) -> Self:
        """Validate nested data, also that the settings of the heating go together.

        Raises
        ------
        ConetError
            Naming the key, the value and what would fit.
        """
        recipe = validated(cls, data)
        _check_observables([name for name in recipe.observables if file_of(name) is None])
        heating, name = recipe.heating, recipe.schedule.name
        if heating.mode and name and MODES[heating.mode] != name:
            raise aliases.twice("heating.mode", heating.mode, "schedule.name", name)
        if recipe.model.path and recipe.model.gguf:
            got = f"model.path={recipe.model.path} and model.gguf={recipe.model.gguf}"
            raise ConetError(got, "one of them", "leave one out")
        if heating.mode == "heat_at" and heating.step is None:
            raise ConetError("heating.mode=heat_at without a step", "heating.step", "--set heating.step=200")
        if heating.harvest_samples and heating.harvest_samples < heating.min_samples:
            got = f"heating.harvest_samples={heating.harvest_samples}"
            raise ConetError(got, f"at least heating.min_samples={heating.min_samples}", "raise it")
        return recipe


def _check_observables(ours: list[str]) -> None:
    """Refuse those of the package that need more than rollouts; others are loaded when a training begins."""
    if not ours:
        return
    from conet.observables.observation import ROLLOUTS, check_needs  # loads the engine, which takes its time
    from conet.observables.standard import named

    check_needs(named(ours), ROLLOUTS, "a language model")


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
    if str(name) in RENAMED and not Path(name).exists():
        aliases.note(f"the recipe {name} is now called {RENAMED[str(name)]}")
        name = RENAMED[str(name)]
    path = known.get(str(name), Path(name))
    if not path.exists():
        raise ConetError(f"recipe {name}", "a shipped recipe or a file", nearest(str(name), known))
    data = reading.read(path, "recipe", "see `conet llm recipes --describe`")
    return beside(Recipe(name=path.stem).overlaid(data), path.parent)


# Settings that may name a file or a folder, or a function in a file.
PLACES = (
    "model.path",
    "model.gguf",
    "model.tokenizer",
    "problems.source",
    "problems.verifier",
    "schedule.name",
)


def beside(recipe: Recipe, folder: Path) -> Recipe:
    """Return a recipe whose relative paths lead from a folder, wherever it is run.

    What is not there stays as it is: the name of a model on the hub, or of a verifier.

    Parameters
    ----------
    recipe
        The settings.
    folder
        Of the recipe's file, or the working directory for what was set on the command line.
    """
    data = flatten(recipe.model_dump(mode="json"))
    found = {key: _place(data[key], folder) for key in PLACES if isinstance(data.get(key), str)}
    changed: dict[str, Any] = {key: value for key, value in found.items() if value != data[key]}
    observables = [_place(name, folder) for name in recipe.observables]
    if observables != recipe.observables:
        changed["observables"] = observables
    return recipe.override(changed) if changed else recipe


def _place(name: str, folder: Path) -> str:
    file, colon, function = name.rpartition(":") if ".py:" in name else (name, "", "")
    place = folder / file
    return str(place.resolve()) + colon + function if file and place.exists() else name
