"""What a kind of fault is, and what a case of it has to work with."""

import os
import random
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from fault_kinds import warm, worlds
from fault_kinds.processes import in_child

# Endings of cases in which nothing happened to the command: they are told of, and count for nothing.
MISSED = (
    "ended before the kill",
    "the error did not come",
    "the disk was enough",
    "not known whether it came",
)


class LeftOut(Exception):
    """A kind that cannot be tried here, with the reason; its cases stay to be tried."""


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind of fault.

    Attributes
    ----------
    name : str
    what : str
        What is done, for the table.
    goal : int
        Cases that are to be counted.
    case : callable
        Takes a :class:`Bench` and the case's number; returns group and ending, both for counting, and raises
        :class:`fault_kinds.processes.Fault`, or :class:`LeftOut` where it cannot be tried.
    short : tuple of int
        Cases for the suite.
    forks : bool
        Whether every case limits its own time, by doing its work in forks; else the worker is watched.
    """

    name: str
    what: str
    goal: int
    case: Callable[["Bench", int], tuple[str, str]]
    forks: bool = True
    short: tuple[int, ...] = ()


@dataclass
class Bench:
    """Where one worker tries one case after the other.

    Attributes
    ----------
    seed : int
        Of all cases.
    keep : Path
        A folder that lasts from one sitting to the next.
    kept : dict
        What a kind keeps from one case to the next.
    place : Path
        A folder of its own.
    """

    seed: int
    kind: str
    keep: Path
    kept: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.place = Path(tempfile.mkdtemp(prefix="conet-faults-", dir=warm.scratch()))

    @property
    def slot(self) -> Path:
        """Where a case works: the same path in every case."""
        return self.place / "slot"

    @cached_property
    def base(self) -> Path:
        """The inputs of all commands, made once."""
        base = self.slot  # made where the cases will work, so that paths in the files are those of a case
        in_child(lambda: worlds.build(base))
        return Path(shutil.move(base, self.place / "base"))

    def random(self, number: int) -> random.Random:
        """Return what a case draws from."""
        return random.Random(f"{self.seed}/{self.kind}/{number}")

    def fresh(self) -> Path:
        """Make the slot as it was before any case, and go there."""
        worlds.fresh(self.base, self.slot)
        os.chdir(self.slot)
        return self.slot

    def close(self) -> None:
        """Remove everything."""
        os.chdir("/")
        shutil.rmtree(self.place, ignore_errors=True)
