"""Annealing in the user's own script: its settings, which trainers it fits, and what it says."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import torch
from datasets import IterableDataset
from pydantic import Field

from conet.base.errors import ConetError, nearest
from conet.config import validated
from conet.llm.schedule import phases_of, retry_after
from conet.runs.annealing import Annealing
from conet.runs.recipe import MODES, HeatingSettings

ACTIONS = ("heat", "save", "stop")
# Options of TRL's trainer that schedules are told, or that are refused beside theirs.
LOOKED_AT = (
    *("learning_rate", "num_generations", "entropy_coef", "use_adaptive_entropy", "beta", "epsilon"),
    *("epsilon_high", "num_iterations", "steps_per_generation", "gradient_accumulation_steps", "loss_type"),
    "importance_sampling_level",
)


class AnnealingSettings(HeatingSettings):
    """When and on what to heat, which completions are correct, and what to do when the signal fires."""

    what: ClassVar[str] = "annealing"

    schedule: str = Field("annealed_rlvr", description="a name, or `path/to/file.py:name`")
    schedule_options: dict[str, Any] = Field({}, description="options of that schedule")
    correct: float = Field(1.0, description="the reward from which on a completion is correct")
    correct_by: str | None = Field(
        None, description="name of the reward function that says so; none: the weighted sum of all"
    )
    interference: bool = Field(
        False, description="whether the gradients of the problems of an update are compared"
    )
    actions: list[Literal["heat", "save", "stop"]] = Field(
        ["heat"], description="when the heating signal fires: begin the heating, save a checkpoint, stop"
    )


def settings_of(given: AnnealingSettings | Mapping[str, Any] | None) -> AnnealingSettings:
    """Return settings as they were given, or checked.

    Raises
    ------
    ConetError
        For an unknown key or a value that does not fit.
    """
    found = given if isinstance(given, AnnealingSettings) else validated(AnnealingSettings, dict(given or {}))
    if found.mode == "heat_at" and found.step is None:
        raise ConetError("mode='heat_at' without a step", "step", "say before which update to heat")
    return found


def annealing_of(trainer: Any, settings: AnnealingSettings) -> Annealing:
    """Return the state of the schedule as a training begins."""
    args, steps = trainer.args, trainer.state.max_steps
    options = {name: getattr(args, name) for name in LOOKED_AT}
    problems = 0 if isinstance(trainer.train_dataset, IterableDataset) else len(trainer.train_dataset)
    name = MODES[settings.mode] if settings.mode else settings.schedule
    if "heat" not in settings.actions and name == "annealed_rlvr":
        name = "rlvr"
    found = phases_of(name, settings.schedule_options, settings, options, steps, problems)
    update = args.per_device_train_batch_size * args.world_size * args.gradient_accumulation_steps
    return Annealing(settings, found, steps, retry_after(settings, problems, update), trainer.store, problems)


def check_trainer(trainer: Any) -> None:
    """Refuse a trainer that cannot be heated, and say what makes a heating worth little.

    Raises
    ------
    ConetError
        Saying what is in the way.
    """
    settings: AnnealingSettings | None = trainer.annealing_settings
    if _rounds_away(trainer):
        trainer.say(
            "the weights that are trained are bfloat16, and most updates at the rates of RLVR are lost in "
            "their rounding: load the model in float32 and set bf16=True, or train a LoRA"
        )
    columns = getattr(trainer.train_dataset, "column_names", None) or ()
    if {"image", "images"} & set(columns):
        got = "annealing on prompts with images, which demonstrations do not keep"
        raise ConetError(got, "prompts of text", "train without the mixin")
    if settings is None:
        return
    names = trainer.reward_func_names
    if settings.correct_by is not None and settings.correct_by not in names:
        got = f"correct_by={settings.correct_by!r}"
        raise ConetError(got, "the name of a reward function", nearest(settings.correct_by, names))
    if not settings.harvest_samples:
        return
    tools = trainer.tools or trainer.environment_factories or trainer.rollout_func
    if tools or isinstance(trainer.train_dataset, IterableDataset):
        got = f"harvest_samples={settings.harvest_samples} with tools, an environment or a stream"
        raise ConetError(got, "heating on the rollouts of the training", "leave harvest_samples at 0")


def _rounds_away(trainer: Any) -> bool:
    """Whether weights in bfloat16 are trained themselves; DeepSpeed and FSDP keep copies in float32."""
    if trainer.is_deepspeed_enabled or trainer.is_fsdp_enabled:
        return False
    return any(one.requires_grad and one.dtype == torch.bfloat16 for one in trainer.model.parameters())


def in_words(event: Mapping[str, Any]) -> str | None:
    """Say what happened; None for what nobody waits for."""
    step, name = event["step"], event["event"]
    if name == "heating_signal":
        return f"step {step}: the heating signal fired: {evidence_in_words(event)}"
    if name == "problems_changed":
        return f"step {step}: the heating signal begins anew: {event['silent']}"
    if name == "heating_waits":
        return f"step {step}: heating is due ({event['reason']}) and waits: no problem is eligible yet"
    if name == "heating_started":
        return f"step {step}: heating on {event['eligible']} problems: {event['reason']}"
    if name == "heating_ended":
        return f"step {step}: heating has ended"
    if name == "heating_skipped" and "since" not in event:
        return f"step {step}: no heating this time: no problem is eligible"
    if name == "heating_skipped":
        return f"step {step}: no heating: no problem was ever eligible"
    return None


def evidence_in_words(evidence: Mapping[str, Any]) -> str:
    """Say what the detector knows."""
    if evidence.get("silent"):
        return str(evidence["silent"])
    length, shortest = evidence.get("correct_length"), evidence.get("shortest")
    if length is None or shortest is None:
        return "nothing is known yet"
    return f"correct length {length:.1f}, {shortest:.1f} at its shortest (step {evidence['shortest_step']})"
