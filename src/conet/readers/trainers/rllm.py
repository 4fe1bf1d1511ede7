"""rLLM: ``episodes/{split}_step_{N}_epoch_{M}/episode_*.json``, an episode a file.

Source: rllm-org/rllm, rllm/utils/episode_logger.py: a task with its hash, whether it was solved, and
trajectories with their steps, each with the chat so far.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from conet.readers.base import Part, Reader, Skipped
from conet.readers.formats.records import Head, first_of, known, records
from conet.readers.messages import split_messages
from conet.readers.paths import inside, parts_of
from conet.readers.rewards import number_of

CUT_OFF = ("max_response", "max_prompt", "max_length", "max_tokens", "truncat", "length")

MARKS = ("task", "trajectories")


def begins(head: Head) -> bool:
    """Whether it is an episode of a task."""
    return head.has(*MARKS) and bool(head.names & {"episode_id", "task_hash", "is_correct"})


def parts(root: Path, files: list[Path]) -> list[Part]:
    """Return the files; those of one run lie in folders of steps beside one another."""
    return [
        replace(part, run=run, run_of_steps=run)
        for part in parts_of(root, files)
        for run in ["/".join(inside(root, part.path).parts[:-2])]
    ]


def rows(path: Path) -> Iterator[dict[str, Any] | Skipped]:
    """Yield a rollout for each episode."""
    for row in records(path):
        if isinstance(row, Skipped):
            yield row
            continue
        trajectories = [part for part in row.get("trajectories") or [] if isinstance(part, dict)]
        last = trajectories[-1] if trajectories else {}
        steps = [step for step in last.get("steps") or [] if isinstance(step, dict)]
        chat = (steps[-1].get("chat_completions") if steps else None) or []
        prompt, completion = split_messages(chat)
        task = row.get("task")
        asked = (
            first_of(task, "question", "problem", "prompt", "instruction") if isinstance(task, dict) else task
        )
        reason = row.get("termination_reason")
        yield known(
            step=first_of(row, "training_step", "step"),
            problem=row.get("task_hash"),
            prompt=prompt or asked,
            completion=completion or (steps[-1].get("model_response") if steps else None),
            reward=number_of(first_of(row, "reward"))
            if row.get("reward") is not None
            else number_of(last.get("reward")),
            correct=row.get("is_correct"),
            truncated=any(word in reason.lower() for word in CUT_OFF) if isinstance(reason, str) else None,
            gold=first_of(task, "ground_truth", "answer") if isinstance(task, dict) else None,
        )


READER = Reader(
    name="rllm",
    begins=begins,
    marks=MARKS,
    parts=parts,
    rows=rows,
    ids=True,
    files="`episodes/train_step_*/episode_*.json`, an episode a file",
    trainer="rLLM, since it logs episodes",
    setting="`trainer.log_episodes=true`",
)
