"""ART: ``trajectories/{split}/{step}.jsonl``, a group a line; later versions Parquet, a trajectory a row.

Source: OpenPipe/ART, src/art/utils/trajectory_logging.py: a trajectory holds messages and choices (what
the model wrote, with ``finish_reason``), a reward, metrics and metadata. The step stands in the file's
name. The Parquet has the columns group_index, reward, metrics, metadata and messages. Until 0.3.11 (June
2025) it was YAML, which is not read.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from conet.readers.base import Reader, Skipped
from conet.readers.formats.records import Head, known, records
from conet.readers.messages import as_object, split_messages
from conet.readers.rewards import correct_among, number_of, one_by_one


def begins(head: Head) -> bool:
    """Whether it has groups of trajectories, or the columns of the Parquet."""
    if head.has("group_index", "messages", "reward"):
        return True
    if not head.has("trajectories"):
        return False
    first = (head.rows[0]["trajectories"] or [{}])[0]
    return "messages_and_choices" in first


def rows(path: Path) -> Iterator[dict[str, Any] | Skipped]:
    """Yield the trajectories."""
    for row in records(path):
        if isinstance(row, Skipped):
            yield row
            continue
        for trajectory in row.get("trajectories", [row]):
            if isinstance(trajectory, dict):
                yield _rollout(trajectory)
            else:
                yield Skipped("trajectories that failed")


def _rollout(trajectory: dict[str, Any]) -> dict[str, Any]:
    said = as_object(trajectory.get("messages_and_choices", trajectory.get("messages"))) or []
    choices = [part for part in said if isinstance(part, dict) and "message" in part]
    messages = [part.get("message", part) for part in said if isinstance(part, dict)]
    prompt, completion = split_messages(messages)
    metrics = as_object(trajectory.get("metrics")) or {}
    correct = correct_among(metrics)
    return known(
        prompt=prompt,
        completion=completion,
        reward=number_of(trajectory.get("reward")),
        correct=number_of(metrics[correct]) if correct else None,
        truncated=choices[-1].get("finish_reason") == "length" if choices else None,
        length=metrics.get("completion_tokens"),
        **one_by_one(metrics),
    )


READER = Reader(
    name="art",
    begins=begins,
    rows=rows,
    one_step_a_file=True,
    files="`.art/{project}/models/{model}/trajectories/{split}/{step}.jsonl`, later `.parquet`",
    trainer="ART > 0.3.11 (before that YAML, which is not read)",
    setting='nothing; `model.log(…, split="val")` for evaluations',
)
