"""Concepts as predictive states: groups of texts after which the same comes next.

Fine groups of like texts are joined, two at a time, as long as what follows them cannot be told apart: while
the description of all successors gets shorter by the parameters saved than longer by the precision lost
(Bayesian information criterion). So two concepts that mean different things and lead to the same place become
one, as in the predictive states of computational mechanics (Shalizi and Crutchfield 2001), and texts that
look alike but lead elsewhere stay apart.
"""

import numpy as np

from conet.traces.grouping import MOST_GIVEN, Grouping, by_size, check_number, group
from conet.traces.texts import Progress, silent
from conet.traces.transitions import Paths

FINER = 2  # so many fine groups for each concept that the embedding alone gives (our choice)
FEWEST = 10  # transitions without which what follows a group is not known (our choice)


def group_by_future(
    vectors: np.ndarray,
    occurrences: np.ndarray,
    rollout: np.ndarray,
    text: np.ndarray,
    concepts: int | None = None,
    seed: int = 0,
    progress: Progress = silent,
) -> Grouping:
    """Group texts by what follows them.

    Parameters
    ----------
    vectors, occurrences, seed, progress
        As for :func:`conet.traces.grouping.group`.
    rollout, text : ndarray of int64, shape (steps,)
        Rollout and text of each step.
    concepts
        How many fine groups are joined down to; by the criterion where absent.

    Returns
    -------
    Grouping
        Its ``silhouette`` and ``stability`` are those of the fine groups.

    Raises
    ------
    ConetError
        When there are fewer texts than concepts asked for, or these are too many.
    """
    check_number(concepts, len(vectors))
    by_likeness = group(vectors, occurrences, None, seed, progress)
    held = len(by_likeness.centres)
    texts = len(vectors)
    if held < 2 or texts <= 2:
        return by_likeness if concepts is None else group(vectors, occurrences, concepts, seed, progress)
    number = min(texts, MOST_GIVEN, FINER * max(held, concepts or 1))
    fine = group(vectors, occurrences, number, seed, progress)
    followers = successors(Paths(rollout, fine.concept[text], len(fine.centres)))
    joined = _join(followers, fine.centres, concepts or 1, concepts is None)
    concept = by_size(joined[fine.concept], occurrences)
    centres = np.stack([vectors[concept == number].mean(0) for number in range(concept.max() + 1)])
    return Grouping(
        concept=concept,
        centres=centres,
        silhouette=fine.silhouette,
        stability=fine.stability,
        candidates=by_likeness.candidates,
        criterion=f"{len(fine.centres)} fine groups, joined "
        + (
            "while what follows them cannot be told apart" if concepts is None else "down to the number given"
        ),
    )


def successors(paths: Paths) -> np.ndarray:
    """Count what follows each group: another group or, last, the end; shape (groups, groups + 1)."""
    counts = paths.counts() * ~np.eye(paths.concepts, dtype=bool)
    last = paths.concept[np.concatenate([~paths.joined, [True]])]
    ends = np.bincount(last, minlength=paths.concepts)
    return np.column_stack([counts, ends]).astype(np.float64)


def _join(followers: np.ndarray, centres: np.ndarray, least: int, by_criterion: bool) -> np.ndarray:
    """Return the joined group of each fine group, int64, shape (groups,).

    Groups of which too little is known go to the nearest of the others, by embedding.
    """
    known = np.flatnonzero(followers.sum(1) >= FEWEST)
    if len(known) < 2:
        return np.arange(len(followers))
    counts = [followers[place] for place in known]
    members = [[place] for place in known.tolist()]
    costs = np.full((len(known), len(known)), np.inf)
    for one in range(len(known)):
        costs[one, one + 1 :] = _cost(counts[one], followers[known[one + 1 :]], followers.sum())
    alive = len(known)
    while alive > max(least, 1):
        one, other = divmod(int(np.argmin(costs)), len(known))
        if not np.isfinite(costs[one, other]) or (by_criterion and costs[one, other] >= 0):
            break
        counts[one] = counts[one] + counts[other]
        members[one] += members[other]
        costs[other], costs[:, other] = np.inf, np.inf
        members[other] = []
        alive -= 1
        for third in range(len(known)):
            if third != one and members[third]:
                low, high = min(one, third), max(one, third)
                costs[low, high] = _cost(counts[one], counts[third][None], followers.sum())[0]
    joined = np.full(len(followers), -1)
    for number, places in enumerate(members):
        joined[places] = number
    for place in np.flatnonzero(joined < 0):
        joined[place] = joined[known[np.argmin(((centres[known] - centres[place]) ** 2).sum(1))]]
    return joined


def _cost(one: np.ndarray, others: np.ndarray, total: float) -> np.ndarray:
    """Nats by which the description grows if one joins each of the others; below 0 it gets shorter.

    A parameter is a kind of successor (our choice: that it occurs at all is counted, as well as how often).
    """
    both = one + others
    lost = _log_likelihood(one[None]) + _log_likelihood(others) - _log_likelihood(both)
    saved = ((one > 0).sum() + (others > 0).sum(1) - (both > 0).sum(1)).astype(np.float64)
    return lost - 0.5 * np.maximum(saved, 1.0) * np.log(total)


def _log_likelihood(counts: np.ndarray) -> np.ndarray:
    """Largest log-likelihood of counts, each row by a distribution of its own, shape (rows,)."""
    sums = counts.sum(1, keepdims=True)
    share = np.divide(counts, sums, out=np.ones_like(counts), where=(counts > 0) & (sums > 0))
    return (counts * np.log(np.where(counts > 0, share, 1.0))).sum(1)
