"""Compiled loops: sampling tables, walks, and the gradient of recorded walks.

Arrays and scalars in, arrays filled, nothing raised. The readable specification of every kernel is
its namesake in :mod:`conet.engine.reference`; both agree bit for bit.

Indices are unsigned throughout: signed ones cost a wrap-around test at every access, a third of the
sampling time. Numba's own random numbers are not reproducible across threads, so the generator is
SplitMix64 with a counter, keyed by stream, question and rollout.
"""

import numpy as np
from numba import njit, uint32, uint64

from conet.engine.prefetch import prefetch

# One record an edge, 16 bytes, so that a step of a walk reads a single cache line.
RECORD = np.dtype([("target", "u4"), ("alias_target", "u4"), ("threshold", "u4"), ("alias_slot", "u4")])
INTERLEAVED = 32  # walkers in flight in one thread: their cache misses overlap

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
FIRST = np.uint64(0xBF58476D1CE4E5B9)
SECOND = np.uint64(0x94D049BB133111EB)
ONE = np.uint64(1)
ZERO = np.uint64(0)
HALF = np.uint64(32)


@njit(inline="always")
def mix(value):
    """Finalise a SplitMix64 counter (Steele, Lea and Flood 2014): uint64 to uint64."""
    value = (value ^ (value >> np.uint64(30))) * FIRST
    value = (value ^ (value >> np.uint64(27))) * SECOND
    return value ^ (value >> np.uint64(31))


@njit(inline="always")
def walk_state(key, question, rollout):
    """Return the generator's first state for one walk; it does not depend on any other walk."""
    return mix(mix(key + (question + ONE) * GOLDEN) + (rollout + ONE) * FIRST)


@njit(inline="always")
def aim(node, bits, offsets, degree):
    """Return a node's first edge and the slot that the high half of ``bits`` picks, both uint64.

    ``degree`` 0 means: look the degree up.
    """
    if degree > ZERO:
        start = node * degree
    else:
        start = uint64(offsets[node])
        degree = uint64(offsets[node + ONE]) - start
    return start, ((bits >> HALF) * degree) >> HALF


@njit(cache=True, nogil=True)
def refresh_rows(rows, offsets, logits, probability, records, small, large, scaled):
    """Recompute softmax and alias table (Vose 1991) of the given rows.

    ``small``, ``large`` and ``scaled`` are scratch of the largest degree.
    """
    for row in rows:
        start, end = uint64(offsets[row]), uint64(offsets[row + 1])
        highest = logits[start]
        for edge in range(start, end):
            highest = max(highest, logits[edge])
        total = 0.0
        for edge in range(start, end):
            power = np.exp(logits[edge] - highest)
            probability[edge] = power
            total += power
        degree = end - start
        smalls, larges = ZERO, ZERO
        for slot in range(degree):
            edge = start + slot
            probability[edge] /= total
            scaled[slot] = probability[edge] * np.float64(degree)
            # Written to both lists, counted in one: a branch would be mispredicted every other time.
            is_small = uint64(scaled[slot] < 1.0)
            small[smalls], large[larges] = slot, slot
            smalls += is_small
            larges += ONE - is_small
        while smalls > ZERO and larges > ZERO:
            smalls -= ONE
            low, high = uint64(small[smalls]), uint64(large[larges - ONE])
            records[start + low]["threshold"] = uint32(scaled[low] * 4294967296.0)
            records[start + low]["alias_slot"] = uint32(high)
            records[start + low]["alias_target"] = records[start + high]["target"]
            scaled[high] -= 1.0 - scaled[low]
            if scaled[high] < 1.0:
                larges -= ONE
                small[smalls] = high
                smalls += ONE
        for place in range(smalls + larges):
            # What is left has scaled probability one up to rounding: its alias is itself.
            slot = uint64(small[place]) if place < smalls else uint64(large[place - smalls])
            records[start + slot]["threshold"] = uint32(4294967295)
            records[start + slot]["alias_slot"] = uint32(slot)
            records[start + slot]["alias_target"] = records[start + slot]["target"]


