"""What the league reads off its cells."""

import numpy as np

from conet.base.intervals import Interval, mean_interval
from conet.cells.cell import Arrays, Cell
from conet.cells.league import POINT
from conet.claims.league_rules import TUNED
from conet.judging.claim import Results

LOADS = (192, 256, 320)  # problems at N = 800
NEAR = 0.9  # of the ground state


def loads_in(results: Results) -> list[int]:
    """Return the loads whose ground states and baseline are there."""
    found = {
        int(cell.arguments["changes"]["problems.count"]) for cell, run in results.pairs if "ground" in run
    }
    return sorted(load for load in found if run_of(results, TUNED, load) is not None)


def run_of(results: Results, rule: str, load: int) -> tuple[Cell, Arrays] | None:
    """Return cell and arrays of a rule at a load; None where there are none."""
    for cell, run in results.pairs:
        at = cell.arguments
        if at.get("rule") == rule and at["changes"]["problems.count"] == load:
            return cell, run
    return None


def ground(results: Results, load: int) -> np.ndarray:
    """Return the share of the problems that the ground state solves, float64, shape (seeds,)."""
    (found,) = (
        run["ground"]
        for cell, run in results.pairs
        if "ground" in run and cell.arguments["changes"]["problems.count"] == load
    )
    return found


def measure(results: Results, rule: str, load: int, name: str = "pass@1") -> np.ndarray:
    """Return a measure of a rule, with the seeds first."""
    found = run_of(results, rule, load)
    assert found is not None, f"{rule} at {load}"
    return found[1][name]


def middle(results: Results, rule: str, load: int) -> np.ndarray:
    """Return how far a rule's pass@1 is above the middle of tuned RLVR and ground state, (seeds,)."""
    half = (measure(results, TUNED, load) + ground(results, load)) / 2
    return measure(results, rule, load) - half


def closed(results: Results, rule: str, load: int) -> Interval:
    """Return the share of the gap between tuned RLVR and ground state that a rule closes.

    See :func:`share_closed`.
    """
    base = measure(results, TUNED, load)
    return share_closed(measure(results, rule, load) - base, ground(results, load) - base)


def share_closed(gained: np.ndarray, gap: np.ndarray) -> Interval:
    """Return a ratio of two means over the same seeds, with its interval by Student's t.

    To first order the ratio errs by the mean of ``gained - ratio * gap`` over the mean of the gap (delta
    method). A percentile bootstrap of six to sixteen seeds is too narrow: ``docs/intervals.md``.

    Parameters
    ----------
    gained, gap : ndarray of float64, shape (seeds,)
        What a rule gained, and what there was to gain.
    """
    wide = float(gap.mean())
    if not wide:
        return Interval(np.nan, np.nan, np.nan)
    share = float(gained.mean()) / wide
    half = mean_interval(gained - share * gap).high / abs(wide)
    return Interval(share, share - half, share + half)


def reach(results: Results, rule: str, load: int) -> np.ndarray:
    """Return the walks of each problem until the accuracy comes near the ground state; infinite: never."""
    curves, wanted = measure(results, rule, load, "curve"), NEAR * ground(results, load)
    there = curves >= wanted[:, None]
    return np.where(there.any(axis=1), (there.argmax(axis=1) + 1.0) * POINT, np.inf)


def cost(results: Results, rule: str, load: int) -> np.ndarray:
    """Return updates, walks and hops of a problem, float64, shape (seeds, 3)."""
    return measure(results, rule, load, "spent")
