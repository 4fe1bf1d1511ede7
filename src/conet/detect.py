"""Stages of a run: the knee, the bottom of the V, and the moment of maximal frustration.

Offline, from whole curves; online, from one cheap update a step.
"""

from collections import deque
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from conet.observables.length import windowed_correct_length


@dataclass(frozen=True)
class Stages:
    """Steps at which a run changes; None where there is no such step.

    Attributes
    ----------
    knee : int or None
        Where two joined straight lines fit the accuracy best.
    v_bottom : int or None
        Where the pooled correct length is shortest, if it rises again afterwards.
    island_peak : int or None
        Where the islands of the thresholded web are most numerous.
    """

    knee: int | None
    v_bottom: int | None
    island_peak: int | None


def stages(
    accuracy: np.ndarray, length_sum: np.ndarray, correct: np.ndarray, islands: np.ndarray | None = None
) -> Stages:
    """Find the stages of a finished run.

    Parameters
    ----------
    accuracy : ndarray of float64, shape (steps,)
    length_sum, correct : ndarray, shape (steps,)
        Total length and number of correct rollouts a step.
    islands : ndarray, shape (steps,), optional
        Islands a step, NaN where unknown.
    """
    peak = None
    if islands is not None and np.isfinite(islands).any() and np.nanmax(islands) > 0:
        peak = int(np.nanargmax(islands))
    return Stages(knee(accuracy), v_bottom(length_sum, correct), peak)


def knee(accuracy: np.ndarray) -> int | None:
    """Where two joined straight lines fit the curve best, if the first is the steeper one.

    Least squares over every tenth of a per cent of the run (our choice).
    """
    steps = len(accuracy)
    if steps < 20 or np.ptp(accuracy) < 0.05:
        return None
    time = np.arange(steps, dtype=np.float64)
    best, where, slopes = np.inf, 0, (0.0, 0.0)
    for place in np.unique(np.linspace(5, steps - 6, min(steps - 10, 1000)).astype(int)):
        design = np.column_stack([np.ones(steps), np.minimum(time - place, 0), np.maximum(time - place, 0)])
        solution, *_ = np.linalg.lstsq(design, accuracy, rcond=None)
        error = float(np.sum((design @ solution - accuracy) ** 2))
        if error < best:
            best, where, slopes = error, int(place), (float(solution[1]), float(solution[2]))
    return where if slopes[0] > slopes[1] else None


def v_bottom(length_sum: np.ndarray, correct: np.ndarray, rise: float = 1.1) -> int | None:
    """Where the pooled correct length is shortest, if it ends at least ``rise`` times as long."""
    curve = windowed_correct_length(length_sum, correct)
    if not np.isfinite(curve).any():
        return None
    bottom = int(np.nanargmin(curve))
    tail = correct[-20:].sum()
    end = length_sum[-20:].sum() / tail if tail else np.nan
    return bottom if end >= rise * curve[bottom] and 0 < bottom < len(curve) - 1 else None


@dataclass(frozen=True)
class Evidence:
    """What the online detector knew when it was asked."""

    step: int
    correct_length: float | None
    shortest: float | None
    shortest_step: int | None
    heat_now: bool


class Detector:
    """Online: says "heat now" when the correct length has turned from its shortest.

    Formally: with the correct length pooled over the last ``window`` updates, it says so at the
    first step where that length lies at least ``rise`` above its minimum so far, ``patience``
    updates after that minimum, and at least ``drop`` below the first full window. Our choice: the
    paper states no trigger.
    """

    def __init__(self, window: int = 15, rise: float = 0.05, patience: int = 10, drop: float = 0.1) -> None:
        self.window, self.rise, self.patience, self.drop = window, rise, patience, drop
        self.recent: deque[tuple[int, int]] = deque(maxlen=window)
        self.first: float | None = None
        self.shortest: float | None = None
        self.shortest_step: int | None = None
        self.heat_now = False

    def update(self, step: int, length_sum: int, correct: int) -> Evidence:
        """Take in one step's total correct length and number of correct rollouts."""
        self.recent.append((int(length_sum), int(correct)))
        total, count = map(sum, zip(*self.recent))
        length = total / count if count and len(self.recent) == self.window else None
        if length is not None:
            self.first = self.first or length
            if self.shortest is None or length < self.shortest:
                self.shortest, self.shortest_step = length, step
            elif self.shortest_step is not None and not self.heat_now:
                self.heat_now = (
                    length >= (1 + self.rise) * self.shortest
                    and step - self.shortest_step >= self.patience
                    and self.shortest <= (1 - self.drop) * self.first
                )
        return Evidence(step, length, self.shortest, self.shortest_step, self.heat_now)

    def state(self) -> dict[str, Any]:
        """Return what a checkpoint must keep, as JSON values."""
        kept = ("first", "shortest", "shortest_step", "heat_now")
        return {name: getattr(self, name) for name in kept} | {"recent": list(self.recent)}

    def load(self, state: dict[str, Any]) -> None:
        """Take over what :meth:`state` returned."""
        for name, value in state.items():
            setattr(self, name, value)
        self.recent = deque((tuple(pair) for pair in state["recent"]), maxlen=self.window)


def as_event(evidence: Evidence) -> dict[str, Any]:
    """Return the evidence as JSON values for the event log."""
    return asdict(evidence)
