"""Compiled search for a deterministic policy that solves many problems: cheap paths, broken and laid anew.

A deterministic policy is one next node of every node. What a search has is kept in arrays that it changes in
place, so that it can be written down and gone on with: ``next_node`` (nodes, -1: free), ``load`` (nodes,
solved problems that leave a node), ``path`` (problems, max_length + 1), ``length`` (problems; hops of the
path, 0: unsolved, -1: no walk can solve it), ``generator`` (1, SplitMix64) and ``tally`` (moves made, solved
now, most ever solved, the move that first had it). ``best_next`` is the policy that solved most.
"""

import numpy as np
from numba import njit

from conet.engine.kernels import GOLDEN, mix

# Costs of a hop of a new path. Found by trial; the result depends little on them.
HOP = 0.1  # of every hop: short paths block fewer others
KEEP = 0.3  # where the node goes that way already
LEAVE = 1.0  # where it is free, and of each solved problem whose path leaves the node otherwise
WARMTH = 0.5  # of Metropolis' rule, in problems
TURN = 0.3  # share of the moves that turn one node: plain annealing, a way out of dead ends on tiny graphs

MADE, SOLVED, MOST, WHEN = 0, 1, 2, 3  # places in the tally
FAR = np.inf


@njit(cache=True, nogil=True)
def draw(generator):
    """Return the next number of the generator, float64 in [0, 1)."""
    generator[0] += GOLDEN
    return (mix(generator[0]) >> np.uint64(11)) * (1.0 / 9007199254740992.0)


@njit(cache=True, nogil=True)
def push(costs, nodes, size, cost, node):
    """Put a node on a binary heap of so many; return how many there are now."""
    place = size
    while place > 0:
        above = (place - 1) >> 1
        if costs[above] <= cost:
            break
        costs[place], nodes[place] = costs[above], nodes[above]
        place = above
    costs[place], nodes[place] = cost, node
    return size + 1


@njit(cache=True, nogil=True)
def pop(costs, nodes, size):
    """Take the cheapest node off the heap; return it, and how many are left."""
    node, size = nodes[0], size - 1
    cost, last, place = costs[size], nodes[size], 0
    while True:
        below = 2 * place + 1
        if below >= size:
            break
        if below + 1 < size and costs[below + 1] < costs[below]:
            below += 1
        if costs[below] >= cost:
            break
        costs[place], nodes[place] = costs[below], nodes[below]
        place = below
    costs[place], nodes[place] = cost, last
    return node, size


@njit(cache=True, nogil=True)
def follow(next_node, stops, question, answer, max_length, path):
    """Walk as the policy goes; return the hops to the answer, 0 where it is not reached.

    ``path`` gets the nodes.
    """
    node = path[0] = question
    for hop in range(1, max_length + 1):
        node = next_node[node]
        if node < 0:
            return 0
        path[hop] = node
        if node == answer:
            return hop
        if stops.size > 0 and stops[node] > 0:
            return 0
    return 0


@njit(cache=True, nogil=True)
def find_path(network, ends, max_length, next_node, load, generator, scratch, path):
    """Find a cheap path from question to answer; return its hops, 0 where there is none.

    Without a ``generator`` (size 0) every hop costs the same, and the path is a shortest one.
    """
    offsets, targets, stops = network
    question, answer = ends
    cost, before, hops, heap_costs, heap_nodes = scratch
    cost[:] = FAR
    cost[question], hops[question] = 0.0, 0
    size = push(heap_costs, heap_nodes, 0, 0.0, question)
    while size > 0:
        node, size = pop(heap_costs, heap_nodes, size)
        if node == answer:
            break
        if hops[node] < 0 or hops[node] >= max_length or (stops.size and stops[node] and node != question):
            continue
        reach = hops[node]
        hops[node] = -1 - reach  # settled: what is left of it on the heap is passed over
        price = LEAVE * (1.0 + draw(generator)) if generator.size else 0.0
        for edge in range(offsets[node], offsets[node + 1]):
            there = targets[edge]
            step = 1.0
            if generator.size:
                if load[node] == 0:
                    step = HOP + price * (0.5 + draw(generator))
                elif next_node[node] == there:
                    step = HOP + KEEP
                else:
                    step = HOP + price * (1.0 + load[node])
            if cost[node] + step < cost[there]:
                cost[there], before[there], hops[there] = cost[node] + step, node, reach + 1
                size = push(heap_costs, heap_nodes, size, cost[there], there)
    if cost[answer] == FAR:
        return 0
    return _trace(question, answer, before, path)


@njit(cache=True, nogil=True)
def _trace(question, answer, before, path):
    """Write the path that ends at the answer, from its beginning; return its hops."""
    count, node = 0, answer
    while node != question:
        count, node = count + 1, before[node]
    node = answer
    for place in range(count, -1, -1):
        path[place] = node
        node = before[node]
    return count


@njit(cache=True, nogil=True)
def _route(problem, found, hops, path, length, load):
    """Give a problem another path (0 hops: none); the load of the nodes follows."""
    for place in range(length[problem]):
        load[path[problem, place]] -= 1
    for place in range(hops):
        load[found[place]] += 1
    path[problem, : hops + 1] = found[: hops + 1]
    length[problem] = hops


