"""verifiers: ``results.jsonl`` of an evaluation, with which environments for prime-rl are tried out.

Source: PrimeIntellect-ai/verifiers, verifiers/legacy/utils/save_utils.py: a line is a rollout with its
messages, the reward, and every metric both in ``metrics`` and beside it. There is no step; one in a
folder's name counts. Examples are numbered anew in each environment, which a row names (``env_id``, or
``task`` in a group of environments) or the folder, ``outputs/evals/{environment}--{model}/{id}``.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from conet.readers.base import Part, Reader, Skipped
from conet.readers.formats.records import Head, first_of, known, records
from conet.readers.paths import inside, parts_of
from conet.readers.rewards import correct_among, number_of, one_by_one

MARKS = ("example_id", "prompt", "completion", "reward")
APART = "--"  # between the environment and the model


def begins(head: Head) -> bool:
    """Whether it has examples with messages and a reward."""
    return head.has(*MARKS) and not head.has("step")


def parts(root: Path, files: list[Path]) -> list[Part]:
    """Return the files as evaluations, of step 0 where no name says one.

    Those of several environments belong together; of one environment the second is another evaluation.
    """
    found, times = [], Counter[str]()
    for part in parts_of(root, files):
        part = replace(part, split="eval", step=part.step or 0)
        if named := environment(part.path):
            folder = "/".join(inside(root, part.path).parts[:-2]) or part.path.parent.parent.name
            times[folder] += 1
            run = f"{folder.replace(named, '', 1)} {times[folder]}"
            part = replace(part, run=run, run_of_steps=run)
        found.append(part)
    return found


def environment(path: Path) -> str:
    """Return the environment that the folders of a file name; empty where they do not."""
    name = path.parent.parent.name
    return name.partition(APART)[0] if APART in name else ""


def rows(path: Path) -> Iterator[dict[str, Any] | Skipped]:
    """Yield the rollouts."""
    for row in records(path):
        if isinstance(row, Skipped):
            yield row
            continue
        metrics = row.get("metrics") or {}
        named, example = first_of(row, "env_id", "task"), row.get("example_id")
        family = named if isinstance(named, str) and named else environment(path)
        correct = correct_among(metrics)
        yield known(
            problem=f"{family}-{example}" if family and example is not None else example,
            family=family or None,
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
