"""Eight questions side by side: the loops over edges that the absorbing chain is made of.

The eight numbers of a node lie together (``8 * node`` onwards), so one edge is read once for eight
questions. The eight sums live in a tuple, which the compiler keeps in registers.
"""

import numpy as np
from numba import njit, uint64

LANES = 8
NEVER = np.iinfo(np.int32).max  # "no mass at any hop yet"
NOTHING = (0.0,) * LANES
WIDTH = np.uint64(LANES)
_1, _2, _3, _4, _5, _6, _7 = (np.uint64(lane) for lane in range(1, LANES))


@njit(inline="always")
def add_scaled(total, factor, values, at):
    """Return ``total + factor * values[at : at + 8]`` as a tuple."""
    return (
        total[0] + factor * values[at],
        total[1] + factor * values[at + _1],
        total[2] + factor * values[at + _2],
        total[3] + factor * values[at + _3],
        total[4] + factor * values[at + _4],
        total[5] + factor * values[at + _5],
        total[6] + factor * values[at + _6],
        total[7] + factor * values[at + _7],
    )


@njit(inline="always")
def add_products(total, left, here, right, there):
    """Return ``total + left[here : here + 8] * right[there : there + 8]`` as a tuple."""
    return (
        total[0] + left[here] * right[there],
        total[1] + left[here + _1] * right[there + _1],
        total[2] + left[here + _2] * right[there + _2],
        total[3] + left[here + _3] * right[there + _3],
        total[4] + left[here + _4] * right[there + _4],
        total[5] + left[here + _5] * right[there + _5],
        total[6] + left[here + _6] * right[there + _6],
        total[7] + left[here + _7] * right[there + _7],
    )


@njit(inline="always")
def store(total, values, at):
    """Write the tuple to ``values[at : at + 8]``."""
    values[at], values[at + _1], values[at + _2], values[at + _3] = total[0], total[1], total[2], total[3]
    values[at + _4], values[at + _5], values[at + _6], values[at + _7] = (
        total[4],
        total[5],
        total[6],
        total[7],
    )


@njit(nogil=True, cache=True)
def carry(offsets, ends, probability, now, later, since, step):
    """Fill ``later[i] = Σ_e π_e now[end of e]``: one pass over the edges.

    Over the graph this moves b one step back, over the reversed graph f one step on. ``since`` is
    the first step at which a node has mass in any lane; ends without are skipped.
    """
    for node in range(uint64(offsets.size - 1)):
        total = NOTHING
        for edge in range(uint64(offsets[node]), uint64(offsets[node + _1])):
            end = uint64(ends[edge])
            if since[end] <= step:
                total = add_scaled(total, probability[edge], now, end * WIDTH)
        store(total, later, node * WIDTH)
        if since[node] == NEVER and total != NOTHING:
            since[node] = step + 1


@njit(nogil=True, cache=True)
def remember(now, since, step, history, place, places):
    """Copy the lanes of every node with mass into ``history[node, place]``."""
    for node in range(uint64(since.size)):
        if since[node] <= step:
            at = (node * uint64(places) + uint64(place)) * WIDTH
            for lane in range(WIDTH):
                history[at + lane] = now[node * WIDTH + lane]
