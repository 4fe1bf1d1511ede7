"""verifiers: ``results.jsonl`` of an evaluation, with which environments for prime-rl are tried out.

Source: PrimeIntellect-ai/verifiers, verifiers/legacy/utils/save_utils.py: a line is a rollout with its
messages, the reward, and every metric both in ``metrics`` and beside it. There is no step; one in a
folder's name counts.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from conet.readers.base import Part, Reader, Skipped
from conet.readers.formats.records import Head, known, records
from conet.readers.paths import parts_of
from conet.readers.rewards import correct_among, number_of, one_by_one

MARKS = ("example_id", "prompt", "completion", "reward")


def begins(head: Head) -> bool:
    """Whether it has examples with messages and a reward."""
    return head.has(*MARKS) and not head.has("step")


def parts(root: Path, files: list[Path]) -> list[Part]:
    """Return the files as evaluations, of step 0 where no name says one."""
    return [replace(part, split="eval", step=part.step or 0) for part in parts_of(root, files)]


def rows(path: Path) -> Iterator[dict[str, Any] | Skipped]:
    """Yield the rollouts."""
    for row in records(path):
        if isinstance(row, Skipped):
            yield row
            continue
        metrics = row.get("metrics") or {}
        correct = correct_among(metrics)
        yield known(
            problem=f"{row['env_id']}-{row['example_id']}" if row.get("env_id") else row.get("example_id"),
            prompt=row.get("prompt"),
            completion=row.get("completion"),
            reward=number_of(row.get("reward")),
            correct=number_of(metrics[correct]) if correct else None,
            length=(row.get("token_usage") or {}).get("output_tokens"),
            truncated=row.get("is_truncated"),
            gold=row.get("answer"),
            **one_by_one(metrics),
        )


READER = Reader(
    name="verifiers",
    begins=begins,
    marks=MARKS,
    parts=parts,
    rows=rows,
    ids=True,
    files="`outputs/evals/…/results.jsonl`, as validation",
    trainer="verifiers (`vf-eval`)",
    setting="`vf-eval ENV -s`",
)
