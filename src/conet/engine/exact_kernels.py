"""Compiled loops of the absorbing chain: what walks do on average, without sampling one.

Arrays and scalars in, arrays filled, nothing raised. Questions are solved in blocks of
:data:`LANES`, side by side: the eight numbers of a node lie together (``8 * node`` onwards), so one
edge is read once for eight questions. The eight sums live in a tuple, which the compiler keeps in
registers.

Names: ``f_t(i)`` is the probability of being at node i after t steps without having ended, and
``b_k(i)`` that of reaching the answer from i within k further steps. Along an edge e from i to j,
successful walks pass ``Σ_t f_t(i) π_e b_{L-1-t}(j)`` times on average, and everything else follows
from that flow: the gradient of the success probability is flow - π · (flow of the row).
"""

import math

import numpy as np
from numba import njit, uint64

LANES = 8
NEVER = np.iinfo(np.int32).max  # "no mass at any step yet"

# What a question's flow is multiplied by, beside the weight that the caller gives.
AS_GIVEN, STANDARDISED, GIVEN_SUCCESS = range(3)

_TINY = np.finfo(np.float64).tiny  # below it a probability has lost its digits and counts as zero
_NOTHING = (0.0,) * LANES
_WIDTH = np.uint64(LANES)
_1, _2, _3, _4, _5, _6, _7 = (np.uint64(lane) for lane in range(1, LANES))


@njit(inline="always")
def add_scaled(total, factor, values, at):
    """Return ``total + factor * values[at : at + 8]`` as a tuple."""
    return (
        total[0] + factor * values[at], total[1] + factor * values[at + _1],
        total[2] + factor * values[at + _2], total[3] + factor * values[at + _3],
        total[4] + factor * values[at + _4], total[5] + factor * values[at + _5],
        total[6] + factor * values[at + _6], total[7] + factor * values[at + _7],
    )  # fmt: skip


@njit(inline="always")
def add_products(total, left, here, right, there):
    """Return ``total + left[here : here + 8] * right[there : there + 8]`` as a tuple."""
    return (
        total[0] + left[here] * right[there], total[1] + left[here + _1] * right[there + _1],
        total[2] + left[here + _2] * right[there + _2], total[3] + left[here + _3] * right[there + _3],
        total[4] + left[here + _4] * right[there + _4], total[5] + left[here + _5] * right[there + _5],
        total[6] + left[here + _6] * right[there + _6], total[7] + left[here + _7] * right[there + _7],
    )  # fmt: skip


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
def pull(offsets, ends, probability, now, later, since, step):
    """Fill ``later[i] = Σ_e π_e now[end of e]``: one pass over the edges.

    Over the graph this moves b one step back, over the reversed graph f one step on. ``since`` is
    the first step at which a node has mass in any lane; ends without are skipped.
    """
    for node in range(uint64(offsets.size - 1)):
        total = _NOTHING
        for edge in range(uint64(offsets[node]), uint64(offsets[node + _1])):
            end = uint64(ends[edge])
            if since[end] <= step:
                total = add_scaled(total, probability[edge], now, end * _WIDTH)
        store(total, later, node * _WIDTH)
        if since[node] == NEVER and total != _NOTHING:
            since[node] = step + 1


@njit(nogil=True, cache=True)
def remember(now, since, step, history, place, places):
    """Copy the lanes of every node with mass into ``history[node, place]``."""
    for node in range(uint64(since.size)):
        if since[node] <= step:
            at = (node * uint64(places) + uint64(place)) * _WIDTH
            for lane in range(_WIDTH):
                history[at + lane] = now[node * _WIDTH + lane]


