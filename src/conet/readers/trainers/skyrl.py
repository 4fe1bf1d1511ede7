"""SkyRL: ``dumped_evals/global_step_{N}_evals/{data source}.jsonl``, of its evaluations.

Source: NovaSky-AI/SkyRL, skyrl/train/utils/trainer_utils.py (dump_per_dataset_eval_results): ``score``
is a number, or a list with one for each token, whose sum counts. ``aggregated_results.jsonl`` beside
them holds no rollouts.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from conet.readers.base import Reader, Skipped
from conet.readers.formats.records import Head, known, records
from conet.readers.rewards import number_of

MARKS = ("input_prompt", "output_response", "score")


def begins(head: Head) -> bool:
    """Whether it has prompts, responses and scores under SkyRL's names."""
    return head.has(*MARKS)


def rows(path: Path) -> Iterator[dict[str, Any] | Skipped]:
    """Yield the samples."""
    for row in records(path):
        if isinstance(row, Skipped):
            yield row
            continue
        extras = row.get("env_extras") or {}
        stopped = row.get("stop_reason")
        yield known(
            prompt=row.get("input_prompt"),
            completion=row.get("output_response"),
            reward=number_of(row.get("score")),
            length=row.get("response_length"),
            truncated=stopped == "length" if isinstance(stopped, str) else None,
            gold=(extras.get("reward_spec") or {}).get("ground_truth") if isinstance(extras, dict) else None,
        )


READER = Reader(
    name="skyrl",
    begins=begins,
    marks=MARKS,
    rows=rows,
    files="`exports/dumped_evals/global_step_{N}_evals/*.jsonl`, as validation",
    trainer="SkyRL",
    setting="`trainer.dump_eval_results=true`, the default; the rollouts of training are not dumped",
)
