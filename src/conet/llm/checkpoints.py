"""Checkpoints of a training on a language model: TRL's folders, with our state in them as the last file."""

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from conet.base.errors import ConetError
from conet.base.files import damaged, digest, digest_all, numbered, sync_all, write_atomic

STATE = "annealing.json"  # the last file of a checkpoint, so one that has it is complete


def last(path: Path) -> tuple[int, Path] | None:
    """Return step and folder of the newest complete checkpoint; what a kill left half-written is removed."""
    complete = None
    for number, folder in numbered(path / "checkpoints", "checkpoint-", ""):
        if (folder / STATE).exists():
            complete = number, folder
        elif os.environ.get("RANK", "0") == "0":
            shutil.rmtree(folder, ignore_errors=True)
    return complete


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
    text = json.dumps(whole)
    write_atomic(folder / STATE, json.dumps({"sha256": digest(text.encode()), "state": whole}))


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
    try:
        found = json.loads((folder / STATE).read_text(encoding="utf-8"))
        if "pool" in found:  # version 0.1
            return found
        state = found["state"]
        if digest(json.dumps(state).encode()) != found["sha256"]:
            raise ValueError("its content does not match its digest")
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise damaged(folder / STATE, error, remedy) from None
    if check:
        _check(folder, state["files"], remedy)
    return state


def _check(folder: Path, digests: Mapping[str, str], remedy: str) -> None:
    try:
        found = digest_all([folder / name for name in digests])
    except ConetError as error:
        raise ConetError(error.got, error.expected, remedy) from None
    for name, wanted in digests.items():
        if found[folder / name] != wanted:
            raise damaged(folder / name, ValueError("its content does not match its digest"), remedy)
