"""Forgetting: what was once known and is lost again, separated from noise.

Everything starts from a matrix of accuracies, steps by problems, NaN where a problem was not
visited. What needs smoothing uses a trailing window counted in *visits* of a problem (8 by default,
our choice: 64 samples with 8 rollouts), so that rarely visited problems are treated alike.

Few samples a visit make accuracies jump, and a running best of noisy numbers only rises, so each
measure has a floor that is not zero: its expected value if no problem ever got worse. We get it from
simulated runs: binomial samples, as many as were drawn, around the best never-falling accuracy of
each problem (isotonic regression). That fit takes a little noise for learning, which would make the
floor too low by up to a seventh; runs simulated from a fit to simulated runs tell by how much, and
the floor is corrected by it (the bootstrap's bias correction). ``excess`` has the floor subtracted.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from conet.base.errors import ConetError
from conet.observables.length import SOLVED
from conet.observables.visits import WINDOW_VISITS, by_visits, smoothed, trailing_mean

LOST = 0.1  # accuracy up to which a problem that was once solved counts as lost

Measure = Callable[[np.ndarray, int], np.ndarray]


def drop_from_best(accuracy: np.ndarray, window: int = WINDOW_VISITS) -> np.ndarray:
    """How far each smoothed accuracy lies below its running best, shape (steps, problems)."""

    def drops(visits: np.ndarray) -> np.ndarray:
        means = trailing_mean(visits, window)
        return np.fmax.accumulate(means, axis=0) - means

    return by_visits(drops, accuracy)


def changes(accuracy: np.ndarray, window: int = WINDOW_VISITS) -> np.ndarray:
    """Change of the smoothed accuracy against ``window`` visits ago: two windows that do not overlap.

    Returns
    -------
    ndarray of float64, shape (steps, problems)
        NaN during the first ``2 * window - 1`` visits.
    """

    def differences(visits: np.ndarray) -> np.ndarray:
        means = trailing_mean(visits, window)
        result = np.full_like(means, np.nan)
        result[window:] = means[window:] - means[:-window]
        return result

    return by_visits(differences, accuracy)


def falls(accuracy: np.ndarray, window: int = WINDOW_VISITS) -> np.ndarray:
    """The forgetting rate: loss of accuracy within one window, 0 for a gain; shape (steps, problems)."""
    return np.maximum(0.0, -changes(accuracy, window))


def flips(accuracy: np.ndarray, window: int = WINDOW_VISITS) -> np.ndarray:
    """Mark the visits at which a group turned from all right to all wrong, or back.

    Compared with the problem's last group that was one or the other; mixed groups in between are
    passed over. Nothing is smoothed: ``window`` is ignored.

    Returns
    -------
    ndarray of float64, shape (steps, problems)
        1 at a flip, else 0; NaN where a problem was not visited.
    """
    del window

    def marks(visits: np.ndarray) -> np.ndarray:
        decided = np.where((visits == 0) | (visits == 1), np.arange(len(visits))[:, None], -1)
        last = np.maximum.accumulate(decided, axis=0)
        previous = np.vstack([np.full((1, visits.shape[1]), -1), last[:-1]])
        earlier = np.take_along_axis(visits, np.maximum(previous, 0), axis=0)
        flipped = (decided >= 0) & (previous >= 0) & (earlier != visits)
        return np.where(np.isnan(visits), np.nan, flipped)

    return by_visits(marks, accuracy)


def lost(accuracy: np.ndarray, window: int = WINDOW_VISITS) -> np.ndarray:
    """Mark the problems once solved (smoothed ≥ 0.5) and later lost (smoothed ≤ 0.1), shape (problems,)."""
    means = smoothed(accuracy, window)
    solved = np.logical_or.accumulate(means >= SOLVED, axis=0)
    return np.asarray((solved & (means <= LOST)).any(axis=0), np.float64)


def interference(accuracy: np.ndarray, window: int = WINDOW_VISITS) -> np.ndarray:
    """Say whether a problem's accuracy falls in the steps in which others rise.

    For each problem: its mean fall, each step weighted by the mean rise of the *other* problems
    there, minus its plain mean fall. In units of accuracy within one window; positive where falls
    come when others rise.

    Returns
    -------
    ndarray of float64, shape (problems,)
        NaN for a problem without two windows, or without others that rise.
    """
    moved = changes(accuracy, window)
    seen = np.isfinite(moved)
    fall, rise = np.where(seen, np.maximum(-moved, 0), 0.0), np.where(seen, np.maximum(moved, 0), 0.0)
    others = seen.sum(axis=1, keepdims=True) - seen
    weight = np.where(seen, (rise.sum(axis=1, keepdims=True) - rise) / np.maximum(others, 1), 0.0)
    total, visits = weight.sum(axis=0), seen.sum(axis=0)
    defined = (total > 0) & (visits > 0)
    weighted = (weight * fall).sum(axis=0) / np.where(defined, total, 1)
    return np.where(defined, weighted - fall.sum(axis=0) / np.where(defined, visits, 1), np.nan)


MEASURES: dict[str, Measure] = {
    "drop_from_best": drop_from_best,
    "forgetting_rate": falls,
    "flips": flips,
    "lost": lost,
    "interference": interference,
}


def never_falling(accuracy: np.ndarray, samples: np.ndarray) -> np.ndarray:
    """Fit each problem's accuracy by the best one that never falls (weights: samples a visit)."""
    from scipy.optimize import isotonic_regression

    fitted = np.full(accuracy.shape, np.nan)
    for problem in range(accuracy.shape[1]):
        seen = np.isfinite(accuracy[:, problem])
        if seen.any():
            weights = samples[seen, problem].astype(np.float64)
            fitted[seen, problem] = isotonic_regression(accuracy[seen, problem], weights=weights).x
    return np.clip(fitted, 0.0, 1.0)


