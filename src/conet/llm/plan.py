"""What a training on a language model takes in memory, computed from the model's configuration.

Bytes a process. What stands behind each number is said beside it; the widths of activations and the points of
``measured_memory.json`` were measured by ``verification/llm_memory.py``, everything else is counted.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib import resources
from typing import Any, Literal

from conet.base.errors import ConetError
from conet.llm.shape import Shape, shape_of
from conet.runs.recipe import Recipe
from conet.runs.recipe_problems import GENERATED

Sharding = Literal["none", "zero2", "fsdp"]
GIB = 2**30
# Bytes kept for the gradient by one layer and token: times hidden size, intermediate size, width of the keys.
ACTIVATIONS = {"float32": (32, 16, 8), "bfloat16": (30, 8, 4)}
RESIDUAL = 4  # bytes a number of what goes from layer to layer, which is float32 in either case
# TRL's head scores a tile of so many tokens and words at a time.
TILE_TOKENS, TILE_WORDS = 4096, 32768
ADAPTED = ("q_proj", "v_proj")  # by peft, where a Llama or a Qwen says nothing
# Tokens of a prompt, where nobody says how many: our guess, and that of a sum or a route.
PROMPT, SUM = 512, 32


@dataclass(frozen=True)
class Part:
    """One thing that takes memory.

    Attributes
    ----------
    name : str
    bytes : int
        On one process.
    how : str
        What it was computed from.
    place : "accelerator", "memory" or "disk"
    """

    name: str
    bytes: int
    how: str
    place: str = "accelerator"


@dataclass(frozen=True)
class Plan:
    """The memory of a recipe.

    Attributes
    ----------
    recipe : str
    parameters : int
    processes : int
    sharding : str
    parts : tuple of Part
    """

    recipe: str
    parameters: int
    processes: int
    sharding: Sharding
    parts: tuple[Part, ...]

    @property
    def total(self) -> int:
        """Bytes on the accelerator of one process."""
        return sum(part.bytes for part in self.parts if part.place == "accelerator")

    def as_json(self) -> dict[str, Any]:
        """Return it with the measured points, as plain values."""
        return asdict(self) | {"total": self.total, "points": measured_points()}


def plan(
    recipe: Recipe,
    processes: int,
    sharding: Sharding,
    accelerator_gib: float,
    prompt: int | None = None,
) -> Plan:
    """Compute the memory of a recipe.

    Parameters
    ----------
    processes
        That train together, one an accelerator.
    sharding
        "none" (each has everything), "zero2" (DeepSpeed: gradients and optimizer in shares) or "fsdp"
        (weights too).
    accelerator_gib
        Memory of one accelerator, of which vLLM takes its share.
    prompt
        Tokens of a prompt.

    Raises
    ------
    ConetError
        Where the sizes of the model are not known, or the numbers do not go together.
    """
    if sharding != "none" and processes == 1:
        got = f"--sharding {sharding} on one process"
        raise ConetError(got, "several, or none", "--processes 8, or leave --sharding out")
    shape, options = shape_of(recipe.model), recipe.options()
    asked = prompt or (SUM if recipe.problems.source in GENERATED else PROMPT)
    parts = [
        *_weights(recipe, shape, processes, sharding),
        *_activations(options, shape, recipe.model.dtype, sharding, asked),
        *_generation(options, shape, accelerator_gib, asked),
        *_pool(recipe, processes, asked),
    ]
    return Plan(recipe.name, shape.parameters, processes, sharding, tuple(parts))


def _weights(recipe: Recipe, shape: Shape, processes: int, sharding: Sharding) -> list[Part]:
    count, kind = shape.parameters, recipe.model.dtype
    size = 2 if kind == "bfloat16" else 4
    share = {"none": 1, "zero2": 1, "fsdp": processes}[sharding]
    states = 1 if sharding == "none" else processes
    half = sharding == "zero2" and bool(recipe.options()["bf16"])
    held = 2 if half else size
    trained = count if not recipe.model.lora else _adapters(recipe, shape)
    moments, master = 8, 4 if half else 0
    parts = [
        Part("weights", held * count // share, f"{held} bytes x {count:,} parameters{_over(share)}"),
        *([Part("adapters", 4 * trained, f"4 bytes x {trained:,}")] if recipe.model.lora else []),
        Part("gradients", held * trained // share, f"{held} bytes x {trained:,}{_over(share)}"),
        Part(
            "optimizer",
            (moments + master) * trained // states,
            f"{moments + master} bytes x {trained:,}{_over(states)}: moments of Adam"
            + (", and the weights in float32" if master else ""),
        ),
    ]
    if recipe.options()["beta"] and not recipe.model.lora:
        parts.append(Part("reference model", held * count // share, "the same again, for training.beta"))
    if sharding == "fsdp":
        whole = 2 * shape.layer_parameters + 4 * shape.vocabulary * shape.hidden
        parts.append(Part("gathered weights", whole, "one layer in bfloat16, and the head in float32"))
    return parts


def _adapters(recipe: Recipe, shape: Shape) -> int:
    """Count the parameters of LoRA's matrices, on the layers that peft puts them on.

    Raises
    ------
    ConetError
        Where ``target_modules`` names none of the linear layers.
    """
    lora = recipe.model.lora or {}
    queries, wide = shape.heads * shape.head_size, shape.hidden + shape.intermediate
    sides = {
        "q_proj": shape.hidden + queries,
        "k_proj": shape.hidden + shape.key_value,
        "v_proj": shape.hidden + shape.key_value,
        "o_proj": queries + shape.hidden,
        **dict.fromkeys(("gate_proj", "up_proj", "down_proj"), wide),
    }
    asked = lora.get("target_modules") or ADAPTED
    if asked == "all-linear":
        asked = list(sides)
    places = {name: f"model.layers.0.{'self_attn' if name[1] == '_' else 'mlp'}.{name}" for name in sides}
    try:
        if isinstance(asked, str):  # a pattern of the whole name
            found = [name for name, place in places.items() if re.fullmatch(asked, place)]
        else:
            found = [name for name in sides if any(str(one).split(".")[-1] == name for one in asked)]
    except (re.error, TypeError):
        found = []
    if not found:
        got = f"model.lora.target_modules={asked!r}"[:200]
        raise ConetError(got, f"a list of some of {', '.join(sides)}, or a pattern", "or leave it out")
    chosen = lora.get("layers_to_transform")
    layers = shape.layers if chosen is None else len(chosen) if isinstance(chosen, list) else 1
    return layers * int(lora.get("r", 8)) * sum(sides[name] for name in found)


def _over(share: int) -> str:
    return "" if share == 1 else f" / {share} processes"


def _activations(
    options: Mapping[str, Any], shape: Shape, dtype: str, sharding: Sharding, asked: int
) -> list[Part]:
    kind = "bfloat16" if options["bf16"] or dtype == "bfloat16" else "float32"
    answer = options.get("max_completion_length", 256)
    rows, length = options["per_device_train_batch_size"], asked + answer
    tokens = rows * length
    widths = (shape.hidden, shape.intermediate, shape.key_value)
    layer = tokens * sum(width * factor for width, factor in zip(widths, ACTIVATIONS[kind]))
    said = f"{rows} sequences x {length:,} tokens (a prompt of {asked})"
    if options["gradient_checkpointing"]:
        kept = tokens * shape.hidden * RESIDUAL * shape.layers + layer
        said += ", between layers, and one layer whole"
    else:
        kept = layer * shape.layers
        said += f" x {shape.layers} layers"
    size = 2 if kind == "bfloat16" else 4
    scored = rows * answer
    head = 4 * (shape.vocabulary * shape.hidden + scored * shape.hidden)
    tile = min(TILE_TOKENS, scored) * min(TILE_WORDS, shape.vocabulary) * (size + 4)
    parts = [
        Part("activations", kept, said),
        Part("logits", head + tile, "a tile, and the gradients of head and last layer in float32"),
    ]
    if options["bf16"] and dtype == "float32" and sharding == "none":
        copies = 2 * (shape.parameters - shape.embedding_parameters)
        parts.append(Part("copies for autocast", copies, "2 bytes x the weights of all layers"))
    return parts


def _generation(options: Mapping[str, Any], shape: Shape, accelerator_gib: float, asked: int) -> list[Part]:
    token = 2 * 2 * shape.layers * shape.key_value  # keys and values, in bfloat16
    if options.get("use_vllm") and options.get("vllm_mode") == "colocate":
        share = float(options.get("vllm_gpu_memory_utilization", 0.3))
        taken = int(share * accelerator_gib * GIB)
        room = max(0, taken - 2 * shape.parameters) // token
        sleeps = bool(options.get("vllm_enable_sleep_mode"))
        said = f"{share} of {accelerator_gib:g} GiB: weights in bfloat16, and {room:,} tokens"
        if sleeps:
            return [Part("vLLM, asleep while weights are trained", 0, said)]
        return [Part("vLLM", taken, said)]
    if options.get("use_vllm"):
        return [Part("vLLM", 0, "a server of its own")]
    rows = options["per_device_train_batch_size"] * options.get("steps_per_generation", 1)
    length = asked + options.get("max_completion_length", 256)
    kept = rows * length * (token if options["bf16"] else 2 * token)
    return [Part("keys and values", kept, f"of {rows} sequences x {length:,} tokens, while they are drawn")]


def _pool(recipe: Recipe, processes: int, asked: int) -> list[Part]:
    """The pool keeps one solution a problem and step on disk, of the first process alone."""
    if recipe.heating.harvest_samples:
        return []
    options = recipe.options()
    rollouts = options["per_device_train_batch_size"] * processes
    rollouts *= options.get("gradient_accumulation_steps", 1)
    problems, window = rollouts // options["num_generations"], min(recipe.heating.window, recipe.steps)
    length = asked + options.get("max_completion_length", 256)
    said = f"at most {window} steps x {problems} problems x {length:,} tokens x 4 bytes"
    return [Part("pool of rollouts", window * problems * length * 4, said, "disk")]


def measured_points() -> list[dict[str, Any]]:
    """Return what was measured, beside what is computed for the same model and batch.

    Returns
    -------
    list of dict
        ``model``, ``part``, ``planned`` and ``measured`` in bytes, and ``where``.
    """
    file = resources.files("conet.llm") / "measured_memory.json"
    found: list[dict[str, Any]] = json.loads(file.read_text(encoding="utf-8"))
    return found
