"""Compiled loops of the absorbing chain: what walks do on average, without sampling one.

Arrays and scalars in, arrays filled, nothing raised. Questions are solved in blocks of eight, side by
side (see :mod:`conet.engine.lane_kernels`).

Names: ``f_t(i)`` is the probability of being at node i after t hops without having ended, and
``b_k(i)`` that of reaching the answer from i within k further hops.
"""

import numpy as np
from numba import njit

from conet.engine.lane_kernels import LANES, NEVER, carry, remember


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
        carry(offsets, targets, probability, now, later, since, step - 1)
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
    offsets,
    sources,
    probability,
    stops,
    questions,
    answers,
    steps,
    now,
    later,
    since,
    history,
    places,
    arrived,
    stopped,
):
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
        carry(offsets, sources, probability, now, later, since, step - 1)
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
    offsets,
    sources,
    probability,
    stops,
    questions,
    answers,
    max_length,
    first,
    last,
    lengths,
    stopped,
    truncated,
):
    """Fill the length distribution and both kinds of failure of questions ``first`` to ``last``."""
    nodes = offsets.size - 1
    now, later = np.empty(nodes * LANES), np.empty(nodes * LANES)
    since, no_history = np.empty(nodes, np.int32), np.empty(0)
    for start in range(first, last, LANES):
        end = min(start + LANES, last)
        left = forward(
            offsets,
            sources,
            probability,
            stops,
            questions[start:end],
            answers[start:end],
            max_length,
            now,
            later,
            since,
            no_history,
            0,
            lengths[start:end],
            stopped[start:end],
        )
        for node in range(nodes):
            for lane in range(end - start):
                truncated[start + lane] += left[node * LANES + lane]
