"""Settings that a training may go on with that are not those it began with."""

from collections.abc import Mapping
from typing import Any

from conet.base.errors import ConetError
from conet.runs.recipe import Recipe

# By a name, or by the beginning of one. What was asked, drawn and learned before stays as it was.
CHANGEABLE = (
    "steps",
    "checkpoint_every",
    "flush_every",
    "keep_text",
    "problems.verifier_workers",
    "problems.verifier_seconds",
    "heating.latest",
    "heating.steps",
    "heating.learning_rate",
    "heating.clear_momentum",
    "heating.max_accuracy",
    "heating.min_samples",
    "heating.harvest_samples",
    "training.learning_rate",
    "training.per_device_train_batch_size",
    "training.gradient_accumulation_steps",
    "training.gradient_checkpointing",
    "training.max_completion_length",
    "training.max_grad_norm",
    "training.temperature",
    "training.entropy_coef",
    "training.epsilon",
    "training.beta",
    "training.bf16",
    "training.report_to",
    "training.logging_steps",
    "training.eval_",
    "training.per_device_eval_batch_size",
    "training.use_vllm",
    "training.vllm_",
)
PREFIXES = tuple(name for name in CHANGEABLE if name.endswith("_"))


def changed(recipe: Recipe, changes: Mapping[str, Any]) -> Recipe:
    """Return a recipe with settings that may change within a training.

    Raises
    ------
    ConetError
        For a setting that a training must keep, and for batches of another size in all.
    """
    for name in changes:
        if name not in CHANGEABLE and not name.startswith(PREFIXES):
            raise ConetError(
                f"--set {name} of a training that goes on",
                "a setting that may change within a training",
                "begin another run; changeable are: " + ", ".join(_shown(name) for name in CHANGEABLE),
            )
    new = recipe.override(changes)
    before, after = _drawn(recipe), _drawn(new)
    if before != after:
        raise ConetError(
            f"{after} completions an update and process, and {before} before",
            "as many: per_device_train_batch_size times gradient_accumulation_steps",
            "change both of them",
        )
    if bool(new.options()["beta"]) != bool(recipe.options()["beta"]):
        got = f"training.beta={new.options()['beta']}, and {recipe.options()['beta']} before"
        raise ConetError(got, "a penalty throughout, or none", "begin another run")
    return new


def _shown(name: str) -> str:
    return f"{name}*" if name.endswith("_") else name


def _drawn(recipe: Recipe) -> int:
    """Return the completions that one process draws for an update."""
    options = {"per_device_train_batch_size": 8, "gradient_accumulation_steps": 1} | recipe.options()
    return int(options["per_device_train_batch_size"]) * int(options["gradient_accumulation_steps"])


def set_rate(optimizer: Any, scheduler: Any, rate: float) -> None:
    """Let optimizer and scheduler, as a checkpoint left them, go on from another learning rate."""
    inner = getattr(scheduler, "scheduler", scheduler)
    before = inner.base_lrs[0]
    inner.base_lrs = [rate for _ in inner.base_lrs]
    for group in optimizer.param_groups:
        group["lr"] *= rate / before if before else 1.0
        group["initial_lr"] = rate
