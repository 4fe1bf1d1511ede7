"""What an experiment declares: its runs, its statistics with thresholds, its figure."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from conet.base.intervals import interval, share_interval
from conet.cells.cell import Arrays, Cell, Failure
from conet.report.style import Picture

Word = Literal["holds", "fails", "undecided"]


@dataclass(frozen=True)
class Scale:
    """How much work an experiment may do.

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
class Verdict:
    """One row of the answer to "does it hold?".

    Attributes
    ----------
    claim : str
        "C1" to "C9".
    statistic : str
        What was computed, in words, with its regime.
    estimate : float
        Mean (or what the statistic says) over seeds.
    ci : tuple of float
        95 % bootstrap interval over seeds.
    threshold : float
        Fixed beforehand.
    seeds : int
    verdict : "holds", "fails" or "undecided"
    values : tuple of float
        One a seed, shown one by one.
    why : str
        Why this statistic and this threshold.
    """

    claim: str
    statistic: str
    estimate: float
    ci: tuple[float, float]
    threshold: float
    seeds: int
    verdict: Word
    values: tuple[float, ...] = ()
    why: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return JSON values; what is not finite becomes None."""
        data = asdict(self)
        data["ci"] = [end if np.isfinite(end) else None for end in self.ci]
        data["values"] = [value if np.isfinite(value) else None for value in self.values]
        for name in ("estimate", "threshold"):
            data[name] = data[name] if np.isfinite(data[name]) else None
        return data


FEWEST = 6  # seeds with a value below which nothing is decided
MOST_LOST = 0.1  # share of seeds without a value, or of failed cells, above which nothing is
Wanted = Literal["at least", "at most"]


def judge(
    claim: str,
    statistic: str,
    values: Sequence[float] | np.ndarray,
    threshold: float,
    *,
    wanted: Wanted = "at least",
    why: str = "",
    over: Callable[..., np.ndarray] = np.mean,
    shares: bool = False,
) -> Verdict:
    """Decide by the interval: holds if it lies wholly on the wanted side, fails if on the other.

    Below six seeds with a value nothing is decided: a bootstrap of three values cannot leave their
    range, so it would call three seeds that agree by chance an answer.

    Parameters
    ----------
    values
        One a seed. A seed where the statistic does not exist counts as failed with the value NaN:
        more than a tenth of them make the row "undecided", fewer are left out and counted in
        ``statistic``.
    over
        The estimate over seeds: mean by default.
    shares
        Whether each value is yes (1) or no (0), the estimate then the share of seeds. Where all seeds
        agree a bootstrap has no width, and the interval is Clopper and Pearson's (1934).
    """
    array = np.asarray(values, np.float64)
    finite = array[np.isfinite(array)]
    estimate = float(over(finite)) if len(finite) else float("nan")
    alike = len(finite) > 0 and np.ptp(finite) == 0.0 and finite[0] in (0.0, 1.0)
    ci = share_interval(int(finite.sum()), len(finite)) if shares and alike else interval(finite, over)
    return judged(claim, statistic, array, threshold, estimate, ci, wanted=wanted, why=why)


def judged(
    claim: str,
    statistic: str,
    values: Sequence[float] | np.ndarray,
    threshold: float,
    estimate: float,
    ci: tuple[float, float],
    *,
    wanted: Wanted = "at least",
    why: str = "",
) -> Verdict:
    """Make the row of an estimate that has its interval already; all else as in :func:`judge`."""
    array = np.asarray(values, np.float64)
    known = int(np.isfinite(array).sum())
    lost = len(array) - known
    note = f" ({lost} of {len(array)} seeds without it)" if lost else ""
    low, high = ci
    if wanted == "at least":
        holds, fails = low >= threshold, high < threshold
    else:
        holds, fails = high <= threshold, low > threshold
    word: Word = "undecided"
    if known >= FEWEST and lost <= MOST_LOST * len(array) and (holds or fails):
        word = "holds" if holds else "fails"
    text = f"{statistic}, {wanted} {threshold:g}{note}"
    return Verdict(claim, text, estimate, ci, threshold, len(array), word, tuple(array.tolist()), why)


@dataclass(frozen=True)
class Results:
    """What the cells of an experiment gave, failures left out.

    Attributes
    ----------
    pairs : list of (Cell, dict of arrays)
        In the order in which the experiment named its cells.
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


@dataclass(frozen=True)
class Experiment:
    """A declared experiment; a new one is one module with one of these.

    Attributes
    ----------
    name : str
        "C1" to "C9", or the name of a further one, such as "heating-map".
    title : str
        The claim, or the question, in a sentence.
    method : str
        What was fixed beforehand: the runs, the statistic, the threshold, and why.
    changed : str
        Which statistics were changed after the first look at the results, and why.
    cells : callable
        From a :class:`Scale` to the cells to run.
    judge : callable
        From the results to verdicts; none for a mere map.
    draw : callable
        From the results to pictures; called inside :func:`conet.report.style.look`.
    tables : callable
        From the results to tables.
    """

    name: str
    title: str
    method: str
    cells: Callable[[Scale], list[Cell]]
    judge: Callable[[Results], list[Verdict]] = lambda results: []
    draw: Callable[[Results], list[Picture]] = lambda results: []
    tables: Callable[[Results], list[Table]] = lambda results: []
    changed: str = ""


@dataclass(frozen=True)
class Outcome:
    """One experiment with all that came of it."""

    experiment: Experiment
    verdicts: list[Verdict]
    pictures: list[Picture]
    tables: list[Table]
    failures: list[Failure]
