"""AReaL: ``rollout/{version}/{task}.jsonl``, a file for each task under the version of the weights.

Source: areal-project/AReaL, areal/infra/workflow_executor.py (dump of trajectories): a line is a
sample; the length of its answer is ``seqlen - prompt_len``.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from conet.readers.base import Part, Reader, Skipped
from conet.readers.formats.records import Head, first_of, known, records
from conet.readers.paths import inside, parts_of
from conet.readers.rewards import number_of

MARKS = ("task_id", "prompt", "completion", "reward", "head_version")


def begins(head: Head) -> bool:
    """Whether it has tasks with the versions of the weights."""
    return head.has(*MARKS)


def parts(root: Path, files: list[Path]) -> list[Part]:
    """Return the files, whose step is the version in the folder's name."""
    return [
        replace(
            part,
            step=int(version) if version.isdecimal() and len(version) < 10 else None,
            run=run,
            run_of_steps=run,
        )
        for part in parts_of(root, files)
        for version in [part.path.parent.name]
        for run in ["/".join(inside(root, part.path).parts[:-2])]
    ]


def rows(path: Path) -> Iterator[dict[str, Any] | Skipped]:
    """Yield the samples."""
    numbered = path.parent.name.isdecimal()
    for row in records(path):
        if isinstance(row, Skipped):
            yield row
            continue
        whole, prompt = row.get("seqlen"), row.get("prompt_len")
        both = isinstance(whole, int | float) and isinstance(prompt, int | float)
        yield known(
            step=None if numbered else first_of(row, "head_version", "tail_version"),
            prompt=row.get("prompt"),
            completion=row.get("completion"),
            reward=number_of(row.get("reward")),
            length=whole - prompt if both else None,  # type: ignore[operator]
        )


READER = Reader(
    name="areal",
    begins=begins,
    marks=MARKS,
    parts=parts,
    rows=rows,
    files="`rollout/{version}/{task}.jsonl` below the folder of the logs",
    trainer="AReaL",
    setting="`rollout.dump_to_file=true`",
)
