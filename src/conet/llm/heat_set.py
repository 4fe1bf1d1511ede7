"""What a language model learns from: as a batch of token ids, and as a line of a file."""

import json
from collections.abc import Sequence
from typing import Any

import torch

from conet.llm.head import IGNORED
from conet.llm.problems import Problem
from conet.rollouts.pool import Demonstration


def batch(
    prompts: Sequence[Sequence[int]], completions: Sequence[Sequence[int]], pad: int, device: Any
) -> dict[str, torch.Tensor]:
    """Put demonstrations into one padded batch; only the completions' tokens have a loss.

    Parameters
    ----------
    prompts, completions
        Token ids, one of each a demonstration.
    pad
        Token id that fills the rest.
    """
    width = max(len(prompt) + len(completion) for prompt, completion in zip(prompts, completions))
    ids = torch.full((len(prompts), width), pad)
    mask, labels = torch.zeros_like(ids), torch.full_like(ids, IGNORED)
    for row, (prompt, completion) in enumerate(zip(prompts, completions)):
        both = [*prompt, *completion]
        ids[row, : len(both)] = torch.tensor(both)
        mask[row, : len(both)] = 1
        labels[row, len(prompt) : len(both)] = torch.tensor(completion)
    return {"input_ids": ids.to(device), "attention_mask": mask.to(device), "labels": labels.to(device)}


def line(item: Demonstration, problem: Problem, prompt: Any, text: str) -> str:
    """Write one demonstration in the chat format that trainers read.

    Parameters
    ----------
    prompt
        As the model is asked: text, or messages.
    text
        Of the completion.
    """
    asked = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else list(prompt)
    row = {
        "messages": [*asked, {"role": "assistant", "content": text}],
        "problem": problem.number,
        "id": problem.name,
        "accuracy": item.correct_count / item.samples,
        "samples": item.samples,
        "step": item.step,
        "length": len(item.tokens),
    }
    return json.dumps(row, ensure_ascii=False) + "\n"
