"""Comparing what stands in a run directory with what was written there."""

from functools import cached_property
from pathlib import Path

from conet.base.errors import ConetError
from conet.base.files import damaged, digest, digest_all, digest_of
from conet.base.journal import read
from conet.runs.directory import DIGESTS

DIFFERS = "its content does not match its digest"
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
        """SHA-256 by the name of the file; None in a run without digests."""
        place = self.path / DIGESTS
        if not place.exists():
            return None
        rows = read(place)
        try:
            return {row["name"]: row["sha256"] for row in rows}
        except LookupError as error:
            raise damaged(place, error) from None

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
            raise damaged(self.path / name, ValueError(DIFFERS), remedy)
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
                raise damaged(self.path / name, ValueError(DIFFERS))

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
                raise damaged(self.path / name, ValueError(DIFFERS))

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


def incomplete(path: Path, what: str = "no such file") -> ConetError:
    """Say that a run is incomplete, since something of it is missing."""
    return ConetError(f"{path}: {what}, so the run is incomplete", "a complete run", HOLE)
