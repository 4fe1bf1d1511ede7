"""verl: ``{step}.jsonl`` in ``rollout_data_dir``, and apart from them those of ``validation_data_dir``.

A line holds input, output, gts, score, step, and whatever the reward function returned besides (often
acc); uid is made anew for every batch, so it names no problem. The last line may be torn while a
training runs.
"""

import re
from collections.abc import Mapping
from pathlib import Path

from conet.base.errors import ConetError
from conet.readers.base import LENGTHS, TRUNCATED, Part, Reader
from conet.readers.formats import natural
from conet.readers.places import NothingYet, folders, number_in, scan

NAMES = {
    "step": ("step",),
    "prompt": ("input",),
    "completion": ("output",),
    "correct": ("correct", "acc", "accuracy"),
    "length": LENGTHS,
    "truncated": TRUNCATED,
}
VALIDATION = re.compile(r"(^|[^a-z])(val|valid|validation|eval|evaluation|test)", re.IGNORECASE)


def finds(path: Path) -> list[Part]:
    """Return the dumps of a folder, of the folders in a run directory, or one dump."""
    if path.is_file():
        return [Part(path, step=number_in(path))] if _is_dump(path) else []
    places = [folder for folder in folders(path, 2) if any(_is_dump(file) for file in scan(folder))]
    if path in places:
        return _dumps(path, "train")
    apart = [place for place in places if VALIDATION.search(str(place.relative_to(path)))]
    training = [place for place in places if place not in apart]
    if not places:
        return []
    if not training:
        raise NothingYet(
            f"{path} with dumps of validation alone",
            "a folder of rollouts (verl's rollout_data_dir) beside them",
            "wait for the first step, or name the folder of validation",
        )
    if len(training) > 1:
        found = ", ".join(str(place.relative_to(path)) for place in places[:5])
        raise ConetError(
            f"{path} with dumps in {found}",
            "one folder of rollouts beside those of validation",
            "name the folder of rollouts (verl's rollout_data_dir)",
        )
    return _dumps(training[0], "train") + [part for place in apart for part in _dumps(place, "eval")]


def _is_dump(path: Path) -> bool:
    return path.suffix == ".jsonl" and path.stem[:1].isdigit() and number_in(path) is not None


def _dumps(folder: Path, split: str) -> list[Part]:
    files = sorted((file for file in scan(folder) if _is_dump(file)), key=natural)
    return [Part(file, split, number_in(file)) for file in files]


def rewards(columns: Mapping[str, int]) -> list[str]:
    """Return verl's reward: score."""
    return [name for name in ("score",) if name in columns]


READER = Reader(
    name="verl",
    finds=finds,
    names=NAMES,
    rewards=rewards,
    one_step_a_file=True,
    marks=("input", "score"),
    files="`{step}.jsonl` in `rollout_data_dir`, and of validation in `validation_data_dir`",
    trainer="verl",
    setting="`trainer.rollout_data_dir=DIR/rollouts` (and `trainer.validation_data_dir=DIR/validation`)",
)
