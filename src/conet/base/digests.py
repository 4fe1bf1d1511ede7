"""Comparing what stands in a run directory with what was written there."""

import json
import os
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from conet.base.errors import ConetError
from conet.base.files import damaged, digest, digest_all, digest_of, incomplete, numbered
from conet.base.journal import read, read_sound

DIGESTS = "digests.jsonl"
SUMMARY = "summary.json"  # the last file of a run: one that has it is finished
# Files of ours that tell a run of walks from the folder of a model, which has a config.json too.
OURS = (DIGESTS, "provenance.json", "graph.safetensors", "checkpoint.safetensors")


class Digests:
    """The digests of a run's files, as far as they are known.

    Parameters
    ----------
    path
        The run directory. Those of version 0.1 have no digests: nothing of them is compared.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._damage: ConetError | None = None  # behind the last checkpoint of a run that is not finished
        self._state = _state_of(path)

    def hold(self) -> bool:
        """Whether what was read still stands there: a run goes on, ends, or is begun anew."""
        return self._state == _state_of(self.path)

    @cached_property
    def known(self) -> dict[str, str] | None:
        """SHA-256 by the name of the file; None in a run without digests.

        Raises
        ------
        ConetError
            When they are damaged, or end before the last checkpoint, or before the summary of a finished run.
        """
        place = self.path / DIGESTS
        mark = self.marks.get("digests")  # first: the run may go on
        if not place.exists():
            if promised(self.path):
                raise incomplete(place)
            return None
        rows, damage = read_sound(place, mark)
        try:
            found = {row["name"]: row["sha256"] for row in rows}
            if (self.path / SUMMARY).exists():
                if damage is not None:
                    raise damage
                self._check_end(found, rows)
        except LookupError as error:
            raise damaged(place, error) from None
        self._damage = damage
        return found

    @property
    def all_known(self) -> Mapping[str, str]:
        """As ``known``, and empty in a run without digests.

        Raises
        ------
        ConetError
            Also when the digests are damaged behind the last checkpoint, so that some are lacking.
        """
        known = self.known or {}
        if self._damage is not None:
            raise self._damage
        return known

    def _check_end(self, found: Mapping[str, str], rows: Sequence[Mapping[str, Any]]) -> None:
        """Make sure that the list of a finished run is whole: its last line marks what stands before it."""
        if SUMMARY not in found:  # it is in the last line
            reason = "the digests end before it, so the run is incomplete"
            raise damaged(self.path / SUMMARY, ValueError(reason), self._without_end())
        before = [row["list"] for row in rows if row["name"] == SUMMARY and "list" in row]
        if before:
            read(self.path / DIGESTS, before[-1])

    def _without_end(self) -> str:
        """Say what to do where the list ends early: whether what the last checkpoint counts on is there."""
        try:
            mark = last_marks(self.path)["digests"]
            read(self.path / DIGESTS, mark)
        except (LookupError, ConetError):
            return f"restore {DIGESTS} from a copy, or start the run again"
        return "delete it, and resuming the run makes it again"

    @cached_property
    def marks(self) -> Mapping[str, Any]:
        """How far the growing tables were at the last checkpoint; nothing of a finished run."""
        return {} if (self.path / SUMMARY).exists() else last_marks(self.path)

    def listed(self, folder: str) -> list[str]:
        """Return the names in a folder that have digests."""
        return [name for name in self.all_known if name.startswith(f"{folder}/")]

    def numbered(self, folder: str, prefix: str, suffix: str) -> list[tuple[int, Path]]:
        """Return the files ``<prefix><number><suffix>`` of a folder that count, in order of their numbers.

        A file without digest does not, where others have them: it is on its way, or left from a killed run.

        Raises
        ------
        ConetError
            When one that has a digest is missing.
        """
        listed = set(self.listed(folder))  # first: the run may go on
        self.require(sorted(listed))
        found = numbered(self.path / folder, prefix, suffix)
        if self.known is None:
            return found
        return [(number, path) for number, path in found if f"{folder}/{path.name}" in listed]

    def wanted(self, name: str) -> str | None:
        """Return the digest of a file; None in a run without digests.

        Raises
        ------
        ConetError
            When others have digests and this one has none: it is not of this run, or of another state of it.
        """
        if self.known is None:
            return None
        if name not in self.known and name not in self.all_known:
            raise incomplete(self.path / name, "its digest is missing")
        return self.known[name]

    def check(self, name: str, data: bytes, remedy: str = "") -> bytes:
        """Return the content of a file, if it is what was written.

        Raises
        ------
        ConetError
            When it is not.
        """
        wanted = self.wanted(name)
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
        wanted = self.wanted(name)
        if wanted is not None:
            self.require([name])
            if digest_of(self.path / name) != wanted:
                raise differs(self.path / name)

    def check_all(self, beginning: str = "") -> None:
        """Compare all files, or those whose names begin so.

        Raises
        ------
        ConetError
            When one is missing or differs.
        """
        known = {name: value for name, value in self.all_known.items() if name.startswith(beginning)}
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


def _state_of(path: Path) -> list[tuple[int, int, int] | None]:
    """Return inode, size and time of change of all that digests are read from; None where it is missing."""
    found: list[tuple[int, int, int] | None] = []
    for name in (SUMMARY, DIGESTS, "checkpoint.safetensors", "checkpoints"):
        try:
            known = os.stat(path / name)
            found.append((known.st_ino, known.st_size, known.st_mtime_ns))
        except OSError:
            found.append(None)
    return found


def differs(path: Path, remedy: str = "") -> ConetError:
    """Say that a file holds something else than what was written."""
    return damaged(path, ValueError("its content does not match its digest"), remedy)


def unverified(path: Path) -> bool:
    """Whether a place is the directory of a run without digests: of version 0.1, or they were lost."""
    run = directory_of(path)
    return run is not None and not (run / DIGESTS).exists() and not promised(run)


def directory_of(path: Path) -> Path | None:
    """Return the directory of a run, where a path is one or the rollouts in it; of a log, None.

    One whose settings are missing is a run all the same, and not whole.
    """
    run = path.parent if path.name == "rollouts" else path
    of_walks = (run / "config.json").exists() and any((run / name).exists() for name in OURS)
    return run if of_walks or (run / "recipe.json").exists() or is_run(run) else None


def is_run(path: Path) -> bool:
    """Whether a place looks like a run directory, whole or not."""
    return any(os.path.isfile(path / name) for name in (DIGESTS, "provenance.json"))


def promised(path: Path) -> bool:
    """Whether a run was begun with digests, so that it is incomplete without them."""
    try:
        comes_from = json.loads((path / "provenance.json").read_bytes())
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(comes_from, dict) and comes_from.get("digests") == DIGESTS


def last_marks(path: Path) -> dict[str, Mapping[str, Any]]:
    """Return how far the growing tables were at the last checkpoint, by name; nothing where none says it."""
    try:
        state = _walks(path) if (path / "checkpoint.safetensors").exists() else _language_model(path)
        return {
            name: mark
            for name, mark in state["tables"].items()
            if isinstance(mark["bytes"], int) and isinstance(mark["sha256"], str)
        }
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return {}  # none yet, one of version 0.1, or one that resuming will find damaged


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
