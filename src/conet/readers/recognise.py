"""Which reader a place is for, told by what is in its files."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from conet.readers import formats
from conet.readers.base import Part, Reader
from conet.readers.formats.chunk import Format, Unusable
from conet.readers.formats.compressed import plain_suffix
from conet.readers.formats.records import Head, head
from conet.readers.paths import inside
from conet.readers.places import state_of
from conet.readers.yielded import Yielded

SUFFIXES = {*formats.FORMATS, ".pt", ".pth", ".eval", ".log"}
_NUMBERS = re.compile(r"[0-9a-f]*\d[0-9a-f]*")
MOST_FAMILIES = 3000  # of files with alike names, of which the first ones are looked at
LOOKED_AT = 3  # files of a family, until one has rows


@dataclass
class Recogniser:
    """Looks at how files begin, and remembers it while they stay as they are."""

    heads: dict[Path, tuple[tuple[int, int], Head]] = field(default_factory=dict)

    def families(self, root: Path, files: Sequence[Path]) -> list[list[Path]]:
        """Return the files whose names differ in numbers alone, together."""
        found: dict[str, list[Path]] = {}
        for path in files:
            if path == root or is_candidate(path):
                found.setdefault(_NUMBERS.sub("#", str(inside(root, path))), []).append(path)
        return list(found.values())

    def matching(
        self, reader: Reader, families: Sequence[list[Path]], given: Mapping[str, object] | None = None
    ) -> list[list[Path]]:
        """Return the families that are of a reader's format."""
        assert reader.begins is not None
        wanted = {source.column for source in (given or {}).values()}  # type: ignore[attr-defined]
        found = []
        for family in families[:MOST_FAMILIES]:
            seen = self.look(family)
            named = bool(wanted) and reader.name == "table" and seen.has(*wanted)
            if named or _begins(reader, seen):
                found.append(family)
        return found + self._unreadable_beside(found, families)

    def _unreadable_beside(self, found: list[list[Path]], families: Sequence[list[Path]]) -> list[list[Path]]:
        """Return what lies beside files of a format, is called like them and has no row: it may be torn.

        Left out, it would be missing without a word.
        """
        beside = {(path.parent, plain_suffix(path)) for family in found for path in family}
        return [
            family
            for family in families[:MOST_FAMILIES]
            if (family[0].parent, plain_suffix(family[0])) in beside
            and family not in found
            and not self.look(family).rows
        ]

    def look(self, family: list[Path]) -> Head:
        """Return the beginning of the first file of a family that has rows."""
        seen = Head(path=family[0])
        for path in family[:LOOKED_AT]:
            state = state_of(path)
            known = self.heads.get(path)
            if known is None or known[0] != state:
                self.heads[path] = known = state, head(path)
            seen = known[1]
            if seen.rows:
                break
        return seen


def _begins(reader: Reader, seen: Head) -> bool:
    assert reader.begins is not None
    try:
        return reader.begins(seen)
    except (TypeError, ValueError, KeyError, IndexError, AttributeError):  # values of other kinds
        return False


def is_candidate(path: Path) -> bool:
    """Whether a file may hold rollouts, by its suffix; hidden files hold none."""
    return plain_suffix(path) in SUFFIXES and not path.name.startswith(".")


def describe(reader: Reader) -> str:
    """Say briefly what a reader reads."""
    files = reader.files.replace("`", "")
    return f"{reader.name}: {files}" if files else reader.name


def format_of(reader: Reader) -> Format:
    """How the rows of a reader's files are got at."""
    return formats if reader.rows is None else Yielded(reader.rows)


def has_marks(reader: Reader, parts: list[Part]) -> bool:
    """Whether the first of some files that has columns has those by which the format is recognised."""
    if not reader.marks:
        return True
    for part in parts[:5]:
        try:
            columns = format_of(reader).peek(part.path)
        except Unusable:
            continue
        if columns:
            return set(reader.marks) <= set(columns)
    return False
