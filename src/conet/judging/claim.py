"""What a claim declares: its runs, its statistics with thresholds, its figures and tables."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from conet.cells.cell import Arrays, Cell, Failure
from conet.judging.judgement import ClaimResult
from conet.report.style import Picture


@dataclass(frozen=True)
class Scale:
    """How much work a claim may ask for.

    Attributes
    ----------
    seeds : int
        Independent runs.
    level : "quick", "full" or "exhaustive"
    """

    seeds: int
    level: Literal["quick", "full", "exhaustive"] = "full"

    @property
    def quick(self) -> bool:
        """Whether only the least is asked for."""
        return self.level == "quick"


@dataclass(frozen=True)
class Results:
    """What the cells of a claim gave, failures left out.

    Attributes
    ----------
    pairs : list of (Cell, dict of arrays)
        In the order in which the claim named its cells.
    failures : list of Failure
    """

    pairs: list[tuple[Cell, Arrays]]
    failures: list[Failure]

    def where(self, **arguments: Any) -> list[Arrays]:
        """Return the arrays of the cells whose arguments have these values, in order."""
        return [
            arrays
            for cell, arrays in self.pairs
            if all(cell.arguments.get(name) == value for name, value in arguments.items())
        ]


@dataclass(frozen=True)
class Table:
    """A table of the results page."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str = ""


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A claim, or a question of our own: a new one is one file with one of these.

    Attributes
    ----------
    name : str
        "C1" to "C9", or the name of a question, such as "heating-map".
    title : str
        The claim, or the question, in a sentence.
    method : str
        What was fixed beforehand: the runs, the statistic, the threshold, and why.
    cells : callable
        From a :class:`Scale` to the cells to run.
    judge : callable
        From the results to claim results; none for a mere map.
    draw : callable
        From the results to pictures; called inside :func:`conet.report.style.look`.
    tables : callable
        From the results to tables.
    changed : str
        Which statistics were changed after the first look at the results, and why.
    of_paper : bool
        Whether the paper makes it: then it has a row also where nothing could be run. The others are
        questions, on a page of their own.
    quick : bool
        Whether it belongs to ``conet reproduce --quick``.
    fixed : str
        The commit at which its thresholds and statistics were fixed.
    page : str
        The page of the documentation that it stands on, where it is neither that of the paper's claims nor
        that of the questions.
    """

    name: str
    title: str
    method: str
    cells: Callable[[Scale], list[Cell]]
    judge: Callable[[Results], list[ClaimResult]] = lambda results: []
    draw: Callable[[Results], list[Picture]] = lambda results: []
    tables: Callable[[Results], list[Table]] = lambda results: []
    changed: str = ""
    of_paper: bool = False
    quick: bool = False
    fixed: str = ""
    page: str = ""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """One claim with all that came of it; ``call`` is its name on the command line."""

    claim: Claim
    call: str
    results: list[ClaimResult]
    pictures: list[Picture]
    tables: list[Table]
    failures: list[Failure]
