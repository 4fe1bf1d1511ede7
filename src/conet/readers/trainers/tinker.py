"""tinker-cookbook: ``iteration_{N}/{split}_rollout_summaries.jsonl``, a line a rollout, without text.

Source: thinking-machines-lab/tinker-cookbook, tinker_cookbook/rl/rollout_logging.py (since March 2026, 0.2.0;
the texts beside it, ``*_logtree.json``, are trees without a fixed form). There is no prompt
and no lasting id of a problem, since ``group_idx`` is a place in the batch: each group counts as a
problem of its own, and none can be followed.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from conet.readers.base import Reader, Skipped
from conet.readers.formats.records import Head, known, records
from conet.readers.rewards import correct_among, number_of, one_by_one

MARKS = ("group_idx", "traj_idx", "total_reward")


def begins(head: Head) -> bool:
    """Whether it has groups and trajectories by their places, with a total reward."""
    return head.has(*MARKS)


def rows(path: Path) -> Iterator[dict[str, Any] | Skipped]:
    """Yield the rollouts."""
    for row in records(path):
        if isinstance(row, Skipped):
            yield row
            continue
        steps = [step for step in row.get("steps") or [] if isinstance(step, dict)]
        metrics = dict(row.get("trajectory_metrics") or {})
        for step in steps:
            metrics |= step.get("metrics") or {}
        correct = correct_among(metrics)
        lengths = [step.get("ac_len") for step in steps]
        at = row.get("iteration")
        yield known(
            step=at,
            problem=f"iteration {at} group {row.get('group_idx')}",
            reward=number_of(row.get("total_reward")),
            correct=number_of(metrics[correct]) if correct else None,
            length=sum(lengths) if lengths and None not in lengths else None,
            split=row.get("split"),
            **one_by_one(metrics),
        )


READER = Reader(
    name="tinker-cookbook",
    begins=begins,
    marks=MARKS,
    rows=rows,
    follows=False,
    files="`iteration_*/train_rollout_summaries.jsonl` (and of tests) in `log_path`",
    trainer="tinker-cookbook ≥ 0.2",
    setting="nothing; problems cannot be followed, since it logs neither prompts nor ids",
)
