"""The length of correct walks: pooled, and taken apart into its two causes.

The pooled length is total length over number of correct walks. It moves when problems are solved by
other walks (*within*) and when other problems are solved (*composition*); only both together tell
what happened.
"""

import numpy as np

from conet.base.errors import ConetError

WINDOW = 9  # steps of the centred window
START_STEPS = 5  # that count as the start of a run
END_STEPS = 20  # that count as its end
SOLVED = 0.5  # accuracy from which on a problem counts as solved
MIN_COVERAGE = 0.9  # share of the problems that a within-problem curve must rest on (our choice)


def window_sums(values: np.ndarray, window: int = WINDOW) -> np.ndarray:
    """Sum over a centred window along the first axis; it is cut off at both ends.

    Parameters
    ----------
    values : ndarray, shape (steps, ...)
    window : int
        Odd number of steps.

    Returns
    -------
    ndarray of float64, shape (steps, ...)
    """
    if window < 1 or window % 2 == 0:
        raise ConetError(f"a window of {window} steps", "an odd number", f"use {max(1, window + 1)}")
    values = np.asarray(values, np.float64)
    totals = np.concatenate([np.zeros((1, *values.shape[1:])), np.cumsum(values, axis=0)])
    steps = np.arange(len(values))
    last = np.minimum(steps + window // 2 + 1, len(values))
    return totals[last] - totals[np.maximum(steps - window // 2, 0)]


def windowed_correct_length(
    correct_length_sum: np.ndarray, correct_count: np.ndarray, window: int = WINDOW
) -> np.ndarray:
    """Total length over number of correct walks in a centred window of steps.

    Parameters
    ----------
    correct_length_sum, correct_count : ndarray, shape (steps,) or (steps, problems)
        Sum of the lengths of the correct walks of a step, and how many there were.
    window : int
        Odd number of steps; cut off at both ends.

    Returns
    -------
    ndarray of float64, of the same shape
        NaN where the window holds no correct walk.
    """
    return ratio(window_sums(correct_length_sum, window), window_sums(correct_count, window))


def length_decomposition(
    correct_count_before: np.ndarray,
    correct_length_sum_before: np.ndarray,
    correct_count_after: np.ndarray,
    correct_length_sum_after: np.ndarray,
) -> dict[str, float | None]:
    """Split the change of the pooled correct length into a within-problem and a composition part.

    The pooled length is Σ w l over problems, w being a problem's share of the correct walks and l
    its own mean length. Each part is the average over the two orders in which w and l can be moved
    (Shapley value of two players, the midpoint rule)::

        within      = Σ (w + w')/2 · (l' - l)     over problems solved in both windows
        composition = Σ (w' - w) · (l + l')/2     a problem solved in one window keeps its length

    so the two add up to the change. The composition part consists of three, each measured from the
    middle of the two pooled lengths: ``entered`` (solved only afterwards), ``left`` (solved only
    before) and ``reweighted`` (solved in both, with another share).

    Parameters
    ----------
    correct_count_before, correct_length_sum_before : ndarray, shape (problems,)
    correct_count_after, correct_length_sum_after : ndarray, shape (problems,)
        Correct walks of each problem in either window, and the sum of their lengths.

    Returns
    -------
    dict
        ``before``, ``after``, ``change``, ``within``, ``composition``, ``entered``, ``left``,
        ``reweighted``; in steps of a walk. All None where a window has no correct walk.
    """
    counts = np.array([correct_count_before, correct_count_after], np.float64)
    length_sums = np.array([correct_length_sum_before, correct_length_sum_after], np.float64)
    names = ("before", "after", "change", "within", "composition", "entered", "left", "reweighted")
    if not counts.any(axis=1).all():
        return dict.fromkeys(names)
    before, after, within, moved = changes(counts, length_sums)
    solved = counts > 0
    parts = [
        before,
        after,
        after - before,
        within,
        moved.sum(),
        moved[solved[1] & ~solved[0]].sum(),
        moved[solved[0] & ~solved[1]].sum(),
        moved[solved.all(axis=0)].sum(),
    ]
    return {name: float(part) for name, part in zip(names, parts)}


def changes(
    counts: np.ndarray, length_sums: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return what :func:`length_decomposition` is made of, for many draws of problems at once.

    Parameters
    ----------
    counts, length_sums : ndarray of float64, shape (..., 2, problems)
        Correct walks of each problem in the window before and after, and the sum of their lengths.

    Returns
    -------
    before, after, within : ndarray of float64, shape (...)
        NaN where a window has no correct walk.
    moved : ndarray of float64, shape (..., problems)
        What each problem adds to the composition part.
    """
    solved, total = counts > 0, counts.sum(axis=-1, keepdims=True)
    weight = np.divide(counts, total, out=np.full(counts.shape, np.nan), where=total > 0)
    length = ratio(length_sums, counts)
    length = np.where(solved, length, length[..., ::-1, :])
    length = np.where(solved.any(axis=-2, keepdims=True), length, 0.0)
    pooled = (weight * length).sum(axis=-1)
    before, after = pooled[..., 0], pooled[..., 1]
    middle = length.mean(axis=-2)
    moved = (weight[..., 1, :] - weight[..., 0, :]) * (middle - ((before + after) / 2)[..., None])
    within = (weight.mean(axis=-2) * (length[..., 1, :] - length[..., 0, :])).sum(axis=-1)
    return before, after, within, moved


def solved_at(
    correct_count: np.ndarray, rollouts: int, step: int, window: int = WINDOW, share: float = SOLVED
) -> np.ndarray:
    """Mark the problems solved around a step: accuracy of at least ``share`` in a centred window.

    Parameters
    ----------
    correct_count : ndarray, shape (steps, problems)
        Correct walks of each step and problem.
    rollouts : int
        Walks a problem and step.

    Returns
    -------
    ndarray of bool, shape (problems,)
    """
    near = correct_count[max(0, step - window // 2) : step + window // 2 + 1]
    return near.sum(axis=0) >= share * rollouts * len(near)


def within_problem_length(
    correct_count: np.ndarray, correct_length_sum: np.ndarray, reference: np.ndarray, window: int = WINDOW
) -> tuple[np.ndarray, np.ndarray]:
    """Follow the correct length of a fixed set of problems, each with the same weight.

    Parameters
    ----------
    correct_count, correct_length_sum : ndarray, shape (steps, problems)
        Correct walks of each step and problem, and the sum of their lengths.
    reference : ndarray of bool or int
        The problems, as a mask or as indices; usually those of :func:`solved_at` at the V's bottom.
    window : int
        Centred window, in steps.

    Returns
    -------
    curve : ndarray of float64, shape (steps,)
        Mean over the problems of their mean length; NaN where none has a correct walk.
    coverage : ndarray of float64, shape (steps,)
        Share of the problems that have a correct walk in the window. Below one, the curve misses
        some of them, so composition may leak in: read it where the coverage is near one.
    """
    lengths = windowed_correct_length(correct_length_sum[:, reference], correct_count[:, reference], window)
    seen = np.isfinite(lengths)
    curve = ratio(np.where(seen, lengths, 0.0).sum(axis=1), seen.sum(axis=1))
    return curve, ratio(seen.sum(axis=1), np.full(len(seen), seen.shape[1]))


def within_problem_curve(
    correct_count: np.ndarray, correct_length_sum: np.ndarray, reference: np.ndarray, window: int = WINDOW
) -> np.ndarray:
    """Return the curve of :func:`within_problem_length` where it rests on most of the problems.

    Parameters
    ----------
    correct_count, correct_length_sum, reference, window
        As there.

    Returns
    -------
    ndarray of float64, shape (steps,)
        NaN where fewer than 9 in 10 of the problems have a correct walk in the window (our choice).
    """
    curve, coverage = within_problem_length(correct_count, correct_length_sum, reference, window)
    return np.where(coverage >= MIN_COVERAGE, curve, np.nan)


def ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """Divide; NaN where the denominator is not above zero."""
    empty = np.full(np.shape(numerator), np.nan)
    return np.divide(numerator, denominator, out=empty, where=np.asarray(denominator) > 0)
