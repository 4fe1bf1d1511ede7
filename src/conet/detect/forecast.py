"""Ahead of time: when will the correct length be shortest?"""

from dataclasses import dataclass

import numpy as np

from conet.detect.online import Detector

LEVEL = 0.8
# Share learned; then the 10 %, 50 % and 90 % quantiles of ln(bottom / updates) at the first update at
# which that much was learned, over seeds 1000 to 1031 at learning rates 150, 300 and 500 of the
# preset "reference" (`python verification/detector.py table`).
TABLE = np.array([
    [0.03, 0.606, 1.102, 1.983],
    [0.05, 0.359, 0.756, 1.339],
    [0.08, 0.189, 0.469, 0.793],
    [0.12, -0.016, 0.260, 0.521],
    [0.16, -0.200, 0.117, 0.365],
    [0.20, -0.360, -0.029, 0.243],
    [0.30, -0.630, -0.273, 0.034],
    [0.40, -0.814, -0.499, -0.142],
    [0.50, -1.020, -0.650, -0.304],
])  # fmt: skip


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


def forecast(length_sum: np.ndarray, correct: np.ndarray, samples: np.ndarray) -> Forecast | None:
    """Predict the bottom of the V from the first steps of a run alone.

    The bottom comes when a tenth to a fifth of what could be learned has been learned, whatever the
    learning rate; so the updates done, and the share learned so far, tell how far away it is. Further
    features (correct length, its fall, slopes) did not help on held-out runs. Our choice; how well it
    does, and where it fails, is in ``docs/detector.md``.

    Parameters
    ----------
    length_sum, correct, samples : ndarray, shape (s,)
        Total length and number of the correct rollouts, and all rollouts, of the first s steps.

    Returns
    -------
    Forecast or None
        None while less than 3 % has been learned, and after a half.
    """
    detector = Detector()
    for step, row in enumerate(zip(length_sum, correct, samples)):
        detector.update(step, *row)
    return forecast_online(detector)


def forecast_online(detector: Detector) -> Forecast | None:
    """Predict the bottom of the V from a detector that has seen every step so far; O(1)."""
    learned = detector.evidence(detector.updates - 1).learned
    if learned is None or not TABLE[0, 0] <= learned <= TABLE[-1, 0]:
        return None
    low, middle, high = (np.interp(learned, TABLE[:, 0], column) for column in TABLE[:, 1:].T)
    step, earliest, latest = (round(detector.updates * np.exp(part)) - 1 for part in (middle, low, high))
    return Forecast(step, earliest, latest, LEVEL, learned)