def forgetting_curves(
    correct: np.ndarray,
    samples: int | np.ndarray,
    window: int = WINDOW_VISITS,
    draws: int = 10,
    seed: int = 0,
) -> dict[str, dict[str, np.ndarray]]:
    """Follow forgetting over the steps, averaged over problems, with the noise floor.

    Parameters
    ----------
    correct : ndarray of int, shape (steps, problems)
        Right samples of each visit.
    samples : int or ndarray of int, shape (steps, problems)
        Samples of each visit; 0 where a problem was not visited.
    window : int
        In visits.
    draws, seed : int
        Simulated runs of the floor.

    Returns
    -------
    dict
        For "drop_from_best", "forgetting_rate" and "flips" a dict of ``value``, ``floor`` and
        ``excess``, each ndarray of float64, shape (steps,); NaN where no problem has a value.
    """
    names = ("drop_from_best", "forgetting_rate", "flips")
    return _with_floor({name: MEASURES[name] for name in names}, 1, correct, samples, window, draws, seed)


def forgetting_summary(
    correct: np.ndarray,
    samples: int | np.ndarray,
    window: int = WINDOW_VISITS,
    draws: int = 10,
    seed: int = 0,
) -> dict[str, dict[str, float]]:
    """Average every measure of forgetting over steps and problems, with the noise floor.

    Takes what :func:`forgetting_curves` takes.

    Returns
    -------
    dict
        For each name in ``MEASURES`` a dict of ``value``, ``floor``, ``floor_deviation`` (standard
        deviation over the simulated runs) and ``excess``. "lost" is the share of all problems, "flips"
        the share of all visits, the others are in units of accuracy.
    """
    found = _with_floor(MEASURES, None, correct, samples, window, draws, seed)
    return {name: {key: float(part) for key, part in parts.items()} for name, parts in found.items()}


def _with_floor(
    measures: dict[str, Measure],
    axis: int | None,
    correct: np.ndarray,
    samples: int | np.ndarray,
    window: int,
    draws: int,
    seed: int,
) -> dict[str, dict[str, Any]]:
    accuracy, samples = accuracies(correct, samples)
    expected = never_falling(accuracy, samples)
    rng = np.random.default_rng(seed)
    once: dict[str, list[Any]] = {name: [] for name in measures}
    twice: dict[str, list[Any]] = {name: [] for name in measures}
    for _ in range(draws):
        simulated = _simulate(expected, samples, rng)
        again = _simulate(never_falling(simulated, samples), samples, rng)
        for name, measure in measures.items():
            once[name].append(_mean(measure(simulated, window), axis))
            twice[name].append(_mean(measure(again, window), axis))
    result = {}
    for name, measure in measures.items():
        value = _mean(measure(accuracy, window), axis)
        floor = 2 * np.mean(once[name], axis=0) - np.mean(twice[name], axis=0)
        result[name] = {"value": value, "floor": floor, "excess": value - floor}
        if axis is None:
            result[name]["floor_deviation"] = np.std(once[name], axis=0)
    return result


def _simulate(expected: np.ndarray, samples: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    drawn = rng.binomial(samples, np.nan_to_num(expected))
    return np.where(samples > 0, drawn / np.maximum(samples, 1), np.nan)


def accuracies(correct: np.ndarray, samples: int | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Turn counts into accuracies, NaN where a problem was not visited; also the samples as a matrix.

    Raises
    ------
    ConetError
        When a count is not within 0 and its number of samples.
    """
    correct = np.asarray(correct)
    samples = np.broadcast_to(np.asarray(samples, np.int64), correct.shape)
    wrong = (correct < 0) | (correct > samples)
    if wrong.any():
        step, problem = np.argwhere(wrong)[0]
        got = f"{correct[step, problem]} right of {samples[step, problem]} at row {step}, problem {problem}"
        raise ConetError(got, "0 to the number of samples", "check the counts")
    return np.where(samples > 0, correct / np.maximum(samples, 1), np.nan), samples


def _mean(values: np.ndarray, axis: int | None) -> Any:
    seen = np.isfinite(values)
    count = seen.sum(axis=axis)
    total = np.where(seen, values, 0.0).sum(axis=axis)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
