"""What an experiment declares: its runs, its statistics with thresholds, its figure."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from conet.experiments.cells import Arrays, Cell, Failure
from conet.report.style import Picture
from conet.statistics import interval

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


def judge(
    claim: str,
    statistic: str,
    values: Sequence[float] | np.ndarray,
    threshold: float,
    *,
    wanted: Literal["at least", "at most"] = "at least",
    why: str = "",
    over: Callable[..., np.ndarray] = np.mean,
) -> Verdict:
    """Decide by the interval: holds if it lies wholly on the wanted side, fails if on the other.

    Parameters
    ----------
    values
        One a seed. A seed where the statistic does not exist counts as failed with the value NaN:
        more than a tenth of them make the row "undecided", fewer are left out and counted in
        ``statistic``.
    over
        The estimate over seeds: mean by default.
    """
    array = np.asarray(values, np.float64)
    finite = array[np.isfinite(array)]
    lost = len(array) - len(finite)
    note = f" ({lost} of {len(array)} seeds without it)" if lost else ""
    estimate = float(over(finite)) if len(finite) else float("nan")
    low, high = interval(finite, over)
    if wanted == "at least":
        holds, fails = low >= threshold, high < threshold
    else:
        holds, fails = high <= threshold, low > threshold
    word: Word = "undecided"
    if len(finite) >= 2 and lost <= 0.1 * len(array) and (holds or fails):
        word = "holds" if holds else "fails"
    text = f"{statistic}, {wanted} {threshold:g}{note}"
    return Verdict(
        claim, text, estimate, (low, high), threshold, len(array), word, tuple(array.tolist()), why
    )


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


@dataclass(frozen=True)
class Outcome:
    """One experiment with all that came of it."""

    experiment: Experiment
    verdicts: list[Verdict]
    pictures: list[Picture]
    tables: list[Table]
    failures: list[Failure]
