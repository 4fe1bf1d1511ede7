"""TRL: ``completions/completions_*.parquet``, as GRPOTrainer writes them with ``log_completions=True``.

A file holds the last generation at one logging step: step, prompt, completion (text or messages), a
column for each reward function, extras, advantage. Two traps: logged more often than generated, a
generation stands in several files under several steps; and at a step with an evaluation, the rows are
those of the evaluation (``trainer_state.json`` in a checkpoint tells which steps these are).
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from conet.readers.base import LENGTHS, TRUNCATED, Part, Reader
from conet.readers.formats import natural
from conet.readers.formats.chunk import Numbers
from conet.readers.formats.records import PARQUET, Head
from conet.readers.paths import inside, parts_of
from conet.readers.places import number_in

PREFIX = "completions_"
NAMES = {
    "step": ("step",),
    "prompt": ("prompt",),
    "completion": ("completion",),
    "correct": ("correct", "acc", "accuracy"),
    "length": LENGTHS,
    "truncated": TRUNCATED,
}
NO_REWARDS = {"advantage", "advantages", *(name for names in NAMES.values() for name in names)}

MARKS = ("step", "prompt", "completion")


def begins(head: Head) -> bool:
    """Whether it is a log of completions: Parquet under TRL's name, or in a folder of that name."""
    named = head.path.name.startswith(PREFIX) or head.path.parent.name == "completions"
    return head.start[:4] == PARQUET and head.has(*MARKS) and named


def parts(root: Path, files: list[Path]) -> list[Part]:
    """Return the logs; those of steps at which the trainer evaluated hold the rows of the evaluation."""
    evaluated: dict[Path, set[int]] = {}
    found = []
    for part in parts_of(root, files):
        folder = part.path.parent
        if folder not in evaluated:
            evaluated[folder] = evaluation_steps(folder.parent) | evaluation_steps(folder)
        step, run = number_in(part.path), str(inside(root, part.path).parent)
        split = "eval" if step in evaluated[folder] else part.split
        found.append(replace(part, split=split, step=step, run=run, run_of_steps=run))
    return found


def evaluation_steps(run: Path) -> set[int]:
    """Steps at which the trainer evaluated, by the newest checkpoint of a run; empty where unknown."""
    try:
        states = sorted(run.glob("checkpoint-*/trainer_state.json"), key=lambda state: natural(state.parent))
        history = json.loads(states[-1].read_text(encoding="utf-8"))["log_history"] if states else []
        return {int(entry["step"]) for entry in history if any(key.startswith("eval_") for key in entry)}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return set()


def rewards(columns: Mapping[str, int]) -> list[str]:
    """Return the columns of numbers whose meaning is not known otherwise.

    TRL writes rewards as floating-point numbers, so whole numbers beside them are extras.
    """
    unknown = [name for name, numeric in columns.items() if numeric and name not in NO_REWARDS]
    return [name for name in unknown if columns[name] == Numbers.FLOATING] or unknown


READER = Reader(
    name="trl",
    begins=begins,
    marks=MARKS,
    parts=parts,
    names=NAMES,
    rewards=rewards,
    one_step_a_file=True,
    files="`completions/completions_*.parquet` in `output_dir`",
    trainer="TRL `GRPOTrainer`, `RLOOTrainer` ≥ 0.16; Unsloth, Axolotl, Oumi through it",
    setting="`log_completions=True, logging_steps=1`",
)
