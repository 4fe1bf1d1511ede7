"""NeMo-RL: ``train_data_step{N}.jsonl`` in the folder of an experiment, and ``val_data_step{N}.jsonl`` apart.

Source: NVIDIA-NeMo/RL, nemo_rl/utils/logger.py (log_batched_dict_as_jsonl) and
nemo_rl/algorithms/grpo.py: a line is a sample, each value a list of one; ``content`` holds the texts of
its messages, without their roles; the step stands in the file's name alone. ``token_loss_mask`` is 1 on
the tokens of the model. Written since 0.2.0, also by ppo.py, grpo_sync.py and distillation.py; nothing where
``env.should_log_nemo_gym_responses`` is on. With dynamic sampling ``rewards`` are those of the batch.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from conet.readers.base import Reader, Skipped
from conet.readers.formats.records import Head, known, records
from conet.readers.messages import text_of
from conet.readers.rewards import number_of

MARKS = ("content", "rewards")


def begins(head: Head) -> bool:
    """Whether it has texts and rewards as lists."""
    return head.has(*MARKS) and isinstance(head.rows[0]["content"], list)


def rows(path: Path) -> Iterator[dict[str, Any] | Skipped]:
    """Yield the samples."""
    for row in records(path):
        if isinstance(row, Skipped):
            yield row
            continue
        one = {name: _only(value) for name, value in row.items()}
        texts = one.get("content")
        prompt, completion = _split(texts if isinstance(texts, list) else [])
        mask = one.get("token_loss_mask")
        yield known(
            step=one.get("step"),
            prompt=prompt,
            completion=completion,
            reward=number_of(one.get("rewards")),
            length=sum(map(bool, mask)) if isinstance(mask, list) else one.get("output_lengths"),
            truncated=one.get("truncated"),
        )


def _only(value: Any) -> Any:
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def _split(texts: list[Any]) -> tuple[str | None, str | None]:
    """Split the texts of messages: up to three are prompt and one answer; of more the first are the prompt.

    Behind it answers and what an environment says take turns; an odd number begins with a system prompt.
    """
    said = [text if isinstance(text, str) else text_of(text) for text in texts]
    if len(said) < 2:
        return (said[0] if said else None), None
    ends = len(said) - 1 if len(said) <= 3 else 1 + len(said) % 2
    return "\n".join(said[:ends]), "\n".join(said[ends::2])


READER = Reader(
    name="nemo-rl",
    begins=begins,
    marks=MARKS,
    rows=rows,
    one_step_a_file=True,
    files="`train_data_step{N}.jsonl`, and of validation `val_data_step{N}.jsonl`",
    trainer="NeMo-RL ≥ 0.2",
    setting="`logger.log_dir=DIR`; written at every step, unless `env.should_log_nemo_gym_responses` is on",
)
