"""Which problems to heat on and which rollout to demonstrate, for walks, language models and logs alike."""

from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    import polars

Pick = Literal["shortest", "first", "newest", "random"]
MAX_ACCURACY = 0.1  # of a hard problem; the paper's value


def hard_problems(
    correct_count: np.ndarray, samples: np.ndarray, max_accuracy: float = MAX_ACCURACY, min_samples: int = 64
) -> np.ndarray:
    """Select the problems that are nearly lost: rarely solved, but not never.

    Parameters
    ----------
    correct_count, samples : ndarray of int, shape (problems,)
        Correct rollouts and rollouts of each problem.
    max_accuracy
        A problem qualifies strictly below this accuracy (0.1 in the paper).
    min_samples
        Fewest rollouts on which a problem can qualify (our choice; with 8 the smallest non-zero
        accuracy is 0.125, so no problem could).

    Returns
    -------
    ndarray of int
        Indices of the problems, ascending.
    """
    below = _accuracy(correct_count, samples) < max_accuracy
    return np.flatnonzero((samples >= min_samples) & (correct_count >= 1) & below)


def left_out(
    correct_count: np.ndarray, samples: np.ndarray, max_accuracy: float, min_samples: int
) -> dict[str, int]:
    """Count the problems that :func:`hard_problems` leaves out, each under its first reason.

    Returns
    -------
    dict of str to int
        ``few_samples``, ``never_solved``, ``easy`` (the accuracy is not below ``max_accuracy``).
    """
    few = samples < min_samples
    easy = ~few & (_accuracy(correct_count, samples) >= max_accuracy)
    never = ~few & ~easy & (correct_count == 0)
    return {"few_samples": int(few.sum()), "never_solved": int(never.sum()), "easy": int(easy.sum())}


def _accuracy(correct_count: np.ndarray, samples: np.ndarray) -> np.ndarray:
    return correct_count / np.maximum(samples, 1)


def recent(visits: "polars.DataFrame", min_samples: int, window: int | None = None) -> "polars.DataFrame":
    """Keep the visits that tell how well the newest policies solve each problem.

    Parameters
    ----------
    visits
        Counts by step and problem, sorted by step, as :func:`conet.rollouts.per_problem` returns them.
    min_samples
        Of each problem the newest visits are kept, as few as hold so many rollouts.
    window
        Where given, the visits of so many steps up to the last one are kept instead.
    """
    import polars as pl

    step = pl.col("step").cast(pl.Int64)
    if window is not None:
        return visits.filter(step > step.max() - window)
    newer = pl.col("samples").cum_sum(reverse=True).over("problem") - pl.col("samples")
    return visits.filter(newer < min_samples)


def choose(
    candidates: np.ndarray, length: np.ndarray, order: np.ndarray, pick: Pick, rng: np.random.Generator
) -> int:
    """Choose which correct rollout of one problem to demonstrate.

    Parameters
    ----------
    candidates : ndarray of int
        Indices of the problem's correct rollouts; at least one.
    length, order : ndarray
        Length of every rollout, and when it was drawn (larger is newer).
    pick
        "shortest" (ties: the earliest), "first", "newest" or "random".
    rng
        Used by "random" alone.
    """
    if pick == "random":
        return int(rng.choice(candidates))
    keys = {
        "shortest": (order[candidates], length[candidates]),
        "first": (order[candidates],),
        "newest": (-order[candidates],),
    }
    return int(candidates[np.lexsort(keys[pick])[0]])
