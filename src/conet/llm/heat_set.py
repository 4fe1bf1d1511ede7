"""What a language model learns from: as a batch of token ids, and as a line of a file."""

import json
from collections.abc import Sequence
from typing import Any

import torch

from conet.llm.head import IGNORED
from conet.rollouts.pool import Demonstration


def batch(
    prompts: Sequence[Sequence[int]], items: Sequence[Demonstration], pad: int, device: Any
) -> dict[str, torch.Tensor]:
    """Put demonstrations into one padded batch (see :func:`padded`).

    Parameters
    ----------
    prompts
        Token ids, one list a demonstration.
    items
        The demonstrations; what a tool wrote is read, not learned.
    """
    rows = [(prompt, item.tokens, item.own) for prompt, item in zip(prompts, items, strict=True)]
    return padded(rows, pad, device)


def padded(
    rows: Sequence[tuple[Sequence[int], Sequence[int], Sequence[int] | None]], pad: int, device: Any
) -> dict[str, torch.Tensor]:
    """Put prompts and completions into one batch, padded on the right; prompts have no loss.

    Parameters
    ----------
    rows
        Token ids of a prompt and of its completion, and 1 for each token of the completion that has a loss,
        0 for the others; None where all have one.
    pad
        Token id that fills the rest.

    Returns
    -------
    dict
        ``input_ids``, ``attention_mask`` and ``labels``: int64, shape (rows, tokens of the longest).
    """
    width = max(len(prompt) + len(completion) for prompt, completion, _ in rows)
    ids = torch.full((len(rows), width), pad)
    mask, labels = torch.zeros_like(ids), torch.full_like(ids, IGNORED)
    for row, (prompt, completion, own) in enumerate(rows):
        whole = len(prompt) + len(completion)
        ids[row, :whole] = torch.tensor([*prompt, *completion])
        mask[row, :whole] = 1
        learned = torch.tensor(completion)
        if own is not None:
            learned = torch.where(torch.tensor(own, dtype=torch.bool), learned, IGNORED)
        labels[row, len(prompt) : whole] = learned
    return {"input_ids": ids.to(device), "attention_mask": mask.to(device), "labels": labels.to(device)}


def line(item: Demonstration, name: str, prompt: Any, text: str) -> str:
    """Write one demonstration in the chat format that trainers read.

    Parameters
    ----------
    item
        The demonstration.
    name
        Of the problem, in the data.
    prompt
        As the model is asked: text, or messages.
    text
        Of the completion.
    """
    asked = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else list(prompt)
    row = {
        "messages": [*asked, {"role": "assistant", "content": text}],
        "problem": item.problem,
        "id": name,
        "accuracy": item.correct_count / item.samples,
        "samples": item.samples,
        "step": item.step,
        "length": item.length,
    }
    return json.dumps(row, ensure_ascii=False) + "\n"
