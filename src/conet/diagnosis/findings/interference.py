"""Frustration without gradients: forgetting, flips, interference and loss, each above chance."""

from dataclasses import dataclass

import numpy as np

from conet.detect.stages import peak
from conet.diagnosis.declare import Finding, Key, Result
from conet.diagnosis.findings.outcomes import FEWEST_VISITS
from conet.diagnosis.log import Log
from conet.diagnosis.visits import Visits, by_step, some
from conet.observables.forgetting import forgetting_curves, forgetting_summary
from conet.observables.length import window_sums

MOST_PROBLEMS = 256
MOST_BLOCKS = 400  # of steps
DRAWS = 6  # of the floor that chance makes
PEAK_SIGMAS = 3.0  # standard deviations of the floor above it that a peak needs (our choice)
NAMES = ("forgetting_rate", "flips", "interference", "lost")


@dataclass(frozen=True, kw_only=True)
class Interference:
    """Signs that problems are learned at each other's cost.

    Attributes
    ----------
    problems : int
        Problems looked at: at most 256, drawn at random from those with enough visits.
    window : int
        Visits of the windows that are compared.
    measures : dict
        For "forgetting_rate" (mean loss of accuracy within one window), "flips" (share of the visits at
        which a group turns from all right to all wrong or back), "interference" (how much larger losses
        are when others gain) and "lost" (share of the problems once at 1/2 and later at 1/10): ``value``,
        ``floor`` (what chance makes of it), ``excess`` and ``sigmas``.
    steps, excess : ndarray, shape (rows,)
        The forgetting rate above its floor, over steps; NaN where unknown.
    floor : ndarray, shape (rows,)
    peak : int or None
        Step where the smoothed excess is largest, if it stands out from the noise.
    """

    problems: int
    window: int
    measures: dict[str, dict[str, float]]
    steps: np.ndarray
    excess: np.ndarray
    floor: np.ndarray
    peak: int | None


def interference(found: Visits) -> Interference | None:
    """Estimate frustration; None where no problem was visited at least six times."""
    visits = np.bincount(found.table["problem"].to_numpy(), minlength=found.problems)
    window = (
        int(np.clip(np.median(visits[visits >= FEWEST_VISITS], keepdims=False) // 6, 1, 8))
        if (visits >= 2 * FEWEST_VISITS).any()
        else 0
    )
    chosen = some(np.flatnonzero(visits >= 3 * max(window, 2)), MOST_PROBLEMS)
    if not window or not len(chosen):
        return None
    steps, correct, samples = by_step(found, chosen, MOST_BLOCKS)
    summary = forgetting_summary(correct, samples, window, DRAWS)
    curve = forgetting_curves(correct, samples, window, DRAWS)["forgetting_rate"]
    measures = {}
    for name in NAMES:
        row = summary[name]
        noise = row["floor_deviation"]
        sigmas = row["excess"] / noise if noise > 0 else float("nan")
        measures[name] = {
            "value": row["value"],
            "floor": row["floor"],
            "excess": row["excess"],
            "sigmas": sigmas,
        }
    stands_out = measures["forgetting_rate"]["sigmas"] >= PEAK_SIGMAS
    return Interference(
        problems=len(chosen),
        window=window,
        measures=measures,
        steps=steps,
        excess=curve["excess"],
        floor=curve["floor"],
        peak=peak(smooth(curve["excess"]), steps) if stands_out else None,
    )


def smooth(values: np.ndarray) -> np.ndarray:
    """Centred mean over a twentieth of the rows."""
    width = max(1, len(values) // 20) | 1
    known = np.isfinite(values)
    total, count = window_sums(np.where(known, values, 0), width), window_sums(known, width)
    return np.divide(total, count, out=np.full(len(values), np.nan), where=count > 0)


def compute(log: Log) -> Result:
    """Measure what problems lose while others gain."""
    found = interference(log.visits)
    if found is None:
        return Result(caveats={"frustration": "no problem was visited six times or more"})
    values = {
        "problems": found.problems,
        "window_visits": found.window,
        "peak_step": found.peak,
        **found.measures,
    }
    sigmas = f"{PEAK_SIGMAS:.0f} standard deviations"
    flat = f"forgetting does not stand out from chance ({sigmas}), so it has no peak"
    caveats = {"frustration": flat} if found.peak is None else {}
    return Result(values={"frustration": values}, caveats=caveats, detail=found)


FINDING = Finding(
    name="interference",
    compute=compute,
    keys=(
        Key(
            "frustration",
            "object or null",
            "`forgetting_rate`, `flips`, `interference` and `lost`, each with its `value`, the `floor` "
            "that chance makes, the `excess` above it and that in `sigmas`; `peak_step` of the forgetting; "
            "`problems` and `window_visits`",
        ),
    ),
    decides=(
        "accuracy lost within a few visits, above what sampling alone makes of accuracies that never fall; "
        "it has a peak where it stands out by 3 standard deviations"
    ),
    view="frustration",
)