@njit(cache=True, nogil=True)
def sample(
    offsets,
    uniform_degree,
    records,
    stops,
    questions,
    answers,
    ids,
    rollouts,
    max_length,
    key,
    first,
    last,
    edges,
    length,
    correct,
):
    """Fill walks ``first`` to ``last`` of the flat list (question-major, ``rollouts`` each).

    ``edges`` (walks, max_length) gets the edge ids, ``length`` the steps taken, ``correct`` whether
    the walk ended at its answer. ``uniform_degree`` 0 means: look the degree up.
    """
    start = np.empty(INTERLEAVED, np.uint64)  # first edge of the node where the walker stands
    slot = np.empty(INTERLEAVED, np.uint64)
    bits = np.empty(INTERLEAVED, np.uint64)
    state = np.empty(INTERLEAVED, np.uint64)
    place = np.empty(INTERLEAVED, np.uint64)  # of the next step in ``flat``
    limit = np.empty(INTERLEAVED, np.uint64)
    answer = np.empty(INTERLEAVED, np.uint64)
    flat = edges.reshape(-1)
    width, degree = uint64(max_length), uint64(uniform_degree)
    check_stops = stops.size > 0
    upcoming, active = first, ZERO
    while active < uint64(INTERLEAVED) and upcoming < last:
        question = upcoming // rollouts
        answer[active] = uint64(answers[question])
        place[active] = uint64(upcoming) * width
        limit[active] = place[active] + width
        state[active] = walk_state(key, uint64(ids[question]), uint64(upcoming % rollouts)) + GOLDEN
        bits[active] = mix(state[active])
        start[active], slot[active] = aim(uint64(questions[question]), bits[active], offsets, degree)
        upcoming += 1
        active += ONE
    while active > ZERO:
        lane = ZERO
        while lane < active:
            record = records[start[lane] + slot[lane]]
            keep = uint32(bits[lane]) < record["threshold"]
            there = uint64(record["target"]) if keep else uint64(record["alias_target"])
            chosen = slot[lane] if keep else uint64(record["alias_slot"])
            here = place[lane]
            flat[here] = np.int32(start[lane] + chosen)
            here += ONE
            now = state[lane]
            solved = there == answer[lane]
            if solved or here == limit[lane] or (check_stops and stops[there] > 0):
                walk = limit[lane] // width - ONE
                length[walk] = np.int32(here - walk * width)
                correct[walk] = solved
                if upcoming == last:
                    active -= ONE
                    start[lane], slot[lane], bits[lane] = start[active], slot[active], bits[active]
                    state[lane], answer[lane] = state[active], answer[active]
                    place[lane], limit[lane] = place[active], limit[active]
                    continue
                question = upcoming // rollouts
                there, answer[lane] = uint64(questions[question]), uint64(answers[question])
                here = uint64(upcoming) * width
                limit[lane] = here + width
                now = walk_state(key, uint64(ids[question]), uint64(upcoming % rollouts))
                upcoming += 1
            place[lane] = here
            now += GOLDEN
            state[lane] = now
            bits[lane] = mix(now)
            start[lane], slot[lane] = aim(there, bits[lane], offsets, degree)
            # Read when this walker's turn comes again: by then the record has arrived.
            prefetch(records, start[lane] + slot[lane])
            lane += ONE


@njit(cache=True, nogil=True)
def accumulate(starts, edges, length, weights, per_step, records, values, seen, rows):
    """Add the weight of every recorded step to its edge, in walk order; note the touched rows.

    ``values`` (edges) and ``seen`` (nodes) come in as zeros; ``rows`` gets the touched nodes, each
    once. ``weights`` is flat: one a walk, or with ``per_step`` one a step, (walks, max_length).

    Returns
    -------
    int
        How many rows were touched.
    """
    walks, width = edges.shape
    touched = ZERO
    for walk in range(walks):
        weight = weights[walk]
        if not per_step and weight == 0.0:
            continue
        for step in range(length[walk]):
            edge = uint64(edges[walk, step])
            if per_step:
                weight = weights[walk * width + step]
            if values[edge] == 0.0:
                # Only an edge still at zero can belong to a row not seen yet, so the row is looked
                # up rarely.
                node = uint64(starts[walk])
                if step > 0:
                    node = uint64(records[uint64(edges[walk, step - 1])]["target"])
                if seen[node] == 0:
                    seen[node] = 1
                    rows[touched] = node
                    touched += ONE
            values[edge] += weight
    return touched


@njit(cache=True, nogil=True)
def finish_rows(rows, offsets, probability, values):
    """Subtract (sum of the row) · π from each row: the softmax's half of grad log π."""
    for row in rows:
        start, end = uint64(offsets[row]), uint64(offsets[row + 1])
        total = 0.0
        for edge in range(start, end):
            total += values[edge]
        for edge in range(start, end):
            values[edge] -= total * probability[edge]


@njit(cache=True, nogil=True)
def count_visits(starts, edges, length, records, visits, rows):
    """Add one to ``visits`` of the node that each recorded step leaves; note the nodes, each once.

    ``visits`` (nodes) comes in as zeros.

    Returns
    -------
    int
        How many nodes there are.
    """
    touched = ZERO
    for walk in range(edges.shape[0]):
        node = uint64(starts[walk])
        for step in range(length[walk]):
            if visits[node] == 0.0:
                rows[touched] = node
                touched += ONE
            visits[node] += 1.0
            node = uint64(records[uint64(edges[walk, step])]["target"])
    return touched


@njit(cache=True, nogil=True)
def add_entropy(rows, offsets, logits, probability, weights, values):
    """Add weights[row] · ∇H of each row to ``values``: H is the entropy of its softmax in nats.

    With l the logits, log π_e + H = l_e - Σ π l, so ∂H/∂l_e = -π_e (log π_e + H) needs no logarithm.
    """
    for row in rows:
        start, end = uint64(offsets[row]), uint64(offsets[row + 1])
        mean = 0.0
        for edge in range(start, end):
            mean += probability[edge] * logits[edge]
        weight = weights[row]
        for edge in range(start, end):
            values[edge] -= weight * probability[edge] * (logits[edge] - mean)


@njit(cache=True, nogil=True)
def clear_rows(rows, offsets, values):
    """Set the values of the given rows to zero."""
    for row in rows:
        for edge in range(uint64(offsets[row]), uint64(offsets[row + 1])):
            values[edge] = 0.0


@njit(cache=True, nogil=True)
def ascend_rows(rows, offsets, values, rate, logits):
    """Add rate · values to the logits of the given rows, so that a step costs what was visited."""
    for row in rows:
        for edge in range(uint64(offsets[row]), uint64(offsets[row + 1])):
            logits[edge] += rate * values[edge]


@njit(cache=True, nogil=True)
def square_sum(rows, offsets, values):
    """Sum of squares over the edges of the given rows."""
    total = 0.0
    for row in rows:
        for edge in range(uint64(offsets[row]), uint64(offsets[row + 1])):
            total += values[edge] * values[edge]
    return total
