"""Which transitions between concepts are more than chance, against one of three null models.

``order``: the steps of each rollout stand in a random order. So two concepts that merely meet in the same
rollouts make no edge; only which follows which does. ``configuration``: every concept is left and entered as
often as it is, and to which other one a transition leads does not depend on where it comes from.
``disparity``: the transitions out of a concept (and into it) are spread over its edges at random (Serrano,
Boguñá and Vespignani 2009).

All are corrected for the number of edges tested (Benjamini and Hochberg 1995).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from conet.traces.order_kernels import count_in_random_orders
from conet.traces.transitions import Paths

RATE = 0.01  # false discovery rate
DRAWS = 500  # random orders from which mean and variance are known to a twentieth of the standard deviation
SEED = np.uint64(0x51ED270B)  # of these; any
ROUNDS = 1000  # of fitting expected counts to their sums
Null = Literal["order", "configuration", "disparity"]
Matrices = tuple[np.ndarray, np.ndarray, np.ndarray]  # expected, p-value, whether tested; by source, target


@dataclass(frozen=True, kw_only=True)
class Tested:
    """The transitions that were counted, and which of them are significant.

    Attributes
    ----------
    source, target : ndarray of int64, shape (edges,)
        Concepts, by source and target; equal where a concept is stayed in, which is never tested.
    count : ndarray of int64, shape (edges,)
    expected : ndarray of float64, shape (edges,)
        By the null model; NaN where it is not tested.
    p_value : ndarray of float64, shape (edges,)
        Chance of at least such a count under the null model; 1 where it is not tested.
    significant : ndarray of bool, shape (edges,)
    tests : int
        Edges that were tested, with those that were never counted.
    """

    source: np.ndarray
    target: np.ndarray
    count: np.ndarray
    expected: np.ndarray
    p_value: np.ndarray
    significant: np.ndarray
    tests: int


def count_and_test(paths: Paths, null: Null = "order", rate: float = RATE) -> Tested:
    """Count the transitions, and test each against a null model at a false discovery rate."""
    counts = paths.counts()
    expected, p_value, tested = NULLS[null](paths, counts, rate)
    tested &= ~np.eye(paths.concepts, dtype=bool)
    kept = np.zeros_like(tested)
    kept[tested] = discoveries(p_value[tested], rate)
    source, target = np.nonzero(counts)
    return Tested(
        source=source,
        target=target,
        count=counts[source, target],
        expected=np.where(tested, expected, np.nan)[source, target],
        p_value=np.where(tested, p_value, 1.0)[source, target],
        significant=kept[source, target],
        tests=int(tested.sum()),
    )


def discoveries(p_values: np.ndarray, rate: float) -> np.ndarray:
    """Say which tests count as discoveries at a false discovery rate (Benjamini and Hochberg 1995).

    Parameters
    ----------
    p_values : ndarray of float64, shape (tests,)
    rate
        Of all discoveries, the largest expected share that is by chance.

    Returns
    -------
    ndarray of bool, shape (tests,)
    """
    order = np.argsort(p_values, kind="stable")
    below = p_values[order] <= rate * np.arange(1, len(order) + 1) / max(1, len(order))
    last = int(np.flatnonzero(below).max(initial=-1))
    found = np.zeros(len(p_values), bool)
    found[order[: last + 1]] = True
    return found


def by_order(paths: Paths, counts: np.ndarray, rate: float) -> Matrices:
    """Test against a random order of the steps within each rollout.

    A stay in a concept counts as one step, so that a thought told in two sentences weighs no more, and no
    concept follows itself in the random orders either. An edge may show in either of two ways, whose p-values
    are therefore doubled: the one concept follows the other more often than in random orders; or the two
    stand side by side more often, in whichever direction, and this direction is taken more often than in the
    configuration model. The second finds the weaker direction of two concepts that lead to each other, A, B,
    A, B, which random orders have as often. Where order is random, neither is found.

    What could not reach the rate even if every chance were taken is left out beforehand (Tarone 1990): that
    is known from how often concepts meet, before any order is looked at.

    Returns
    -------
    expected, p_value, tested : ndarray, shape (concepts, concepts)
    """
    one, side = moments_by_order(paths.runs())
    there = one.trials > 0
    tested = np.zeros(there.shape, bool)
    tested[there] = 2 * np.minimum(one.best(there), side.best(there)) <= rate
    seen = tested & (counts > 0)
    p_value = np.ones(one.mean.shape)
    by_chance = by_configuration(paths, counts, rate)[1][seen]
    both = np.maximum(side.tail(counts + counts.T, seen), by_chance)
    p_value[seen] = np.minimum(1.0, 2 * np.minimum(one.tail(counts, seen), both))
    return one.mean, p_value, tested


@dataclass(frozen=True)
class Moments:
    """How many transitions random orders give.

    Attributes
    ----------
    mean, variance, trials : ndarray of float64, shape (concepts, concepts)
        ``trials``: how many there can be at most.
    """

    mean: np.ndarray
    variance: np.ndarray
    trials: np.ndarray

    def tail(self, counts: np.ndarray, at: np.ndarray) -> np.ndarray:
        """Bound the chance of such counts or larger ones, where ``at`` holds."""
        return tail(counts[at], self.mean[at], self.variance[at], self.trials[at])

    def best(self, at: np.ndarray) -> np.ndarray:
        """Return the smallest p-value that there could be, where ``at`` holds."""
        return self.tail(self.trials, at)


def tail(count: np.ndarray, mean: np.ndarray, variance: np.ndarray, trials: np.ndarray) -> np.ndarray:
    """Bound the chance of such a count or a larger one, float64, shape (edges,).

    The smaller of two bounds: the tail of a binomial distribution of the same mean and as many trials as
    there can be transitions (Hoeffding 1956), and what Bennett's inequality (1962) makes of mean and
    variance, which is the smaller one where concepts recur and orders have little freedom.
    """
    from scipy.special import betainc  # scipy.stats, which has the distribution by name, loads slowly

    possible = np.where(mean < trials, mean / trials, 1.0)
    binomial = np.where(count > 0, betainc(np.maximum(count, 1), trials - count + 1, possible), 1.0)
    above = np.maximum(count - mean, 0.0)
    spread = np.maximum(variance, 1e-9)
    bennett = np.exp(-spread * ((1 + above / spread) * np.log1p(above / spread) - above / spread))
    return np.where(mean < trials, np.minimum(binomial, bennett), 1.0)


def moments_by_order(runs: Paths) -> tuple[Moments, Moments]:
    """Return the moments of random orders of each rollout's steps: of one direction, and of both together.

    Exact where no concept recurs in a rollout of n steps: the mean is 1/n a direction. Of the other rollouts
    DRAWS orders are drawn, and one more transition is added to what was seen of each pair, so that nothing is
    held to be impossible.
    """
    size = runs.concepts
    mean, variance, trials, sides, side_trials, meet = np.zeros((6, size, size))
    ends = np.flatnonzero(np.concatenate([[True], ~runs.joined, [True]]))
    drawn = []
    for start, end in zip(ends[:-1].tolist(), ends[1:].tolist()):
        steps = end - start
        held, times = np.unique(runs.concept[start:end], return_counts=True)
        if steps < 2:
            continue
        at, most = np.ix_(held, held), np.minimum.outer(times, times)
        trials[at] += most
        side_trials[at] += 2 * most - np.equal.outer(times, times)
        if times.max() == 1:
            mean[at] += 1 / steps
            variance[at] += 1 / steps - 1 / steps**2
            sides[at] += 2 / steps - 4 / steps**2
        else:
            meet[at] = 1
            drawn.append((start, end))
    if drawn:
        total, squares, both = np.zeros((3, size, size))
        starts, stops = np.array(drawn, np.int64).T.copy()
        count_in_random_orders(runs.concept.copy(), starts, stops, SEED, DRAWS, total, squares, both)
        mean += (total + meet) / DRAWS
        variance += (squares + meet) / DRAWS - (total / DRAWS) ** 2
        sides += (both + 2 * meet) / DRAWS - ((total + total.T) / DRAWS) ** 2
    return Moments(mean, variance, trials), Moments(mean + mean.T, sides, side_trials)


def by_configuration(paths: Paths, counts: np.ndarray, rate: float) -> Matrices:
    """Test against transitions to any other concept, each being left and entered as often as it is.

    The p-value is the tail of a binomial distribution. Concepts that meet in the same rollouts are
    significant here even if their order says nothing: compare with ``order``.
    """
    moves = counts * ~np.eye(paths.concepts, dtype=bool)
    out, into = moves.sum(1), moves.sum(0)
    expected = without_stays(out, into)
    p_value, seen = np.ones(counts.shape), moves > 0
    trials = np.minimum.outer(out, into)[seen]
    p_value[seen] = tail(moves[seen], expected[seen], expected[seen], trials)
    return expected, p_value, np.outer(out > 0, into > 0)


def without_stays(out: np.ndarray, into: np.ndarray) -> np.ndarray:
    """Return the counts that independent sources and targets would have, if no concept follows itself.

    Quasi-independence (Goodman 1968): a_i b_j with zeros on the diagonal, and the sums that are given. To
    leave the zeros out would hold every transition among few concepts to be more than chance.

    Parameters
    ----------
    out, into : ndarray of int64, shape (concepts,)
        How often each is left and entered: sums of counts without a diagonal.
    """
    tiny = np.finfo(float).tiny
    leaving, entering = out.astype(np.float64), np.where(into > 0, 1.0, 0.0)
    for _ in range(ROUNDS):
        leaving = out / np.maximum(entering.sum() - entering, tiny)
        entering = into / np.maximum(leaving.sum() - leaving, tiny)
    found = np.outer(leaving, entering)
    np.fill_diagonal(found, 0.0)
    return found


def by_disparity(paths: Paths, counts: np.ndarray, rate: float) -> Matrices:
    """Test against transitions spread at random over the edges of a concept (the disparity filter).

    An edge with the share p of the transitions out of a concept with k edges has the p-value (1 - p)^(k - 1);
    of both ends the smaller one, doubled. So the only edge of a concept at both ends is never significant,
    and an edge may be so whose order says nothing.
    """
    moves = counts * ~np.eye(paths.concepts, dtype=bool)
    found = []
    for axis in (1, 0):
        sums, edges = moves.sum(axis, keepdims=True), (moves > 0).sum(axis, keepdims=True)
        share = np.divide(moves, sums, out=np.zeros(moves.shape), where=sums > 0)
        found.append(np.where(edges > 1, (1 - share) ** np.maximum(edges - 1, 0), 1.0))
    tested = moves > 0
    sums, edges = moves.sum(1, keepdims=True), np.maximum((moves > 0).sum(1, keepdims=True), 1)
    return np.broadcast_to(sums / edges, moves.shape), np.minimum(1.0, 2 * np.minimum(*found)), tested


Test = Callable[[Paths, np.ndarray, float], Matrices]
NULLS: dict[str, Test] = {"order": by_order, "configuration": by_configuration, "disparity": by_disparity}
