"""The trainings of verification/interference.py, which keep the products of the problems' gradients."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import polars as pl

from conet.base.files import write_atomic
from conet.llm import train
from conet.llm.asking import number_of
from conet.llm.build import build
from conet.llm.gradient_sketch import GradientSketch, Rows, by_problem
from conet.llm.interference import InterferenceWatch
from conet.runs import recipe

STEPS, EVERY = 40, 8


def settings_of(name: str, seed: int) -> recipe.Recipe:
    """Return the recipe with problems and weights of this seed, without heating."""
    whole = recipe.load(name).override({"seed": seed, "problems.seed": seed, "schedule.name": "rlvr"})
    return whole.override({"steps": STEPS, "checkpoint_every": STEPS, "training.interference": True})


class Looking(InterferenceWatch):
    """The watch of a training, which also keeps the products of all gradients of an update."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: list[dict[str, Any]] = []
        self.updates = 0
        self.whole: dict[
            str, np.ndarray
        ] = {}  # by kind of gradient: products of the problems, of this update

    def end(self) -> None:
        taken = [rows for rows in self.sketch._taken if rows.parts]
        whole, self.whole = self.whole, {}
        super().end()
        self.updates += 1
        if self.found is None:
            return
        keys = [self.numbers[number_of(list(prompt))] for prompt in self.prompts]
        halves = [vectors(part, self.prompts) for part in halved(taken)]
        sums = vectors(taken, self.prompts)
        products = {"sketch": sums @ sums.T, "halves": halves[0] @ halves[1].T} | whole
        self.kept.append(
            {"step": self.updates - 1, "problems": keys, **self.values()}
            | {name: found.tolist() for name, found in products.items()}
        )


def halved(taken: Sequence[Rows]) -> Iterator[list[Rows]]:
    """Yield micro-batches with every other rollout of each problem, and with those left."""
    for parity in (0, 1):
        part = []
        for rows in taken:
            seen: dict[tuple[int, ...], int] = {}
            chosen = []
            for at, prompt in enumerate(rows.prompts):
                seen[prompt] = seen.get(prompt, -1) + 1
                if seen[prompt] % 2 == parity:
                    chosen.append(at)
            parts = {place: found[chosen] for place, found in rows.parts.items()}
            part.append(Rows([rows.prompts[at] for at in chosen], parts))
        yield part


def vectors(taken: Sequence[Rows], prompts: Sequence[tuple[int, ...]]) -> np.ndarray:
    """Return the sums of each prompt, shape (prompts, numbers)."""
    found = dict(by_problem(taken))
    return np.array([found[prompt].vector.double().numpy() for prompt in prompts])


def look_closer(trainer: Any, watch: Looking) -> None:
    """Work out each problem's whole gradient at every eighth update, before it is trained on."""
    import torch

    # A micro-batch is a whole update here: with several, each would need its own products, added up.
    assert trainer.args.gradient_accumulation_steps == 1, "not written for gradient accumulation"
    usual = trainer.compute_loss
    block = GradientSketch(None, 1)

    def compute_loss(model: Any, inputs: Any, *more: Any, **given: Any) -> Any:
        if trainer.state.global_step % EVERY == 0:
            watch.sketch.on = False
            block.attach(model)
            metrics = {name: list(values) for name, values in trainer._metrics["train"].items()}
            usual(model, dict(inputs), *more, **given).backward()
            sums = dict(by_problem(block.take()))
            block.detach()
            watch.whole["block"] = gram([one.vector.double() for one in sums.values()])
            found = []
            for prompt in sums:
                mine = torch.tensor([each == prompt for each in prompts(inputs)])
                part = dict(inputs) | {"advantages": inputs["advantages"] * mine}
                model.zero_grad()
                usual(model, part, *more, **given).backward()
                found.append(torch.cat([one.grad.flatten() for one in model.parameters()]).double())
            model.zero_grad()
            watch.whole["weights"] = gram(found)
            trainer._metrics["train"].clear()
            trainer._metrics["train"].update(metrics)
            watch.sketch.on = True
        return usual(model, inputs, *more, **given)

    trainer.compute_loss = compute_loss


def prompts(inputs: Any) -> list[tuple[int, ...]]:
    """Return the tokens of the prompts of a batch of TRL's."""
    rows = zip(inputs["prompt_ids"].tolist(), inputs["prompt_mask"].tolist(), strict=True)
    return [tuple(token for token, here in zip(row, mask, strict=True) if here) for row, mask in rows]


def gram(found: Sequence[Any]) -> np.ndarray:
    """Return the products of vectors with each other."""
    whole = np.array([one.numpy() for one in found])
    return whole @ whole.T


def run_seed(name: str, seed: int, out: Path) -> dict[str, Any]:
    """Train a seed and keep what was seen, or read what is there."""
    import torch

    torch.set_num_threads(1)
    place, done = out / f"{name}-{seed}", out / f"{name}-{seed}.json"
    if done.exists():
        found: dict[str, Any] = json.loads(done.read_text())
        return found
    watch = Looking()

    def looking(*given: Any, **more: Any) -> Any:
        trainer = build(*given, **more)
        trainer.gradients = watch
        look_closer(trainer, watch)
        return trainer

    with patch.object(train, "build", looking):
        train.run(settings_of(name, seed), place)
    table = pl.read_parquet(place / "rollouts/*.parquet").filter(pl.col("split") == "train")
    counted = table.group_by("step", "problem").agg(pl.col("correct").mean()).sort("step", "problem")
    found = {"updates": watch.kept, "accuracy": counted.rows()}
    write_atomic(done, json.dumps(found) + "\n")
    return found
