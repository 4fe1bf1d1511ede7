"""Supervised steps on generated solutions, so that a random model half-knows a task before RLVR."""

from itertools import islice
from typing import Any

import torch

from conet.llm import arithmetic, routes
from conet.llm.heat_set import padded
from conet.llm.record import Show, silent
from conet.runs.recipe_problems import ProblemSettings, WarmUp


def warm_up(
    model: Any, tokenizer: Any, settings: WarmUp, asked: ProblemSettings, seed: int, show: Show = silent
) -> float:
    """Train a model on generated problems and their solutions, with a rate that falls linearly.

    These are walks where the problems are routes, and sums else.

    Returns
    -------
    float
        The last loss, nats a token.
    """
    if asked.source == "routes":
        source = routes.texts(asked, seed)
    else:
        source = arithmetic.texts(list(settings.levels), settings.careful, seed, asked.form)
    optimizer = torch.optim.AdamW(model.parameters(), lr=settings.learning_rate, weight_decay=0.0)
    model.train()
    value = float("nan")
    for step in range(settings.steps):
        for group in optimizer.param_groups:
            group["lr"] = settings.learning_rate * (1 - step / settings.steps)
        batch = collate(tokenizer, list(islice(source, settings.batch)), model.device)
        loss = model(**batch).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        value = float(loss.detach())
        show("warm-up step", step + 1, settings.steps, f"loss {value:.3f}")
    return value


def collate(tokenizer: Any, pairs: list[tuple[str, str]], device: Any) -> dict[str, torch.Tensor]:
    """Make a padded batch of prompts and solutions, with loss on the solutions alone."""
    asked, solved = (tokenizer(list(texts), add_special_tokens=False)["input_ids"] for texts in zip(*pairs))
    rows = [(prompt, [*ids, tokenizer.eos_token_id], None) for prompt, ids in zip(asked, solved, strict=True)]
    return padded(rows, tokenizer.pad_token_id, device)
