"""Checkpoints of a training on a language model: TRL's folders, with our state in them as the last file."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from conet.base.digests import differs
from conet.base.errors import ConetError
from conet.base.files import digest_all, numbered, sync_all
from conet.base.journal import read_sound
from conet.base.sealed import read_sealed, write_sealed
from conet.base.terminal import tell
from conet.runs.tables import GROWING

STATE = "annealing.json"  # the last file of a checkpoint, so one that has it is complete


def last(path: Path) -> tuple[int, Path] | None:
    """Return step and folder of the newest complete checkpoint; what a kill left half-written is removed.

    Raises
    ------
    ConetError
        When a later one was complete, and is no more.
    """
    found = numbered(path / "checkpoints", "checkpoint-", "")
    torn = [(number, folder) for number, folder in found if not (folder / STATE).exists()]
    complete = next((each for each in reversed(found) if each not in torn), None)
    before = "the start" if complete is None else complete[1].name
    later = [each for each in torn if complete is None or each[0] > complete[0]]
    done = _updates(path) if later else 0
    for number, folder in later:
        if number < done:  # the run went on after it
            raise ConetError(
                f"{folder / STATE}: no such file, so the run is incomplete",
                f"a whole checkpoint: the run has {done} updates",
                f"restore it from a copy, or delete {folder}, and the run goes on from what is before it",
            )
    if os.environ.get("RANK", "0") == "0":
        for _, folder in later:
            tell(f"note: {folder} was not finished: going on from {before}")
        for _, folder in torn:
            shutil.rmtree(folder, ignore_errors=True)
    return complete


def _updates(path: Path) -> int:
    """Return how many updates a run has rows of metrics for, as far as they can be read."""
    growing = path / GROWING["metrics"]
    rows = read_sound(growing)[0] if growing.exists() else []
    return max((int(row["step"]) + 1 for row in rows), default=0)


def write_state(folder: Path, state: Mapping[str, Any]) -> None:
    """Complete a checkpoint: its state, with digests of all its files and of itself, once on the disk.

    Raises
    ------
    ConetError
        When it cannot be written.
    """
    files = [file for file in folder.rglob("*") if file.is_file() and file.name != STATE]
    sync_all([*files, *{file.parent for file in files}])
    whole = {
        **state,
        "files": {str(file.relative_to(folder)): value for file, value in digest_all(files).items()},
    }
    write_sealed(folder / STATE, whole)


def read_state(folder: Path, check: bool = False) -> dict[str, Any]:
    """Return the state in a checkpoint.

    Parameters
    ----------
    folder
        The checkpoint.
    check
        Whether to compare its files with their digests; checkpoints of version 0.1 have none.

    Raises
    ------
    ConetError
        When a file is missing or damaged.
    """
    remedy = f"delete {folder}, and `conet llm resume` goes on from the checkpoint before it"
    state = read_sealed(folder / STATE, remedy, bare="pool")  # of version 0.1
    if check and "files" in state:
        _check(folder, state["files"], remedy)
    return state


def _check(folder: Path, digests: Mapping[str, str], remedy: str) -> None:
    try:
        found = digest_all([folder / name for name in digests])
    except ConetError as error:
        raise ConetError(error.got, error.expected, remedy) from None
    for name, wanted in digests.items():
        if found[folder / name] != wanted:
            raise differs(folder / name, remedy)