@njit(nogil=True, cache=True)
def backward(
    offsets, targets, probability, stops, questions, answers, max_length, now, later, since, history
):
    """Fill ``history[node, L-1-k]`` with b_k, k < L, and return the success probability of each lane."""
    now[:], since[:] = 0.0, NEVER
    for lane in range(answers.size):
        now[answers[lane] * LANES + lane] = 1.0
        since[answers[lane]] = 0
    remember(now, since, 0, history, max_length - 1, max_length)
    for step in range(1, max_length):
        pull(offsets, targets, probability, now, later, since, step - 1)
        for stop in stops:
            later[stop * LANES : (stop + 1) * LANES] = 0.0
        for lane in range(answers.size):
            later[answers[lane] * LANES + lane] = 1.0
        now, later = later, now
        remember(now, since, step, history, max_length - 1 - step, max_length)
    # The first step is taken even from a node at which later walks would end.
    success = np.zeros(LANES)
    for lane in range(questions.size):
        for edge in range(offsets[questions[lane]], offsets[questions[lane] + 1]):
            success[lane] += probability[edge] * now[targets[edge] * LANES + lane]
    return success


@njit(nogil=True, cache=True)
def forward(
    offsets, sources, probability, stops, questions, answers, steps, now, later, since, history, places, arrived,
    stopped,
):  # fmt: skip
    """Carry f from the questions ``steps`` steps on, over the reversed graph.

    ``history[node, t]`` gets f_t where ``places`` > 0 (t < places), ``arrived[lane, t-1]`` the mass
    that reaches its answer at step t, ``stopped[lane]`` what ends at other answers.

    Returns
    -------
    ndarray
        f at the last step, (nodes · 8).
    """
    now[:], since[:] = 0.0, NEVER
    for lane in range(questions.size):
        now[questions[lane] * LANES + lane] = 1.0
        since[questions[lane]] = 0
    if places > 0:
        remember(now, since, 0, history, 0, places)
    for step in range(1, steps + 1):
        pull(offsets, sources, probability, now, later, since, step - 1)
        for lane in range(answers.size):
            arrived[lane, step - 1] = later[answers[lane] * LANES + lane]
            later[answers[lane] * LANES + lane] = 0.0
        for stop in stops:
            for lane in range(answers.size):
                stopped[lane] += later[stop * LANES + lane]
            later[stop * LANES : (stop + 1) * LANES] = 0.0
        now, later = later, now
        if places > 0:
            remember(now, since, step, history, step, places)
    return now


@njit(nogil=True, cache=True)
def solve_part(
    offsets, sources, probability, stops, questions, answers, max_length, first, last, lengths, stopped, truncated
):  # fmt: skip
    """Fill the length distribution and both kinds of failure of questions ``first`` to ``last``."""
    nodes = offsets.size - 1
    now, later = np.empty(nodes * LANES), np.empty(nodes * LANES)
    since, no_history = np.empty(nodes, np.int32), np.empty(0)
    for start in range(first, last, LANES):
        end = min(start + LANES, last)
        left = forward(
            offsets, sources, probability, stops, questions[start:end], answers[start:end], max_length,
            now, later, since, no_history, 0, lengths[start:end], stopped[start:end],
        )  # fmt: skip
        for node in range(nodes):
            for lane in range(end - start):
                truncated[start + lane] += left[node * LANES + lane]


@njit(inline="always")
def factor(success, rule):
    """Return the rule's multiple for a question of this success probability; always finite."""
    if rule == STANDARDISED:
        return 1.0 / math.sqrt(success * (1.0 - success)) if _TINY < success < 1.0 else 0.0
    if rule == GIVEN_SUCCESS:
        return 1.0 / success if success > _TINY else 0.0
    return 1.0


