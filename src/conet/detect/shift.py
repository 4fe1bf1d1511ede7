"""Whether a number that is logged at each step has left the level at which it began, and since when.

For what has no groups of problems to resample: lengths, shares, and the trainer's scalars. The noise of a
level is told from how much neighbouring steps differ, so a slow drift is no noise.
"""

from dataclasses import dataclass

import numpy as np

FEWEST_ROWS = 6
SHORTEST_WINDOW = 3  # rows of a level at least
SIGMAS = 6.0  # standard errors of a level: of the highest of many levels two or three are chance
LEFT = 0.15  # of a change: so far from its first level a number has left it (our choice)


@dataclass(frozen=True, kw_only=True)
class Shift:
    """A change of level.

    Attributes
    ----------
    before, after : float
        The level that it left, and that of the last rows.
    step : int
        The first step from which on the number stayed away from the first level.
    """

    before: float
    after: float
    step: int

    @property
    def ratio(self) -> float:
        """After over before; infinite where there was nothing before."""
        return self.after / self.before if self.before else float("inf")


def find_shift(steps: np.ndarray, values: np.ndarray, up: bool) -> Shift | None:
    """Compare the last level with the lowest (or the highest) one before it.

    Parameters
    ----------
    steps, values : ndarray, shape (rows,)
        NaN where nothing is known.
    up
        Whether a rise is looked for, or a fall.

    Returns
    -------
    Shift or None
        None where the change is within the noise, or there are fewer than 6 rows.
    """
    known = np.isfinite(values)
    steps, values = steps[known], values[known].astype(np.float64)
    if len(values) < FEWEST_ROWS:
        return None
    sign = 1.0 if up else -1.0
    window = max(SHORTEST_WINDOW, round(len(values) / 10))
    levels = running_mean(values, window)
    base = int((sign * levels).argmin())
    before, after = float(levels[base]), float(levels[-1])
    if sign * (after - before) <= SIGMAS * noise_of(values) / np.sqrt(window):
        return None
    smooth = running_median(values)
    near = np.flatnonzero(sign * (smooth - before) <= LEFT * sign * (after - before))
    since = min((int(near[-1]) if len(near) else base) + 1, len(steps) - 1)
    return Shift(before=before, after=after, step=int(steps[since]))


def noise_of(values: np.ndarray) -> float:
    """Standard deviation of single values about their course, from the differences of neighbours.

    The largest tenth of the differences is left out, since a jump is no noise; of normal noise 0.79 of the
    standard deviation is left then.
    """
    squares = np.sort(np.diff(values) ** 2)
    kept = squares[: max(1, round(0.9 * len(squares)))]
    return float(np.sqrt(kept.mean() / 2) / 0.79)


def running_mean(values: np.ndarray, window: int) -> np.ndarray:
    """Means over so many rows, from the first whole window to the last; shape (rows - window + 1,)."""
    sums = np.cumsum(np.concatenate([[0.0], values]))
    found: np.ndarray = (sums[window:] - sums[:-window]) / window
    return found


def running_median(values: np.ndarray) -> np.ndarray:
    """Medians over three rows, which leave a jump where it is; the ends stay as they are."""
    found = values.copy()
    if len(values) >= 3:
        found[1:-1] = np.median(np.stack([values[:-2], values[1:-1], values[2:]]), axis=0)
    return found


def since_above(steps: np.ndarray, values: np.ndarray, limit: float) -> int | None:
    """Return the step from which on a number stayed above a limit until the end; None where it is not."""
    known = np.isfinite(values)
    steps, smooth = steps[known], running_median(values[known])
    if not len(smooth) or smooth[-SHORTEST_WINDOW:].mean() <= limit:
        return None
    below = np.flatnonzero(smooth <= limit)
    return int(steps[min(below[-1] + 1, len(steps) - 1)] if len(below) else steps[0])
