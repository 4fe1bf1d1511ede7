"""The specification: what every kernel computes, in plain Python.

Each function is the namesake of a kernel in :mod:`conet.engine.kernels`, takes the same arguments
and fills the same arrays with the same bits. It walks one walk after another, with Python's own
integers and ``math.exp``, a few hundred times slower. What a kernel takes for speed alone (scratch
arrays, the degree that all nodes share) is ignored here.
"""

import math

MASK = 2**64 - 1  # numbers of the generator are integers modulo 2**64
GOLDEN = 0x9E3779B97F4A7C15
FIRST = 0xBF58476D1CE4E5B9
SECOND = 0x94D049BB133111EB


def mix(value):
    """Finalise a SplitMix64 counter (Steele, Lea and Flood 2014): 64 bits to 64 bits."""
    value = ((value ^ (value >> 30)) * FIRST) & MASK
    value = ((value ^ (value >> 27)) * SECOND) & MASK
    return value ^ (value >> 31)


def walk_state(key, question, rollout):
    """Return the generator's first state for one walk; it does not depend on any other walk."""
    of_question = mix((key + (question + 1) * GOLDEN) & MASK)
    return mix((of_question + (rollout + 1) * FIRST) & MASK)


def aim(node, bits, offsets, degree):
    """Return a node's first edge and the slot that the high half of ``bits`` picks."""
    start = int(offsets[node])
    return start, ((bits >> 32) * (int(offsets[node + 1]) - start)) >> 32


def refresh_rows(rows, offsets, logits, probability, records, *scratch):
    """Recompute softmax and alias table (Vose 1991) of the given rows.

    A slot of the table keeps its own edge when 32 random bits lie below ``threshold``, and gives way
    to the edge ``alias_slot`` of the same row otherwise.
    """
    for row in rows:
        edges = range(int(offsets[row]), int(offsets[row + 1]))
        highest = max(float(logits[edge]) for edge in edges)
        powers = [math.exp(float(logits[edge]) - highest) for edge in edges]
        total = 0.0
        for power in powers:  # one by one: sum() would round otherwise from Python 3.12 on
            total += power
        for edge, power in zip(edges, powers):
            probability[edge] = power / total
        for edge, (threshold, alias) in zip(edges, _alias_table([power / total for power in powers])):
            records[edge]["threshold"] = threshold
            records[edge]["alias_slot"] = alias
            records[edge]["alias_target"] = records[edges[alias]]["target"]


def _alias_table(probabilities):
    """Return (threshold, alias slot) of every slot of one row."""
    degree = len(probabilities)
    scaled = [probability * degree for probability in probabilities]
    small = [slot for slot in range(degree) if scaled[slot] < 1.0]
    large = [slot for slot in range(degree) if not scaled[slot] < 1.0]
    # What no other slot has to fill up has scaled probability one up to rounding: it keeps itself.
    table = [(2**32 - 1, slot) for slot in range(degree)]
    while small and large:
        low, high = small.pop(), large[-1]
        table[low] = int(scaled[low] * 2.0**32), high
        scaled[high] -= 1.0 - scaled[low]
        if scaled[high] < 1.0:
            small.append(large.pop())
    return table


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
    the walk ended at its answer.
    """
    for walk in range(first, last):
        question, rollout = divmod(walk, rollouts)
        node, answer = int(questions[question]), int(answers[question])
        state = walk_state(int(key), int(ids[question]), rollout)
        for step in range(max_length):
            state = (state + GOLDEN) & MASK
            bits = mix(state)
            start, slot = aim(node, bits, offsets, uniform_degree)
            record = records[start + slot]
            # The low half of the bits says whether the slot keeps its own edge.
            if (bits & 0xFFFFFFFF) >= int(record["threshold"]):
                slot = int(record["alias_slot"])
            edges[walk, step] = start + slot
            node = int(records[start + slot]["target"])
            if node == answer or (len(stops) > 0 and stops[node]):
                break
        length[walk] = step + 1
        correct[walk] = node == answer


def accumulate(starts, edges, length, weights, per_step, records, values, seen, rows):
    """Add the weight of every recorded step to its edge, in walk order; note the touched rows.

    ``values`` (edges) and ``seen`` (nodes) come in as zeros; ``rows`` gets the touched nodes in the
    order of their first visit. ``weights`` is flat: one a walk, or with ``per_step`` one a step,
    (walks, max_length). Walks of weight zero are left out.

    Returns
    -------
    int
        How many rows were touched.
    """
    touched = 0
    for walk in range(len(edges)):
        if not per_step and weights[walk] == 0.0:
            continue
        node = int(starts[walk])
        for step in range(int(length[walk])):
            if not seen[node]:
                seen[node] = 1
                rows[touched] = node
                touched += 1
            edge = int(edges[walk, step])
            values[edge] += weights[walk * edges.shape[1] + step] if per_step else weights[walk]
            node = int(records[edge]["target"])
    return touched


def finish_rows(rows, offsets, probability, values):
    """Subtract (sum of the row) · π from each row: the softmax's half of grad log π."""
    for row in rows:
        row_edges = range(int(offsets[row]), int(offsets[row + 1]))
        total = 0.0
        for edge in row_edges:
            total += float(values[edge])
        for edge in row_edges:
            values[edge] -= total * float(probability[edge])


def count_visits(starts, edges, length, records, visits, rows):
    """Add one to ``visits`` of the node that each recorded step leaves; note the nodes, each once.

    Returns
    -------
    int
        How many nodes there are.
    """
    touched = 0
    for walk in range(len(edges)):
        node = int(starts[walk])
        for step in range(int(length[walk])):
            if visits[node] == 0.0:
                rows[touched] = node
                touched += 1
            visits[node] += 1.0
            node = int(records[int(edges[walk, step])]["target"])
    return touched


def add_entropy(rows, offsets, logits, probability, weights, values):
    """Add weights[row] · ∇H of each row to ``values``; ∂H/∂l_e = -π_e (l_e - Σ π l)."""
    for row in rows:
        edges = range(int(offsets[row]), int(offsets[row + 1]))
        mean = 0.0
        for edge in edges:
            mean += float(probability[edge]) * float(logits[edge])
        weight = float(weights[row])
        for edge in edges:
            values[edge] -= weight * float(probability[edge]) * (float(logits[edge]) - mean)


def clear_rows(rows, offsets, values):
    """Set the values of the given rows to zero."""
    for row in rows:
        values[int(offsets[row]) : int(offsets[row + 1])] = 0.0


def ascend_rows(rows, offsets, values, rate, logits):
    """Add rate · values to the logits of the given rows."""
    for row in rows:
        for edge in range(int(offsets[row]), int(offsets[row + 1])):
            logits[edge] += rate * float(values[edge])


def square_sum(rows, offsets, values):
    """Sum of squares over the edges of the given rows."""
    total = 0.0
    for row in rows:
        for edge in range(int(offsets[row]), int(offsets[row + 1])):
            total += float(values[edge]) * float(values[edge])
    return total
