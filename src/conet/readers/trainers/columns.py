"""A dict of columns a line, each a list with a value for every rollout: ROLL and ms-swift.

Source: alibaba/ROLL, roll/pipeline/rlvr/utils.py (``rollout_dump_data.step_{N}.jsonl``) and
modelscope/ms-swift, swift/rlhf_trainers/grpo_trainer.py (``completions.jsonl``, the step as text; before 3.3,
in swift/trainers/rlhf_trainer, messages stood in the place of prompts).
ms-swift under Ray (swift/ray/megatron/base_trainer.py) writes rows, which the reader "table" takes.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from conet.readers.base import GOLD, Reader, Skipped
from conet.readers.formats.records import Head, records
from conet.readers.named import COMPLETION, PROMPT, STEP, in_roles
from conet.readers.rewards import correct_among, number_of
from conet.readers.trainers.trl import rewards

UNEQUAL = "rows of a step whose columns are of unequal length"


def begins(head: Head) -> bool:
    """Whether a row holds columns: lists of one size, among them texts of prompts."""
    return bool(head.rows) and not head.document and _height(head.rows[0]) > 0


def _height(row: Mapping[str, Any]) -> int:
    """Return how many rollouts a row of columns holds; 0 where it is none of columns."""
    asked = next((row[name] for name in PROMPT if isinstance(row.get(name), list)), None)
    said = next((row[name] for name in COMPLETION if isinstance(row.get(name), list)), None)
    if not asked or not said or len(asked) != len(said) or isinstance(asked[0], dict):
        return 0  # a list of messages is one prompt
    sizes = Counter(len(value) for value in row.values() if isinstance(value, list))
    return len(asked) if sizes[len(asked)] >= 3 else 0


def rows(path: Path) -> Iterator[dict[str, Any] | Skipped]:
    """Yield the rollouts of each row."""
    for row in records(path):
        height = 0 if isinstance(row, Skipped) else _height(row)
        if isinstance(row, Skipped) or not height:
            yield row if isinstance(row, Skipped) else Skipped("lines that hold no columns")
            continue
        if _unequal(row, height):
            yield from (Skipped(UNEQUAL) for _ in range(height))
            continue
        for place in range(height):
            yield _rollout(
                {
                    name: value[place] if isinstance(value, list) and len(value) == height else value
                    for name, value in row.items()
                    if value != []
                }
            )


def _unequal(row: Mapping[str, Any], height: int) -> bool:
    """Whether a column of numbers or gold answers has another length: which belongs to which is lost."""
    return any(
        isinstance(value, list)
        and len(value) not in (0, height)
        and name not in STEP
        and (name in GOLD or all(part is None or isinstance(part, int | float) for part in value))
        for name, value in row.items()
    )


def _rollout(row: dict[str, Any]) -> dict[str, Any]:
    found = in_roles(row)
    correct = None if "correct" in found else correct_among(found)
    value = number_of(found[correct]) if correct else None
    return found if value is None else found | {"correct": value}


READER = Reader(
    name="columns",
    begins=begins,
    rows=rows,
    rewards=rewards,
    files="a dict of columns a line: `rollout_dump_data.step_{N}.jsonl`, `completions.jsonl`",
    trainer="ROLL, ms-swift ≥ 3.3 (GRPO)",
    setting="ROLL `rollout_dump_dir=DIR`; ms-swift `--log_completions true`",
)
