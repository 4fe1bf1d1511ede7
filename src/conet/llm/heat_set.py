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
    """Put demonstrations into one padded batch; only tokens that the model wrote have a loss.

    Parameters
    ----------
    prompts
        Token ids, one list a demonstration.
    items
        The demonstrations.
    pad
        Token id that fills the rest.
    """
    width = max(len(prompt) + len(item.tokens) for prompt, item in zip(prompts, items))
    ids = torch.full((len(prompts), width), pad)
    mask, labels = torch.zeros_like(ids), torch.full_like(ids, IGNORED)
    for row, (prompt, item) in enumerate(zip(prompts, items)):
        both = [*prompt, *item.tokens]
        ids[row, : len(both)] = torch.tensor(both)
        mask[row, : len(both)] = 1
        taught = torch.tensor(item.tokens)
        if item.own is not None:  # what a tool wrote is read, not learned
            taught = torch.where(torch.tensor(item.own, dtype=torch.bool), taught, IGNORED)
        labels[row, len(prompt) : len(both)] = taught
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
