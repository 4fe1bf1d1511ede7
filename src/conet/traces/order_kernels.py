"""Random orders of the steps of rollouts, in which no concept follows itself: compiled."""

import numpy as np
from numba import njit

from conet.engine.kernels import mix


@njit(cache=True)
def count_in_random_orders(concept, starts, ends, seed, draws, total, squares, sides):
    """Add up how often each concept follows each, over random orders of each rollout's steps.

    A chain of exchanges of two steps of a rollout, those refused after which a concept would follow itself:
    all orders that it reaches are equally likely in the long run. Where it reaches few, it stays near the
    order that was given, and so does what is expected.

    Parameters
    ----------
    concept : ndarray of int64, shape (steps,)
        Changed: its rollouts are exchanged within.
    starts, ends : ndarray of int64, shape (rollouts,)
    seed : uint64
    draws : int
        Orders; between two, as many exchanges are tried in a rollout as it has steps.
    total, squares, sides : ndarray of float64, shape (concepts, concepts)
        Get the sum over draws of the counts, of their squares, and of the squares of both directions
        together.
    """
    now = np.zeros(total.shape, np.int64)
    drawn = np.uint64(0)
    for draw in range(draws + 1):
        now[:] = 0
        for rollout in range(len(starts)):
            start, end = starts[rollout], ends[rollout]
            size = end - start
            tries = 10 * size if draw == 0 else size
            for _ in range(tries):
                drawn += np.uint64(1)
                number = mix(seed + drawn)
                one = start + np.int64((number >> np.uint64(33)) % np.uint64(size))
                other = start + np.int64((number & np.uint64(0x7FFFFFFF)) % np.uint64(size))
                exchange(concept, start, end, one, other)
            for step in range(start, end - 1):
                now[concept[step], concept[step + 1]] += 1
        if draw:
            for source in range(len(total)):
                for target in range(len(total)):
                    count = now[source, target]
                    both = count + now[target, source]
                    total[source, target] += count
                    squares[source, target] += count * count
                    sides[source, target] += both * both


@njit(inline="always")
def exchange(concept, start, end, one, other):
    """Exchange two steps, unless a concept would then follow itself."""
    first, second = concept[one], concept[other]
    if first != second:
        concept[one], concept[other] = second, first
        if not (fits(concept, start, end, one) and fits(concept, start, end, other)):
            concept[one], concept[other] = first, second


@njit(inline="always")
def fits(concept, start, end, step):
    """Whether a step differs from its neighbours."""
    return not (
        (step > start and concept[step - 1] == concept[step])
        or (step + 1 < end and concept[step + 1] == concept[step])
    )
