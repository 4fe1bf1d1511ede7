"""Ahead of time: when will the correct length be shortest?"""

from dataclasses import dataclass

import numpy as np

from conet.detect.online import Detector

FORECAST_LEVEL = 0.8  # of the interval of a forecast
# Share learned; then the 10 %, 50 % and 90 % quantiles of ln(bottom / updates), both counted from 1,
# at the first update at which that much was learned and the heating signal had not fired. Seeds 1000 to
# 1031 at learning rates 100, 150, 300, 500 and 700 of the preset "reference", where the bottom comes
# between steps 10 and 500 (`python verification/detector.py table`).
TABLE = np.array(
    [
        [0.03, 0.430, 1.067, 2.207],
        [0.05, 0.239, 0.705, 1.524],
        [0.08, 0.000, 0.424, 0.792],
        [0.12, -0.158, 0.246, 0.560],
        [0.16, -0.331, 0.088, 0.402],
        [0.20, -0.457, -0.046, 0.304],
        [0.30, -0.645, -0.237, 0.123],
        [0.40, -0.870, -0.235, 0.000],
    ]
)
# The same of ln(bottom / shortest step so far) once the heating signal has fired.
TURNED = (-0.189, -0.077, 0.012)


@dataclass(frozen=True)
class Forecast:
    """Where the bottom of the V is expected, if there is to be one.

    Attributes
    ----------
    step : int
        Median.
    low, high : int
        Ends of the interval.
    level : float
        How often the bottom should lie in it: 0.8.
    learned : float
        Share of what could be learned, on which the forecast rests.
    """

    step: int
    low: int
    high: int
    level: float
    learned: float


def forecast(
    correct_length_sum: np.ndarray, correct_count: np.ndarray, samples: np.ndarray
) -> Forecast | None:
    """Predict the bottom of the V from the first steps of a run alone.

    The bottom comes when a tenth to a fifth of what could be learned has been learned, and how far
    it is from there scales with the updates done; so the share learned so far tells how far away it
    is, in units of the updates done. Further features (correct length, its fall, slopes) did not help
    on other runs. Once the heating signal has fired, the bottom lies behind, near the shortest length it
    has seen. Our choice; how well it does, and where it fails, is in ``docs/detector.md``.

    Parameters
    ----------
    correct_length_sum, correct_count, samples : ndarray, shape (s,)
        Total length and number of the correct rollouts, and all rollouts, of the first s steps.

    Returns
    -------
    Forecast or None
        None while less than 3 % has been learned, and after 40 % without a heating signal.
    """
    detector = Detector()
    for step, row in enumerate(zip(correct_length_sum, correct_count, samples)):
        detector.update(step, *row)
    return forecast_online(detector)


def forecast_online(detector: Detector) -> Forecast | None:
    """Predict the bottom of the V from a detector that has seen every step so far; O(1).

    None once the mix of problems has changed: the table knows runs with one mix alone.
    """
    learned, turned = detector.evidence(0).learned, detector.shortest_step
    if learned is None or turned is None or detector.begun:
        return None
    if detector.heat_now:
        unit, quantiles = turned + 1, list(TURNED)
    elif TABLE[0, 0] <= learned <= TABLE[-1, 0]:
        unit, quantiles = detector.updates, [np.interp(learned, TABLE[:, 0], part) for part in TABLE[:, 1:].T]
    else:
        return None
    earliest, step, latest = (round(unit * np.exp(part)) - 1 for part in quantiles)
    return Forecast(step, earliest, latest, FORECAST_LEVEL, learned)
