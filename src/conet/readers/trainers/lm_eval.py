"""lm-eval: ``samples_{task}_{time}.jsonl``, an evaluation.

Source: EleutherAI/lm-evaluation-harness, lm_eval/loggers/evaluation_tracker.py (save_results_samples)
and lm_eval/evaluator.py: doc_id, doc, target, arguments, resps, filtered_resps and each metric. Where a
task has several filters, each answer stands there once for each of them: the first filter counts. The file
lies in ``{output_path}/{model}``; ``target`` is written as text.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from conet.readers.base import Part, Reader, Skipped
from conet.readers.formats.records import Head, known, records
from conet.readers.paths import inside, parts_of
from conet.readers.rewards import correct_among, number_of
from conet.readers.trainers.inspect_logs import STEP

METRICS = (
    "exact_match",
    "acc",
    "math_verify",
    "mean",
    "pass@1",
    "acc_norm",
    "prompt_level_strict_acc",
    "em",
    "f1",
)
TASK = re.compile(r"samples_(.+?)_\d{4}-\d{2}-\d{2}")

MARKS = ("doc_id", "doc", "arguments", "resps")


def begins(head: Head) -> bool:
    """Whether it has documents with arguments and responses."""
    return head.has(*MARKS)


def parts(root: Path, files: list[Path]) -> list[Part]:
    """Return the samples as evaluations, of the step that a folder says, else 0."""
    found = []
    for part in parts_of(root, files):
        said = STEP.search("/".join(inside(root, part.path).parts[:-1]))
        found.append(
            replace(part, split="eval", step=int(said.group(1)) if said else 0, run="", run_of_steps="")
        )
    return found


def rows(path: Path) -> Iterator[dict[str, Any] | Skipped]:
    """Yield the samples."""
    first = None
    named = TASK.match(path.name)
    task = named.group(1) if named else path.stem
    for row in records(path):
        if isinstance(row, Skipped):
            yield row
            continue
        first = row.get("filter") if first is None else first
        if row.get("filter") != first:
            yield Skipped("rows of further filters")
            continue
        yield _rollout(row, task)


def _rollout(row: dict[str, Any], task: str) -> dict[str, Any]:
    metric = next((name for name in METRICS if number_of(row.get(name)) is not None), None) or correct_among(
        row
    )
    return known(
        problem=f"{task} {row.get('doc_id')}",
        prompt=_prompt(row.get("arguments")),
        completion=_first(row.get("resps")),
        reward=number_of(row.get(metric)) if metric else None,
        gold=row.get("target") if isinstance(row.get("target"), str) else None,
    )


def _prompt(arguments: Any) -> Any:
    """Return the text that was asked: arguments are lists, or since 0.4.5 objects such as gen_args_0."""
    while isinstance(arguments, dict | list) and arguments:
        arguments = next(iter(arguments.values())) if isinstance(arguments, dict) else arguments[0]
    return arguments if isinstance(arguments, str) else None


def _first(responses: Any) -> str | None:
    while isinstance(responses, list) and responses:
        responses = responses[0]
    return responses if isinstance(responses, str) else None


READER = Reader(
    name="lm-eval",
    begins=begins,
    marks=MARKS,
    parts=parts,
    rows=rows,
    ids=True,
    files="`samples_{task}_{time}.jsonl`, as validation",
    trainer="lm-evaluation-harness",
    setting="`--output_path DIR --log_samples`",
)
