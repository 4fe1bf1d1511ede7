"""``trainer_state.json`` of transformers: ``log_history``, a row for each time that was logged.

Source: huggingface/transformers, src/transformers/trainer_callback.py (TrainerState.save_to_json).
"""

import json
from collections.abc import Iterator
from pathlib import Path

from conet.readers.formats.chunk import Unusable, open_binary, size
from conet.readers.memory import at_once
from conet.readers.scalars.base import Row, ScalarReader
from conet.readers.scalars.lines import numbers_of

NAME = "trainer_state.json"
TAKEN = 8  # times as many bytes as a file has that Python takes for what is in it


def rows(path: Path) -> Iterator[Row]:
    """Yield the rows of the history."""
    if size(path) * TAKEN > at_once():
        raise Unusable(f"is a JSON document of {size(path) >> 20} MB, which takes too much; raise --memory")
    try:
        with open_binary(path) as file:
            found = json.loads(file.read())
    except (ValueError, RecursionError):
        raise Unusable("holds no JSON, or not yet to its end") from None
    history = found.get("log_history") if isinstance(found, dict) else None
    if not isinstance(history, list):
        raise Unusable("has no log_history")
    for entry in history:
        if isinstance(entry, dict) and (row := numbers_of(entry)):
            yield row


def run(path: Path) -> Path:
    """Return the folder of the run; of a checkpoint the one around it."""
    return path.parent.parent if path.parent.name.startswith("checkpoint-") else path.parent


READER = ScalarReader(
    name="trainer_state",
    is_one=lambda path: path.name == NAME,
    rows=rows,
    run=run,
    files="`trainer_state.json`, in a checkpoint or beside them; the longest history counts",
    trainer="transformers (TRL, Unsloth, Axolotl, Oumi, ms-swift)",
    setting="nothing; `logging_steps=1` for every step, and `save_steps` so that a checkpoint is there",
)
