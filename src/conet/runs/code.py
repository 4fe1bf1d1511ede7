"""Code of the user's own that a run's settings name: noted when it begins, and compared before it runs again.

A run directory may come from someone else, and its settings name files that going on with it would run.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from conet.base.errors import ConetError
from conet.base.files import digest
from conet.base.registry import file_of, places

if TYPE_CHECKING:
    from conet.runs.run import Run

CHANGED: Final = "code_changed"  # the event


class Change(NamedTuple):
    """A file of code that is not what the run began with; its user wants to go on all the same.

    Attributes
    ----------
    file : str
        As the settings name it.
    sha256 : str
        Of what is in it now.
    """

    file: str
    sha256: str


def files_named(settings: Any) -> list[str]:
    """Return the Python files that settings name as ``path/to/file.py:name``, wherever it stands in them."""
    if isinstance(settings, str):
        file = file_of(settings)
        return [] if file is None else [str(file)]
    inside = settings.values() if isinstance(settings, Mapping) else settings
    nested = isinstance(settings, Mapping | list | tuple)
    return list(dict.fromkeys(file for value in inside for file in files_named(value))) if nested else []


def noted(settings: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """Return where the files of code are that settings name, and the SHA-256 of what is in them."""
    found = {file: Path(file).resolve() for file in files_named(settings)}
    return {
        file: {"path": str(place), "sha256": digest(place.read_bytes())}
        for file, place in found.items()
        if place.is_file()
    }


class Rule:
    """Which of the files that a run's settings name may run.

    Parameters
    ----------
    run
        A run of walks or of a language model.
    trust
        Whether the user trusts all of them.
    accept_changed
        Whether one may have changed since the run began.

    Attributes
    ----------
    changes : list of Change
        Files that have changed, as far as they were asked for.
    """

    def __init__(self, run: "Run", trust: bool, accept_changed: bool) -> None:
        self.run, self.trust, self.accept_changed = run, trust, accept_changed
        self.changes: list[Change] = []
        self.named = files_named(run.config.model_dump(mode="json"))
        known = run.provenance().get("code") if self.named else None
        self.known: Mapping[str, Any] = known if isinstance(known, Mapping) else {}
        self.passed: set[Path] = set()

    def __call__(self, path: Path) -> Path:
        """Return where a file is that shall run; one that the settings do not name is the user's affair.

        Raises
        ------
        ConetError
            When it may not run.
        """
        if str(path) not in self.named:
            return path
        entry = self.known.get(str(path))
        began_with = entry if isinstance(entry, Mapping) else {}
        place = self._found(path, began_with.get("path"))
        if place not in self.passed:
            self._check(path, place, began_with)
            self.passed.add(place)
        return place

    def _found(self, path: Path, began_at: Any) -> Path:
        """Return where the file was when the run began, or else where its name leads from here."""
        places = [Path(began_at)] if isinstance(began_at, str) else []
        for place in (*places, path.absolute()):
            if place.is_file():
                return place
        began = f", which was {places[0]} when {self.run.path} began" if places else ""
        raise ConetError(f"no file {path}{began}", "the code that its settings name", "put it there again")

    def _check(self, path: Path, place: Path, entry: Mapping[str, Any]) -> None:
        now, began_with = digest(place.read_bytes()), entry.get("sha256")
        if not self.trust and (why := self._strange(place, entry)):
            raise ConetError(
                f"{place}, code that the settings of {self.run.path} name and that {why}",
                "code of your own, outside the run, that the run began with and where it was then",
                "read it, and if you would run it, add --trust (trust=True in Python)",
            )
        if began_with is None or now == began_with:
            return
        if not self.accept_changed and now not in self._accepted(path):
            raise ConetError(
                f"{place}, which has changed since {self.run.path} began with it",
                f"the code with the SHA-256 {str(began_with)[:12]}…",
                "restore it, or add --accept-changed-code (accept_changed_code=True), which the run notes",
            )
        self.changes.append(Change(str(path), now))

    def _strange(self, place: Path, entry: Mapping[str, Any]) -> str:
        """Say why a file is not the user's own affair; nothing where it is.

        A hash alone does not tell: a run that is sent around with code beside it brings that hash along.
        """
        inside = place.is_relative_to(self.run.path) or place.resolve().is_relative_to(self.run.path)
        if inside:
            return "lies inside it"
        if place.stat().st_uid != os.getuid():
            return "belongs to another user"
        if entry.get("sha256") is None:
            return "it has no record of"
        # What a run notes is a real path; a relative one, or one through a link, leads to what is there now.
        began_there = str(place) == entry.get("path") and place == place.resolve()
        return "" if began_there else "is not where it was when the run began"

    def _accepted(self, path: Path) -> set[str]:
        """Return what was accepted before, when the run went on."""
        return {
            str(event.get("sha256"))
            for event in self.run.events()
            if event["event"] == CHANGED and event.get("file") == str(path)
        }


def not_noted(changes: Sequence[Change], events: Sequence[Mapping[str, Any]]) -> list[Change]:
    """Return those changes that are not among the events."""
    known = {(event.get("file"), event.get("sha256")) for event in events if event["event"] == CHANGED}
    return [change for change in changes if tuple(change) not in known]


@contextmanager
def code_of(run: "Run", trust: bool = False, accept_changed: bool = False) -> Iterator[list[Change]]:
    """Let code that a run's settings name run only if it is known, while this lasts.

    Parameters
    ----------
    run
        A run of walks or of a language model.
    trust
        Whether to run files that lie in the run, belong to someone else, were elsewhere when the run began,
        or of which it has no record.
    accept_changed
        Whether to run files that have changed since the run began.

    Yields
    ------
    list of Change
        Files that have changed, as far as they have been loaded.
    """
    rule = Rule(run, trust, accept_changed)
    with places(rule):
        yield rule.changes
