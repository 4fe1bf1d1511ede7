"""Measure what one update of a language model keeps in memory, beside what `conet llm plan` computes.

    python verification/llm_memory.py            # a minute on a CPU; writes src/conet/llm/measured_memory.json

On a CPU: weights, gradients and moments are added up; of activations every tensor that is kept for the gradient
is counted once (by its storage), weights left out. On an accelerator, the peak of a whole update besides.
"""

import json
import platform
from pathlib import Path
from typing import Any

import torch

from conet.llm import plan as planned
from conet.llm.models import load
from conet.llm.shape import shape_of
from conet.runs.recipe import ModelSettings, Recipe
from conet.runs.recipe import load as recipe_of

OUT = Path(__file__).parents[1] / "src/conet/llm/measured_memory.json"
MODELS = {"tiny": "tiny", "SmolLM2-135M": "smollm2"}
TOKENS, ROWS = 256, 2


def settings_of(recipe: Recipe) -> ModelSettings:
    """Return random weights of a recipe's sizes."""
    sizes = recipe.model.sizes | ({"vocab_size": 49152} if recipe.model.gguf else {})
    return ModelSettings(architecture=recipe.model.architecture, sizes=sizes, tokenizer="characters")


def kept_for_gradient(model: Any, ids: torch.Tensor, half: bool) -> tuple[int, torch.Tensor]:
    """Return the bytes kept by a forward pass through all layers, and its output."""
    weights = {one.untyped_storage().data_ptr() for one in model.parameters()}
    sizes: dict[int, int] = {}
    held = []

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            sizes[storage.data_ptr()] = storage.nbytes()
        held.append(tensor)  # so that no address is used twice
        return tensor

    with (
        torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor),
        torch.autocast("cpu", torch.bfloat16, enabled=half),
    ):
        found = model.base_model(input_ids=ids, use_cache=False).last_hidden_state
    return sum(sizes.values()), found


def points_of(name: str, recipe: Recipe) -> list[dict[str, Any]]:
    """Measure one model."""
    model, _ = load(settings_of(recipe), 0)
    shape = shape_of(settings_of(recipe))
    changes = {"model.sizes": settings_of(recipe).sizes, "model.gguf": None, "model.tokenizer": "characters"}
    alone = {"training.per_device_train_batch_size": ROWS, "training.max_completion_length": TOKENS}
    found = planned.plan(recipe.override(changes | alone), 1, "none", 80)
    parts = {part.name: part.bytes for part in found.parts}
    length = min(TOKENS, model.config.max_position_embeddings)
    ids = torch.randint(shape.vocabulary, (ROWS, length))
    measured = {}
    for half in (False, True):
        kind = "bfloat16" if half else "float32"
        size, output = kept_for_gradient(model, ids, half)
        widths = zip((shape.hidden, shape.intermediate, shape.key_value), planned.ACTIVATIONS[kind])
        computed = shape.layers * ROWS * length * sum(width * factor for width, factor in widths)
        if half:  # the copies of weights that autocast makes are kept too
            computed += 2 * (shape.parameters - shape.embedding_parameters)
        measured[f"activations, {kind}, {ROWS} x {length} tokens"] = (computed, size)
    output.float().square().mean().backward()
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.0)
    optimizer.step()
    state = sum(
        one.nbytes for values in optimizer.state.values() for one in values.values() if torch.is_tensor(one)
    )
    measured["weights"] = parts["weights"], sum(one.nbytes for one in model.parameters())
    grads = [one.grad.nbytes for one in model.parameters() if one.grad is not None]
    measured["gradients"] = parts["gradients"], sum(grads)
    measured["optimizer"] = parts["optimizer"], state
    where = f"{platform.machine()} CPU, torch {torch.__version__.split('+')[0]}"
    return [
        {"model": name, "part": part, "planned": computed, "measured": size, "where": where}
        for part, (computed, size) in measured.items()
    ]


def main() -> None:
    """Measure, print and write."""
    torch.manual_seed(0)
    points = [point for name, recipe in MODELS.items() for point in points_of(name, recipe_of(recipe))]
    for point in points:
        share = point["measured"] / point["planned"]
        print(
            f"{point['model']:14} {point['part']:40} {point['measured']:>14,} measured, {share:.3f} of the plan"
        )
    OUT.write_text(json.dumps(points, indent=1) + "\n")


if __name__ == "__main__":
    main()
