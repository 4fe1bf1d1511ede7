"""The files of a run in a place, and their format."""

from collections.abc import Mapping
from pathlib import Path

from conet.base.errors import ConetError
from conet.readers.base import Part, Reader, found_by
from conet.readers.below import logs_below, named, refuse_several
from conet.readers.column_mapping import Source
from conet.readers.own_files import made_by, refuse
from conet.readers.paths import inside, parts_of
from conet.readers.places import NothingYet, exists, walk
from conet.readers.recognise import MOST_FAMILIES, Recogniser, describe, has_marks, is_candidate
from conet.readers.scalars.find import Finder

# Formats of which a folder with two holds two runs; the others are also written beside one of these.
FORMATS_OF_TRAINERS = {
    *("trl", "verl", "verl-v1", "nemo-rl", "prime-rl", "open-instruct", "slime", "areal", "tinker-cookbook"),
    *("rllm", "art", "atropos"),
}
HALF = 0.5


class Place:
    """Finds the files of a run.

    Parameters
    ----------
    path
        A run directory, any folder above its files, or one file.
    readers
        The formats to be tried, in order.
    given
        What the user says of the columns.
    finder
        Knows which files hold scalars.

    Attributes
    ----------
    nearest : str
        Where no format fits, which one is nearest, and what it lacks; empty where none is near.
    """

    def __init__(
        self, path: Path, readers: list[Reader], given: Mapping[str, Source], finder: Finder
    ) -> None:
        self.path, self.readers, self.given, self.finder = path, readers, given, finder
        self.recogniser = Recogniser()
        self.nearest = ""

    def find(self, settled: Reader | None = None) -> tuple[Reader, list[Part]]:
        """Return the format and the files of the run.

        Parameters
        ----------
        settled
            The format, where it is known from an earlier look.

        Raises
        ------
        ConetError
            For a place that cannot be read, or the logs of several formats; NothingYet where there are none.
        """
        if not exists(self.path):
            raise NothingYet(f"{self.path}, which does not exist", "the rollouts of a run", "check the path")
        chosen = [settled] if settled else self.readers
        for reader in chosen:
            parts = found_by(reader, self.path)
            if not parts and reader.finds and self.path.is_file() and len(chosen) == 1:
                parts = [Part(self.path)]
            if parts and (len(chosen) == 1 or has_marks(reader, parts)):
                if settled is None:
                    refuse_several(self.path, parts, self.readers)
                return reader, parts
        files = walk(self.path)
        families = self.recogniser.families(self.path, files)
        own = [family for family in families[:MOST_FAMILIES] if made_by(self.recogniser.look(family))]
        if own:
            if self.path.is_file():
                refuse(self.recogniser.look(own[0]))
            left_out = {path for family in own for path in family}
            files = [path for path in files if path not in left_out]
            families = [family for family in families if family not in own]
        for reader in chosen:
            if reader.begins and (found := self._of(reader, families)):
                if settled is None:
                    self._refuse_formats(reader, found, families)
                return reader, found
        logs = logs_below(self.path, self.readers)
        if logs:
            raise NothingYet(
                f"{self.path} with logs in {named(self.path, logs)}", "one log", "name one of these folders"
            )
        return self._last_resort(chosen, files)

    def _of(self, reader: Reader, families: list[list[Path]]) -> list[Part]:
        """Return the files of a reader that knows them by how they begin."""
        found = self.recogniser.matching(reader, families, self.given)
        if reader.name == "table":
            found = [family for family in found if not self.finder.kind(family[0])]
        files = [path for family in found for path in family]
        return (reader.parts or parts_of)(self.path, files) if files else []

    def _refuse_formats(self, reader: Reader, parts: list[Part], families: list[list[Path]]) -> None:
        """Refuse a folder above the logs of several formats.

        Raises
        ------
        ConetError
            Naming each format and its folder.
        """
        near = any(self.path in (part.path.parent, part.path.parent.parent) for part in parts)
        if near or reader.name not in FORMATS_OF_TRAINERS or len(self.readers) == 1:
            return
        found, taken = [(reader, parts)], {part.path for part in parts}
        for other in self.readers:
            if other is not reader and other.name in FORMATS_OF_TRAINERS:
                left = [family for family in families if not taken.intersection(family)]
                found.append((other, self._of(other, left) if other.begins else []))
        training = [(one, there) for one, there in found if any(part.split == "train" for part in there)]
        if len(training) > 1:
            shown = ", ".join(f"{one.name} in {first_folder(self.path, there)}" for one, there in training)
            raise ConetError(f"{self.path} with logs of {shown}", "one log", "name one of these folders")

    def _last_resort(self, chosen: "list[Reader]", files: list[Path]) -> tuple[Reader, list[Part]]:
        """Take what lies there for the one format, or for a table, so that what is missing can be said.

        Raises
        ------
        NothingYet
            When there is nothing that could be one.
        """
        reader = chosen[-1]
        tables = [path for path in files if path == self.path or is_candidate(path)]
        tables = [path for path in tables if not self.finder.kind(path)]
        if not tables or (reader.begins is None and reader.finds is not None):
            raise NothingYet(
                f"{self.path} without rollouts in it",
                "; or ".join(describe(reader) for reader in self.readers),
                "name the folder that holds the rollouts",
            )
        seen = (self.recogniser.look(family).names for family in self.recogniser.families(self.path, tables))
        self.nearest = nearest_format(self.readers, next(filter(None, seen), set()))
        return reader, (reader.parts or parts_of)(self.path, tables)


def nearest_format(readers: list[Reader], names: set[str]) -> str:
    """Say which format has most of its columns among some names, and which it lacks; empty below half."""
    shares = {
        reader.name: (len(names & set(reader.marks)) / len(reader.marks), reader)
        for reader in readers
        if reader.marks and reader.begins
    }
    share, reader = max(shares.values(), key=lambda pair: pair[0], default=(0.0, None))
    if reader is None or share < HALF:
        return ""
    lacking = [mark for mark in reader.marks if mark not in names]
    lacks = f"lacks {', '.join(lacking)}" if lacking else "begins otherwise"
    return f"nearest format {reader.name} ({reader.files.replace('`', '')}), which {lacks} here"


def first_folder(root: Path, parts: list[Part]) -> str:
    """Return the outermost folder that holds files, as seen from a place."""
    return inside(root, parts[0].path).parts[0]
