"""Claim results: a statistic over seeds, its interval, and the judgement that follows from a threshold."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np

from conet.base.chances import from_interval, holm, two_sided
from conet.base.intervals import FEWEST_SEEDS, interval, share_interval

Judgement = Literal["holds", "fails", "undecided"]
Wanted = Literal["at least", "at most"]
LEVEL = 0.05  # of the p-values after the correction for the number of rows
MAX_LOST = 0.1  # share of seeds without a value, or of failed cells, above which nothing is


@dataclass(frozen=True, kw_only=True)
class ClaimResult:
    """One row of the answer to "does the claim hold?".

    Attributes
    ----------
    claim : str
        "C1" to "C9".
    statistic : str
        What was computed, in words, with its regime.
    estimate : float
        What ``estimator`` says, over seeds.
    ci : tuple of float
        95 % interval over seeds.
    threshold : float
        Fixed beforehand.
    seeds : int
    judgement : "holds", "fails" or "undecided"
    values : tuple of float
        One a seed, shown one by one.
    why : str
        Why this statistic and this threshold.
    estimator : str
        "mean", "median", "share of seeds", or another in words.
    median : float
        Over seeds, whatever the estimator is: a few seeds pull a mean, and leave this.
    problems : int
        Of how many problems the statistic is a share; 0 where it is none.
    chance : float
        Two-sided p-value against the threshold, by itself.
    chance_corrected : float
        After Holm's correction for the number of rows that were judged together.
    corrected : "holds", "fails" or "undecided"
        The judgement after that correction: undecided where ``chance_corrected`` is not below 0.05.
    """

    claim: str
    statistic: str
    estimate: float
    ci: tuple[float, float]
    threshold: float
    seeds: int
    judgement: Judgement
    values: tuple[float, ...] = ()
    why: str = ""
    estimator: str = "mean"
    median: float = float("nan")
    problems: int = 0
    chance: float = float("nan")
    chance_corrected: float = float("nan")
    corrected: Judgement = "undecided"

    def to_json(self) -> dict[str, Any]:
        """Return JSON values; what is not finite is None, and ``verdict`` is an old name of ``judgement``."""
        data = asdict(self)
        data["verdict"] = self.judgement
        data["ci"] = [end if np.isfinite(end) else None for end in self.ci]
        data["values"] = [value if np.isfinite(value) else None for value in self.values]
        for name in ("estimate", "threshold", "median", "chance", "chance_corrected"):
            data[name] = data[name] if np.isfinite(data[name]) else None
        return data


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
    problems: int = 0,
) -> ClaimResult:
    """Decide by the interval: holds if it lies wholly on the wanted side, fails if on the other.

    Below six seeds with a value nothing is judged: three seeds that agree by chance would pass for an
    answer.

    Parameters
    ----------
    values
        One a seed. A seed where the statistic does not exist counts as failed with the value NaN:
        more than a tenth of them make the row "undecided", fewer are left out and counted in
        ``statistic``.
    over
        The estimate over seeds: mean by default.
    shares
        Whether each value is yes (1) or no (0), the estimate then the share of seeds, and its interval
        Clopper and Pearson's (1934).
    problems
        Of how many problems the statistic is a share, so that the effect is told in problems too.
    """
    array = np.asarray(values, np.float64)
    finite = array[np.isfinite(array)]
    estimate = float(over(finite)) if len(finite) else float("nan")
    if shares and len(finite):
        from scipy.stats import binomtest

        ci = share_interval(int(finite.sum()), len(finite))
        chance = float(binomtest(int(finite.sum()), len(finite), threshold).pvalue)
    else:
        ci, chance = interval(finite, over), two_sided(finite, threshold, over)
    row = judged(claim, statistic, array, threshold, estimate, ci, wanted=wanted, why=why)
    estimator = "share of seeds" if shares else over.__name__
    return replace(row, estimator=estimator, problems=problems, chance=chance)


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
    estimator: str = "as named",
) -> ClaimResult:
    """Make the row of an estimate that has its interval already; all else as in :func:`judge`.

    Parameters
    ----------
    estimator
        "mean" or the like, where the statistic does not name it itself.
    """
    array = np.asarray(values, np.float64)
    finite = array[np.isfinite(array)]
    enough, note = _known(array)
    low, high = ci
    if wanted == "at least":
        holds, fails = low >= threshold, high < threshold
    else:
        holds, fails = high <= threshold, low > threshold
    judgement: Judgement = "undecided"
    if enough and (holds or fails):
        judgement = "holds" if holds else "fails"
    return ClaimResult(
        claim=claim,
        statistic=f"{statistic}, {wanted} {_written(threshold)}{note}",
        estimate=estimate,
        ci=ci,
        threshold=threshold,
        seeds=len(array),
        judgement=judgement,
        values=tuple(array.tolist()),
        why=why,
        median=float(np.median(finite)) if len(finite) else float("nan"),
        estimator=estimator,
        chance=from_interval(estimate, ci, threshold, len(finite)),
    )


def judged_within(
    claim: str,
    statistic: str,
    values: Sequence[float] | np.ndarray,
    factor: float,
    estimate: float,
    ci: tuple[float, float],
    *,
    why: str = "",
    estimator: str = "geometric mean",
) -> ClaimResult:
    """Make the row of a ratio that is wanted between 1/factor and factor; all else as in :func:`judged`.

    It holds where the whole interval lies there, and fails where it lies wholly outside. The p-value is the
    larger of those against the two ends: that of two one-sided tests where the ratio lies between them.
    """
    array = np.asarray(values, np.float64)
    enough, note = _known(array)
    low, high = ci
    word: Judgement = "undecided"
    if enough and 1 / factor <= low and high <= factor:
        word = "holds"
    elif enough and (high < 1 / factor or low > factor):
        word = "fails"
    row = judged(claim, "", array, factor, estimate, ci, why=why, estimator=estimator)
    chance = 1.0
    if low > 0.0 and np.isfinite(high):
        logs = float(np.log(estimate)), (float(np.log(low)), float(np.log(high)))
        known, end = int(np.isfinite(array).sum()), float(np.log(factor))
        chance = max(from_interval(*logs, sign * end, known) for sign in (-1, 1))
    return replace(
        row,
        statistic=f"{statistic}, between 1/{factor:g} and {factor:g}{note}",
        judgement=word,
        chance=chance,
    )


def _written(threshold: float) -> str:
    """Write a threshold as it was fixed: 1/1.3, and not 0.769231."""
    text = f"{threshold:g}"
    return text if len(text) < len("0.0001") else min(text, f"1/{1 / threshold:g}", key=len)


def _known(array: np.ndarray) -> tuple[bool, str]:
    """Return whether enough seeds have a value, and what is said of those that have none."""
    lost = len(array) - int(np.isfinite(array).sum())
    note = f" ({lost} of {len(array)} seeds without it)" if lost else ""
    return len(array) - lost >= FEWEST_SEEDS and lost <= MAX_LOST * len(array), note


def corrected(rows: Sequence[ClaimResult]) -> list[ClaimResult]:
    """Return the rows with p-values and judgements corrected for how many were judged together (Holm 1979).

    A row that could not be judged counts as one that was tried.
    """
    chances = np.array([row.chance if np.isfinite(row.chance) else 1.0 for row in rows])
    return [
        replace(
            row,
            chance_corrected=float(chance),
            corrected=row.judgement if chance < LEVEL else "undecided",
        )
        for row, chance in zip(rows, holm(chances))
    ]