@njit(cache=True, nogil=True)
def _crosses(changed, path, length):
    """Whether a path leaves a node that goes another way now."""
    return np.any(changed[path[:length]])


@njit(cache=True, nogil=True)
def lay(hops, network, asked, max_length, state, changed, undo):
    """Let the policy go along a new path, ``undo``'s first row, and see what becomes of the other problems.

    Returns
    -------
    int
        How many problems were given another path, whose old ones are in ``undo``.
    """
    stops, (questions, answers) = network[2], asked
    next_node, load, path, length = state
    found, old_next, touched, old_path, old_length = undo
    for place in range(hops):
        node = found[place]
        old_next[place] = next_node[node]
        changed[node] = next_node[node] != found[place + 1]
        next_node[node] = found[place + 1]
    count = 0
    walk = np.empty(max_length + 1, np.int32)
    for other in range(questions.size):
        if length[other] < 0 or (length[other] > 0 and not _crosses(changed, path[other], length[other])):
            continue
        reached = follow(next_node, stops, questions[other], answers[other], max_length, walk)
        if reached or length[other]:
            touched[count], old_length[count] = other, length[other]
            old_path[count] = path[other]
            _route(other, walk, reached, path, length, load)
            count += 1
    for place in range(hops):
        changed[found[place]] = 0
    return count


@njit(cache=True, nogil=True)
def take_back(hops, count, state, undo):
    """Restore policy and paths as they were before :func:`lay`."""
    next_node, load, path, length = state
    found, old_next, touched, old_path, old_length = undo
    for place in range(hops):
        next_node[found[place]] = old_next[place]
    for place in range(count):
        _route(touched[place], old_path[place], old_length[place], path, length, load)


@njit(cache=True, nogil=True)
def _pick(length, generator):
    """Choose an unsolved problem that can be solved."""
    count = 0
    for hops in length:
        count += hops == 0
    skip = int(draw(generator) * count)
    for problem in range(length.size):
        if length[problem] == 0:
            if skip == 0:
                return problem
            skip -= 1
    return -1


@njit(cache=True, nogil=True)
def _turn(offsets, targets, generator, path):
    """Choose a node and where it goes instead, as a path of one hop."""
    node = int(draw(generator) * (offsets.size - 1))
    path[0] = node
    path[1] = targets[offsets[node] + int(draw(generator) * (offsets[node + 1] - offsets[node]))]
    return 1


@njit(cache=True, nogil=True)
def _propose(network, asked, max_length, state, generator, scratch, path):
    """Write down a path that the policy might go along; return its hops, 0 where a problem has none."""
    offsets, targets, _ = network
    questions, answers = asked
    next_node, load, _, length = state
    if draw(generator) < TURN:
        return _turn(offsets, targets, generator, path)
    problem, alike = _pick(length, generator), np.empty(0, np.uint64)
    ends = (questions[problem], answers[problem])
    hops = find_path(network, ends, max_length, next_node, load, generator, scratch, path)
    if hops == 0:  # the cheapest may be too long where a short one is dear
        hops = find_path(network, ends, max_length, next_node, load, alike, scratch, path)
    if hops == 0:
        length[problem] = -1
    return hops


@njit(cache=True, nogil=True)
def _gain(count, length, undo):
    """Return how many more problems are solved than before :func:`lay`."""
    gain = 0
    for place in range(count):
        gain += int(length[undo[2][place]] > 0) - int(undo[4][place] > 0)
    return gain


@njit(cache=True, nogil=True)
def search(network, asked, max_length, state, best_next, generator, tally, moves):
    """Make so many moves; fewer where all that can be solved is solved.

    Most moves take an unsolved problem at random and find it a cheap path; the others turn one node. The
    policy is laid along it, and that is kept by the rule of Metropolis et al. (1953) in the number of solved
    problems.
    """
    nodes, edges, problems = network[0].size - 1, network[1].size, asked[0].size
    next_node, _, _, length = state
    scratch = (
        np.empty(nodes),
        np.zeros(nodes, np.int32),
        np.zeros(nodes, np.int32),
        np.empty(edges + 2),
        np.empty(edges + 2, np.int32),
    )
    undo = (
        np.empty(max_length + 1, np.int32),
        np.empty(max_length + 1, np.int32),
        np.empty(problems, np.int32),
        np.empty((problems, max_length + 1), np.int32),
        np.empty(problems, np.int32),
    )
    changed = np.zeros(nodes, np.bool_)
    for _ in range(moves):
        if np.all(length != 0):
            return
        tally[MADE] += 1
        hops = _propose(network, asked, max_length, state, generator, scratch, undo[0])
        count = lay(hops, network, asked, max_length, state, changed, undo)
        gain = _gain(count, length, undo)
        if gain < 0 and draw(generator) >= np.exp(gain / WARMTH):
            take_back(hops, count, state, undo)
            continue
        tally[SOLVED] += gain
        if tally[SOLVED] > tally[MOST]:
            tally[MOST], tally[WHEN] = tally[SOLVED], tally[MADE]
            best_next[:] = next_node
