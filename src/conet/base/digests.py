"""Comparing what stands in a run directory with what was written there."""

import json
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from conet.base.errors import ConetError
from conet.base.files import damaged, digest, digest_all, digest_of, numbered
from conet.base.journal import read

DIGESTS = "digests.jsonl"
SUMMARY = "summary.json"  # the last file of a run: one that has it is finished
HOLE = "restore it from a copy, or start the run again"


class Digests:
    """The digests of a run's files, as far as they are known.

    Parameters
    ----------
    path
        The run directory. Those of version 0.1 have no digests: nothing of them is compared.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @cached_property
    def known(self) -> dict[str, str] | None:
        """SHA-256 by the name of the file; None in a run without digests.

        Raises
        ------
        ConetError
            When they are damaged, or end before the last checkpoint, or before the summary of a finished run.
        """
        place = self.path / DIGESTS
        mark = None if (self.path / SUMMARY).exists() else last_mark(self.path)  # first: the run may go on
        if not place.exists():
            if promised(self.path):
                raise incomplete(place)
            return None
        rows = read(place, mark)
        try:
            found = {row["name"]: row["sha256"] for row in rows}
        except LookupError as error:
            raise damaged(place, error) from None
        if (self.path / SUMMARY).exists() and SUMMARY not in found:
            reason = "the digests end before it, so the run is incomplete"
            remedy = "delete it, and resuming the run makes it again"
            raise damaged(self.path / SUMMARY, ValueError(reason), remedy)
        return found

    def listed(self, folder: str) -> list[str]:
        """Return the names in a folder that have digests."""
        return [name for name in self.known or {} if name.startswith(f"{folder}/")]

    def check(self, name: str, data: bytes, remedy: str = "") -> bytes:
        """Return the content of a file, if it is what was written.

        Raises
        ------
        ConetError
            When it is not.
        """
        wanted = (self.known or {}).get(name)
        if wanted is not None and digest(data) != wanted:
            raise differs(self.path / name, remedy)
        return data

    def check_file(self, name: str) -> None:
        """Compare a file with its digest without keeping its content.

        Raises
        ------
        ConetError
            When it is missing or differs.
        """
        wanted = (self.known or {}).get(name)
        if wanted is not None:
            self.require([name])
            if digest_of(self.path / name) != wanted:
                raise differs(self.path / name)

    def check_all(self) -> None:
        """Compare all files.

        Raises
        ------
        ConetError
            When one is missing or differs.
        """
        known = self.known or {}
        self.require(list(known))
        found = digest_all([self.path / name for name in known])
        for name, wanted in known.items():
            if found[self.path / name] != wanted:
                raise differs(self.path / name)

    def require(self, names: list[str]) -> None:
        """Make sure that files are there.

        Raises
        ------
        ConetError
            When one is missing, so that the run is incomplete.
        """
        for name in names:
            if not (self.path / name).exists():
                raise incomplete(self.path / name)


def differs(path: Path, remedy: str = "") -> ConetError:
    """Say that a file holds something else than what was written."""
    return damaged(path, ValueError("its content does not match its digest"), remedy)


def incomplete(path: Path, what: str = "no such file") -> ConetError:
    """Say that a run is incomplete, since something of it is missing."""
    return ConetError(f"{path}: {what}, so the run is incomplete", "a complete run", HOLE)


def unverified(path: Path) -> bool:
    """Whether a place is the directory of a run that was written without digests, by version 0.1."""
    run = path.parent if path.name == "rollouts" else path
    ours = (run / "provenance.json").exists() and any(
        map(Path.exists, (run / "config.json", run / "recipe.json"))
    )
    return ours and not (run / DIGESTS).exists() and not promised(run)


def promised(path: Path) -> bool:
    """Whether a run was begun with digests, so that it is incomplete without them."""
    try:
        comes_from = json.loads((path / "provenance.json").read_bytes())
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(comes_from, dict) and comes_from.get("digests") == DIGESTS


def last_mark(path: Path) -> Mapping[str, Any] | None:
    """Return how far the digests were at the last checkpoint; None where there is none that says it."""
    try:
        state = _walks(path) if (path / "checkpoint.safetensors").exists() else _language_model(path)
        mark = state["tables"]["digests"]
        return mark if isinstance(mark["bytes"], int) and isinstance(mark["sha256"], str) else None
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return None  # none yet, one of version 0.1, or one that resuming will find damaged


def _walks(path: Path) -> Any:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path / "checkpoint.safetensors", framework="numpy") as file:
            return json.loads(file.metadata()["state"])
    except SafetensorError as error:
        raise ValueError(str(error)) from None


def _language_model(path: Path) -> Any:
    *_, (_, newest) = (
        found
        for found in numbered(path / "checkpoints", "checkpoint-", "")
        if (found[1] / "annealing.json").exists()
    )
    return json.loads((newest / "annealing.json").read_bytes())["state"]
