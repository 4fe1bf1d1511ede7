"""SkyRL: ``dumped_evals/global_step_{N}_evals/{data source}.jsonl``, of its evaluations.

Source: NovaSky-AI/SkyRL, skyrl/train/utils/trainer_utils.py (dump_per_dataset_eval_results): ``score``
is a number, or a list with one for each token, whose sum counts. ``aggregated_results.jsonl`` beside
them holds no rollouts.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from conet.readers.base import Part, Reader, Skipped
from conet.readers.formats.records import Head, known, records
from conet.readers.paths import parts_of
from conet.readers.rewards import number_of

MARKS = ("input_prompt", "output_response", "score")


def begins(head: Head) -> bool:
    """Whether it has prompts, responses and scores under SkyRL's names."""
    return head.has(*MARKS)


def parts(root: Path, files: list[Path]) -> list[Part]:
    """Return the files; those of several data sets beside one another are of one run."""
    found = []
    for part in parts_of(root, files):
        run = part.run_of_steps.rpartition("/")[0]
        found.append(replace(part, run=run, run_of_steps=run))
    return found


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
            family=str(row.get("data_source") or path.name.partition(".")[0]),
            data_source=row.get("data_source"),
            length=row.get("response_length"),
            truncated=stopped == "length" if isinstance(stopped, str) else None,
            gold=(extras.get("reward_spec") or {}).get("ground_truth") if isinstance(extras, dict) else None,
        )


READER = Reader(
    name="skyrl",
    begins=begins,
    parts=parts,
    apart=("family",),
    marks=MARKS,
    rows=rows,
    files="`exports/dumped_evals/global_step_{N}_evals/*.jsonl`, as validation",
    trainer="SkyRL",
    setting="`trainer.dump_eval_results=true`, the default; the rollouts of training are not dumped",
)
