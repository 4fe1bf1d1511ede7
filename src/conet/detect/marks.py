"""Whether knee and bottom of the V of one run fall on the same step; over seeds, see ``coincidence``."""

from dataclasses import dataclass

import numpy as np

from conet.base.intervals import FEWEST_PROBLEMS, RESAMPLES, Interval, percentiles, resampled
from conet.detect.knee import FEWEST_ROWS, hinge
from conet.detect.stages import judge_ratio
from conet.detect.valley_arms import bottom_rows
from conet.rollouts import Counts


@dataclass(frozen=True)
class Distance:
    """How far the knee of a run lies behind the bottom of its V.

    Attributes
    ----------
    difference : Interval
        Knee less bottom, in steps.
    ratio : Interval
        Steps done at the knee over steps done at the bottom.
    judgement : str
        "coincide": the whole interval of the ratio lies between 1/1.2 and 1.2; "differ": it lies wholly
        outside; else "undecided".
    """

    difference: Interval
    ratio: Interval
    judgement: str


def knee_behind_bottom(
    counts: Counts, knee: float, bottom: float, window: int, *, resamples: int = RESAMPLES, seed: int = 0
) -> Distance | None:
    """Compare knee and bottom of one run, both found anew in the same resampled problems.

    Parameters
    ----------
    counts
        See :class:`conet.rollouts.Counts`.
    knee, bottom
        The steps that the whole run has.
    window
        Rows of the window of the V.

    Returns
    -------
    Distance or None
        None with fewer than 8 problems, or fewer than 20 steps with rollouts of all of them.
    """
    if counts.problems < FEWEST_PROBLEMS:
        return None
    weights = resampled(counts.problems, resamples, seed)
    curves = counts.accuracy(weights)
    seen = np.isfinite(curves).all(axis=1)
    if seen.sum() < FEWEST_ROWS:
        return None
    fit = hinge(curves[seen], counts.steps[seen])
    knees = np.where(fit.before > fit.after, counts.steps[seen][fit.row], np.nan)
    bottoms = counts.steps[bottom_rows(counts, weights, window)]
    first = counts.steps[0] - 1  # so that steps done are counted from one
    ratio = percentiles(float((knee - first) / (bottom - first)), (knees - first) / (bottoms - first))
    difference = percentiles(float(knee - bottom), knees - bottoms)
    return Distance(difference, ratio, judge_ratio(ratio))
