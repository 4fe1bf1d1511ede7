"""verl v1: ``{step}.jsonl`` in ``rollout_data_dir``, where a rollout may have several outputs (turns).

Source: verl-project/verl, verl/trainer/ppo/v1/trainer_base.py: ``uid`` is
``{sample}_{rollout}_{output}``. The last output of a rollout counts, and the prompt is that of its
first.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from conet.readers.base import Reader, Skipped
from conet.readers.formats.records import Head, known, records
from conet.readers.named import in_roles
from conet.readers.rewards import correct_among

UID = re.compile(r"(.+_\d+)_(\d+)")
EARLIER = "earlier outputs of a rollout"

MARKS = ("input", "output", "score", "uid")


def begins(head: Head) -> bool:
    """Whether it is a dump of verl whose uid counts rollouts and outputs."""
    if not head.has(*MARKS):
        return False
    return all(UID.fullmatch(str(row.get("uid"))) for row in head.rows)


def rows(path: Path) -> Iterator[dict[str, Any] | Skipped]:
    """Yield the last output of each rollout; the file is read twice, and its prompts are kept in between."""
    last: dict[str, int] = {}
    asked: dict[str, Any] = {}
    for row in records(path):
        if isinstance(row, dict) and (found := UID.fullmatch(str(row.get("uid")))):
            rollout, output = found.group(1), int(found.group(2))
            last[rollout] = max(output, last.get(rollout, 0))
            if output == 0:
                asked[rollout] = row.get("input")
    same: dict[Any, Any] = {}  # so that equal prompts are held once
    asked = {rollout: same.setdefault(str(prompt), prompt) for rollout, prompt in asked.items()}
    for row in records(path):
        found = None if isinstance(row, Skipped) else UID.fullmatch(str(row.get("uid")))
        if isinstance(row, Skipped) or found is None:
            yield row if isinstance(row, Skipped) else Skipped("rows without a uid")
        elif int(found.group(2)) < last[found.group(1)]:
            yield Skipped(EARLIER)
        else:
            yield _rollout(row, asked.get(found.group(1), row.get("input")))


def _rollout(row: dict[str, Any], prompt: Any) -> dict[str, Any]:
    found = in_roles({name: value for name, value in row.items() if name not in ("uid", "input", "gts")})
    correct = None if "correct" in found else correct_among(found)
    return found | known(prompt=prompt, gold=row.get("gts"), correct=row.get(correct) if correct else None)


READER = Reader(
    name="verl-v1",
    begins=begins,
    marks=MARKS,
    rows=rows,
    rewards=lambda columns: [name for name in ("score",) if name in columns],
    one_step_a_file=True,
    apart=("gold",),
    files="`{step}.jsonl` in `rollout_data_dir`, with the last output of each rollout",
    trainer="verl ≥ 0.9, v1 trainer",
    setting="`trainer.rollout_data_dir=DIR/rollouts` (and `trainer.validation_data_dir=DIR/validation`)",
)