@njit(nogil=True, cache=True)
def row_flows(node, offsets, targets, probability, max_length, left, reached, right, nearest, weights, flows):
    """Fill ``flows[slot, lane]`` with the weighted flow along each edge of a node; return the row's sums."""
    places = uint64(max_length)
    begin, end = uint64(offsets[node]), uint64(offsets[node + _1])
    row = _NOTHING
    for edge in range(begin, end):
        target = uint64(targets[edge])
        total = _NOTHING
        if reached[node] < max_length and nearest[target] < max_length:
            # f_t(i) is zero before ``reached``, b_k(j) for k below ``nearest``.
            here = (node * places + uint64(reached[node])) * _WIDTH
            there = (target * places + uint64(reached[node])) * _WIDTH
            for _ in range(reached[node], max_length - nearest[target]):
                total = add_products(total, left, here, right, there)
                here += _WIDTH
                there += _WIDTH
        slot = (edge - begin) * _WIDTH
        store(total, flows, slot)
        for lane in range(_WIDTH):
            flows[slot + lane] *= probability[edge] * weights[lane]
        row = add_scaled(row, 1.0, flows, slot)
    return row


@njit(nogil=True, cache=True)
def add_row(begin, end, row, probability, flows, values):
    """Add the flows of all lanes to ``values``, then turn ``flows`` into gradients (flow - π · row)."""
    sums = np.empty(LANES)
    store(row, sums, uint64(0))
    for edge in range(begin, end):
        slot = (edge - begin) * LANES
        total = 0.0
        for lane in range(LANES):
            total += flows[slot + lane]
            flows[slot + lane] -= probability[edge] * sums[lane]
        values[edge] += total


@njit(nogil=True, cache=True)
def norms(flows, degree):
    """Return the sum over lanes of the Euclidean norm of a row's gradients."""
    squares = _NOTHING
    for slot in range(uint64(degree)):
        squares = add_products(squares, flows, slot * _WIDTH, flows, slot * _WIDTH)
    total = 0.0
    for lane in range(LANES):
        total += math.sqrt(squares[lane])
    return total


@njit(nogil=True, cache=True)
def gradient_part(
    offsets, targets, probability, reverse_offsets, sources, reverse_probability, stops, questions, answers,
    max_length, rule, weights, rows, first, last, success, values, alone, single,
):  # fmt: skip
    """Add up the flows of questions ``first`` to ``last`` in order.

    ``values`` (edges) gets the weighted flow summed over questions, ``success`` each question's
    probability. ``alone`` (nodes, or none) gets Σ |g_m(i)|; ``single`` (edges of ``rows``, questions;
    or none) the gradient of every question. Only ``rows`` are looked at.
    """
    nodes = offsets.size - 1
    now, later, flows = (
        np.empty(nodes * LANES),
        np.empty(nodes * LANES),
        np.empty(np.diff(offsets).max() * LANES),
    )
    left, right = np.empty(nodes * max_length * LANES), np.empty(nodes * max_length * LANES)
    reached, nearest = np.empty(nodes, np.int32), np.empty(nodes, np.int32)
    arrived, stopped = np.empty((LANES, max_length)), np.empty(LANES)
    for start in range(first, last, LANES):
        stop = min(start + LANES, last)
        asked, wanted = questions[start:stop], answers[start:stop]
        found = backward(
            offsets, targets, probability, stops, asked, wanted, max_length, now, later, nearest, right
        )  # fmt: skip
        forward(
            reverse_offsets, sources, reverse_probability, stops, asked, wanted, max_length - 1,
            now, later, reached, left, max_length, arrived, stopped,
        )  # fmt: skip
        block = np.zeros(LANES)
        for lane in range(stop - start):
            success[start + lane] = found[lane]
            block[lane] = weights[start + lane] * factor(found[lane], rule)
        place = 0
        for node in rows:
            begin, end = offsets[node], offsets[node + 1]
            row = row_flows(
                uint64(node), offsets, targets, probability, max_length, left, reached, right, nearest, block, flows
            )  # fmt: skip
            add_row(begin, end, row, probability, flows, values)
            if alone.size > 0:
                alone[node] += norms(flows, end - begin)
            if single.size > 0:
                for slot in range(end - begin):
                    for lane in range(stop - start):
                        single[place + slot, start + lane] = flows[slot * LANES + lane]
            place += end - begin
