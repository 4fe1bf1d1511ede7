"""The V of the correct length: the one place where its bottom, its judgement and its parts are found."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from conet.base.intervals import FEWEST_PROBLEMS, LEVEL, RESAMPLES, Interval, resampled
from conet.base.text import counted
from conet.detect.knee import FEWEST_ROWS
from conet.detect.valley_arms import Resampling, arms, bottom_interval, bottom_rows, mean_length
from conet.detect.valley_parts import parts_of_change
from conet.observables.length import END_STEPS, START_STEPS, WINDOW, window_sums, windowed_correct_length
from conet.rollouts import Counts

ELSEWHERE = "on rollouts that did not choose this step"  # why start and end are no ratios of the pooled curve
SMALLEST_RISE = 1.1  # of the right arm; a shorter one is no V (our choice)


class ToldValley(NamedTuple):
    """What a summary tells of the V: its judgement with the evidence, and where its bottom lies."""

    judgement: str
    why: str
    bottom: Interval


@dataclass(frozen=True, kw_only=True)
class Valley:
    """The V, its intervals, and the judgement on it.

    Attributes
    ----------
    judgement : str
        "V": both arms are there (both intervals lie above 1) and the end is at least 1.1 times as
        long as the bottom; "no V": the left arm or the right one lies below 1.1 with its whole
        interval, or the shortest is at the edge; else "undecided".
    evidence : str
        The numbers that the judgement rests on, as text.
    bottom : Interval
        Step of the shortest length; the ends from resampling problems.
    length, start, end : float
        Pooled correct length there, in the first 5 and in the last 20 rows; NaN where nothing was correct.
    window : int
        Rows of the centred window.
    start_ratio, end_ratio : Interval
        Start over bottom (the left arm) and end over bottom (the right one), cross-fitted, see
        :func:`find_valley`.
    plain_end_ratio : float
        End over bottom on the same rollouts; too large by the luck of the shortest step.
    change, within, composition : Interval
        Change of the pooled length from bottom to end and its exact parts
        (:func:`conet.observables.length.length_decomposition`), see
        :func:`conet.detect.valley_parts.parts_of_change`.
    within_ratio : Interval
        End over bottom of the mean length of the problems that were solved at the bottom and have
        correct rollouts in both windows, each with the same weight: the V within problems.
    """

    judgement: str
    evidence: str
    bottom: Interval
    length: float
    start: float
    end: float
    window: int
    start_ratio: Interval
    end_ratio: Interval
    plain_end_ratio: float
    change: Interval
    within: Interval
    composition: Interval
    within_ratio: Interval

    @property
    def why(self) -> str:
        """The judgement with its evidence."""
        return f"{self.judgement}: {self.evidence}"


def shortest(
    correct_length_sum: np.ndarray, correct_count: np.ndarray, window: int = WINDOW, fewest: int = 1
) -> tuple[int, float] | None:
    """Where the pooled correct length is shortest, V or not, and how long it is there.

    Parameters
    ----------
    correct_length_sum, correct_count : ndarray, shape (rows,)
        Total length and number of the correct rollouts.
    window
        Rows of the centred window.
    fewest
        Correct rollouts that a window must hold.

    Returns
    -------
    tuple of int and float, or None
        Row and length; None where no window holds so many.
    """
    curve = windowed_correct_length(np.asarray(correct_length_sum), np.asarray(correct_count), window)
    if fewest > 1:
        curve = np.where(window_sums(correct_count, window) >= fewest, curve, np.nan)
    if not np.isfinite(curve).any():
        return None
    row = int(np.nanargmin(curve))
    return row, float(curve[row])


def arc(correct_length_sum: np.ndarray, correct_count: np.ndarray) -> dict[str, float | int | None]:
    """Describe the curve of the pooled correct length in four numbers; None where no rollout was correct.

    Parameters
    ----------
    correct_length_sum, correct_count : ndarray, shape (rows,)

    Returns
    -------
    dict
        ``start``: the first 5 rows pooled; ``min`` and ``min_step``: the shortest 9-row window, and the
        first row that has it; ``end``: the last 20 rows pooled.
    """
    sums, correct = np.asarray(correct_length_sum), np.asarray(correct_count)
    row, length = shortest(sums, correct) or (None, None)
    start, end = (
        _known(float(mean_length(sums[part], correct[part])))
        for part in (slice(START_STEPS), slice(-END_STEPS, None))
    )
    return {"start": start, "min": length, "min_step": row, "end": end}


def window_of(counts: Counts) -> int:
    """Rows of the window: 9, or an epoch where that is longer, at most a fifth of the run."""
    if counts.epoch <= WINDOW:
        return WINDOW
    return min(counts.epoch + 1 - counts.epoch % 2, max(WINDOW, len(counts.steps) // 5 | 1))


def find_valley(
    counts: Counts,
    *,
    rise: float = SMALLEST_RISE,
    window: int | None = None,
    resamples: int = RESAMPLES,
    level: float = LEVEL,
    seed: int = 0,
) -> Valley | None:
    """Find the bottom of the V and test whether there is one.

    The least of a noisy curve lies too low, so every curve that flattens seems to rise afterwards.
    Hence the arms are cross-fitted: half of the problems, drawn at random, choose the bottom, the
    other half measures start, bottom and end there; the estimate is the median over the draws, the
    interval their percentiles (half-sample replication). With fewer than 8 problems, rows are drawn
    in the place of problems, one of each neighbouring pair: then the interval knows the noise of
    sampling, not that of other problems, and bottom and parts get no ends. Our choice throughout.

    Parameters
    ----------
    counts
        See :class:`Counts`.
    rise
        Smallest right arm.
    window
        Rows of the centred window, as :func:`window_of` says where absent; start and end are the first 5
        and the last 20 rows. Where a problem is seen once an epoch, a window of an epoch keeps the parts
        meaningful.
    resamples, level, seed
        Of the resampling.

    Returns
    -------
    Valley or None
        None where nothing was ever correct. With fewer than 20 rows the judgement is "undecided".
    """
    window = window_of(counts) if window is None else window
    sums, correct = counts.pooled(counts.correct_length_sum), counts.pooled(counts.correct_count)
    found = shortest(sums, correct, window)
    if found is None:
        return None
    row, length = found
    drawing = Resampling(window, resamples, level, seed)
    enough = counts.problems >= FEWEST_PROBLEMS
    rows = bottom_rows(counts, resampled(counts.problems, resamples, seed), window) if enough else None
    with np.errstate(divide="ignore", invalid="ignore"):  # lengths of zero
        start_ratio, end_ratio = arms(counts, drawing)
        end = float(mean_length(sums[-END_STEPS:], correct[-END_STEPS:]))
        parts = parts_of_change(counts, row, rows, drawing)
        plain = float(np.float64(end) / length)
    bottom = bottom_interval(counts, row, rows, drawing)
    judgement = _judge(counts, row, start_ratio, end_ratio, rise)
    return Valley(
        judgement=judgement,
        evidence=_evidence(judgement, counts, row, bottom, start_ratio, end_ratio),
        bottom=bottom,
        length=length,
        start=float(mean_length(sums[:START_STEPS], correct[:START_STEPS])),
        end=end,
        window=window,
        start_ratio=start_ratio,
        end_ratio=end_ratio,
        plain_end_ratio=plain,
        **parts._asdict(),
    )


def _judge(counts: Counts, row: int, start: Interval, end: Interval, rise: float) -> str:
    rows = len(counts.steps)
    if rows < FEWEST_ROWS:
        return "undecided"
    if not 0 < row < rows - 1 or start.high < rise or end.high < rise:
        return "no V"
    return "V" if start.low > 1 and end.low > 1 and end.estimate >= rise else "undecided"


def _evidence(
    judgement: str, counts: Counts, row: int, bottom: Interval, start: Interval, end: Interval
) -> str:
    """Return the evidence as text: terminal, report and JSON all show this one.

    At an edge an arm is missing: what the cross-fitted ratio then has is the slope of the other one.
    """
    rows = len(counts.steps)
    if rows < FEWEST_ROWS:
        return f"{counted(rows, 'step')}, and a V needs at least {FEWEST_ROWS}"
    so_far = "so far " if judgement == "no V" and bottom.estimate >= counts.steps[-END_STEPS] else ""
    edge = {0: ", the first", rows - 1: ", the last"}.get(row, "")
    correct = counts.pooled(counts.correct_count)
    written, missing = [], []
    for name, ratio, at, stretch in (
        ("start", start, 0, correct[:START_STEPS]),
        ("end", end, rows - 1, correct[-END_STEPS:]),
    ):
        if np.isfinite(ratio.estimate) and row != at:
            written.append(f"{name} {_written(ratio, 2)}")
        elif row != at:
            few = "too few were" if stretch.any() else "nothing was"
            side = "first" if name == "start" else "last"
            missing.append(f"no {name} to compare with, {few} correct in the {side} {len(stretch)} steps")
    arms = [f"{', '.join(written)} times that {ELSEWHERE}"] if written else []
    return "; ".join([f"{so_far}shortest at step {_written(bottom, 0)}{edge}", *arms, *missing])


def _written(value: Interval, digits: int) -> str:
    around = "" if np.isnan(value.low) else f" [{value.low:.{digits}f}, {value.high:.{digits}f}]"
    return f"{value.estimate:.{digits}f}{around}"


def as_json(valley: Valley | None) -> dict[str, Any]:
    """Return the V as a run's summary has it.

    Returns
    -------
    dict
        ``start``, ``min`` and ``end``: pooled length of the first 5 rows, of the shortest window, of the
        last 20 rows; ``min_step`` and ``min_interval``, V or not; ``v``, the judgement, and ``v_why``,
        the same with its evidence; ``v_bottom_step`` and ``v_bottom_interval``, where there is a V;
        ``start_ratio`` and ``end_ratio`` with their ends. None where a number does not exist.
    """
    if valley is None:
        names = ("start", "min", "min_step", "min_interval", "end", "v", "v_bottom_step", "v_bottom_interval")
        return dict.fromkeys((*names, "start_ratio", "end_ratio")) | {"v_why": "no rollout was correct"}
    step = round(valley.bottom.estimate)
    ends = valley.bottom.ends()
    is_v = valley.judgement == "V"
    return {
        "start": _known(valley.start),
        "min": valley.length,
        "min_step": step,
        "min_interval": ends,
        "end": _known(valley.end),
        "v": valley.judgement,
        "v_why": valley.why,
        "v_bottom_step": step if is_v else None,
        "v_bottom_interval": ends if is_v else None,
        "start_ratio": valley.start_ratio.to_json(),
        "end_ratio": valley.end_ratio.to_json(),
    }


def from_json(told: Mapping[str, Any]) -> ToldValley | None:
    """Return what :func:`as_json` put into a summary; None where that tells of no V, as in version 0.1."""
    if told.get("v") is None or told.get("min_step") is None or not told.get("v_why"):
        return None
    low, high = told.get("min_interval") or (np.nan, np.nan)
    return ToldValley(told["v"], told["v_why"], Interval(float(told["min_step"]), low, high))


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
