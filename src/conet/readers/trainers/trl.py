"""TRL: ``completions/completions_*.parquet``, as GRPOTrainer writes them with ``log_completions=True``.

A file holds the last generation at one logging step: step, prompt, completion (text or messages), a
column for each reward function, extras, advantage. Two traps: logged more often than generated, a
generation stands in several files under several steps; and at a step with an evaluation, the rows are
those of the evaluation (``trainer_state.json`` in a checkpoint tells which steps these are).
"""

import json
from collections.abc import Mapping
from pathlib import Path

from conet.base.errors import ConetError
from conet.readers.base import LENGTHS, TRUNCATED, Part, Reader
from conet.readers.formats import natural
from conet.readers.formats.chunk import Numbers
from conet.readers.places import folders, number_in, scan

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


def finds(path: Path) -> list[Part]:
    """Return the logs of a run directory, of its folder ``completions``, or one log."""
    if path.is_file():
        return [Part(path, step=number_in(path))] if _is_log(path) else []
    places = [folder for folder in folders(path, 1) if any(_is_log(file) for file in scan(folder))]
    if not places:
        return []
    if path in places:
        places = [path]
    if len(places) > 1:
        found = ", ".join(str(place.relative_to(path)) for place in places[:5])
        raise ConetError(f"{path} with completions in {found}", "those of one run", "name one of the folders")
    logs = sorted((file for file in scan(places[0]) if _is_log(file)), key=natural)
    evaluated = evaluation_steps(path) | evaluation_steps(places[0].parent)
    return [Part(log, "eval" if number_in(log) in evaluated else "train", number_in(log)) for log in logs]


def _is_log(path: Path) -> bool:
    return path.name.startswith(PREFIX) and path.suffix == ".parquet"


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
    finds=finds,
    names=NAMES,
    rewards=rewards,
    one_step_a_file=True,
    files="`completions/completions_*.parquet` in `output_dir`",
    trainer="TRL `GRPOTrainer`",
    setting="`log_completions=True, logging_steps=1`",
)
