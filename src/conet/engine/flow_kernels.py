"""Compiled loops from the absorbing chain to flows and gradients.

Along an edge e from i to j, successful walks pass ``Σ_t f_t(i) π_e b_{L-1-t}(j)`` times on average (names
as in :mod:`conet.engine.exact_kernels`), and everything else follows from that flow: the gradient of the
success probability is flow - π · (flow of the row).
"""

import math

import numpy as np
from numba import njit, uint64

from conet.engine.exact_kernels import backward, forward
from conet.engine.lane_kernels import LANES, NOTHING, WIDTH, add_products, add_scaled, store

# What a question's flow is multiplied by, beside the weight that the caller gives.
AS_GIVEN, STANDARDISED, GIVEN_SUCCESS = range(3)
TINY = np.finfo(np.float64).tiny  # below it a probability has lost its digits and counts as zero


@njit(inline="always")
def factor(success, rule):
    """Return the rule's multiple for a question of this success probability; always finite."""
    if rule == STANDARDISED:
        return 1.0 / math.sqrt(success * (1.0 - success)) if TINY < success < 1.0 else 0.0
    if rule == GIVEN_SUCCESS:
        return 1.0 / success if success > TINY else 0.0
    return 1.0


@njit(nogil=True, cache=True)
def row_flows(node, offsets, targets, probability, max_length, left, reached, right, nearest, weights, flows):
    """Fill ``flows[slot, lane]`` with the weighted flow along each edge of a node; return the row's sums."""
    places = uint64(max_length)
    begin, end = uint64(offsets[node]), uint64(offsets[node + uint64(1)])
    row = NOTHING
    for edge in range(begin, end):
        target = uint64(targets[edge])
        total = NOTHING
        if reached[node] < max_length and nearest[target] < max_length:
            # f_t(i) is zero before ``reached``, b_k(j) for k below ``nearest``.
            here = (node * places + uint64(reached[node])) * WIDTH
            there = (target * places + uint64(reached[node])) * WIDTH
            for _ in range(reached[node], max_length - nearest[target]):
                total = add_products(total, left, here, right, there)
                here += WIDTH
                there += WIDTH
        slot = (edge - begin) * WIDTH
        store(total, flows, slot)
        for lane in range(WIDTH):
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
    squares = NOTHING
    for slot in range(uint64(degree)):
        squares = add_products(squares, flows, slot * WIDTH, flows, slot * WIDTH)
    total = 0.0
    for lane in range(LANES):
        total += math.sqrt(squares[lane])
    return total


@njit(inline="always")
def keep_each(single, flows, place, degree, start, stop):
    """Write a row's gradients into ``single``: edges from ``place`` on, questions ``start`` to ``stop``."""
    for slot in range(degree):
        for lane in range(stop - start):
            single[place + slot, start + lane] = flows[slot * LANES + lane]


@njit(nogil=True, cache=True)
def add_visits(left, reached, max_length, visits):
    """Add Σ_t f_t(i) of all lanes to ``visits[i]``: how often a walk is there and goes on."""
    for node in range(uint64(visits.size)):
        total = NOTHING
        for place in range(reached[node], max_length):
            total = add_scaled(total, 1.0, left, (node * uint64(max_length) + uint64(place)) * WIDTH)
        visits[node] += sum(total)


@njit(nogil=True, cache=True)
def gradient_part(
    network,
    reverse,
    asked,
    max_length,
    rule,
    weights,
    rows,
    first,
    last,
    success,
    values,
    alone,
    single,
    visits,
):
    """Add up the flows of questions ``first`` to ``last`` in order.

    ``network`` is (offsets, targets, probability), ``reverse`` the same of the edges turned round, ``asked``
    (stops, questions, answers). ``values`` (edges) gets the weighted flow summed over questions,
    ``success`` each question's probability. ``alone`` (nodes, or none) gets Σ |g_m(i)|; ``single`` (edges
    of ``rows``, questions; or none) the gradient of every question. Only ``rows`` are looked at.
    ``visits`` (nodes, or none) gets how often walks leave each node, summed over questions without a weight.
    """
    offsets, targets, probability = network
    stops, questions, answers = asked
    ends, sources, back = reverse
    nodes, hops, size = offsets.size - 1, max_length - 1, max_length
    now, later = np.empty(nodes * LANES), np.empty(nodes * LANES)
    flows = np.empty(np.diff(offsets).max() * LANES)
    left, right = np.empty(nodes * max_length * LANES), np.empty(nodes * max_length * LANES)
    reached, nearest = np.empty(nodes, np.int32), np.empty(nodes, np.int32)
    arrived, stopped = np.empty((LANES, max_length)), np.empty(LANES)
    for start in range(first, last, LANES):
        stop = min(start + LANES, last)
        here, goal = questions[start:stop], answers[start:stop]
        found = backward(
            offsets, targets, probability, stops, here, goal, max_length, now, later, nearest, right
        )
        forward(
            ends, sources, back, stops, here, goal, hops, now, later, reached, left, size, arrived, stopped
        )
        if visits.size > 0:
            add_visits(left, reached, max_length, visits)
        block = np.zeros(LANES)
        for lane in range(stop - start):
            success[start + lane] = found[lane]
            block[lane] = weights[start + lane] * factor(found[lane], rule)
        place = 0
        for node in rows:
            begin, end = offsets[node], offsets[node + 1]
            at = uint64(node)
            row = row_flows(
                at, offsets, targets, probability, max_length, left, reached, right, nearest, block, flows
            )
            add_row(begin, end, row, probability, flows, values)
            if alone.size > 0:
                alone[node] += norms(flows, end - begin)
            if single.size > 0:
                keep_each(single, flows, place, end - begin, start, stop)
            place += end - begin
