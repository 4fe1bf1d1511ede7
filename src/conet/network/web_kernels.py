"""Compiled loops over the concept web: components, cycle rank, best edges, entropy.

Arrays and scalars in, arrays filled, nothing raised. A web comes as the sources and targets of its
edges. Indices are unsigned, as in the engine: signed ones cost a wrap-around test at every access.
"""

import numpy as np
from numba import njit, uint64

# Places in what `describe` fills.
ISLANDS, QUESTION_ISLANDS, GIANT, SECOND, NODES, LINKS, COMMITTED = range(7)

NONE = np.uint32(0xFFFFFFFF)
ZERO = np.uint64(0)
ONE = np.uint64(1)


@njit(inline="always")
def find(parent, node):
    """Return the root of a node's tree, halving the path to it (Tarjan and van Leeuwen 1984)."""
    while uint64(parent[node]) != node:
        above = uint64(parent[uint64(parent[node])])
        parent[node] = above
        node = above
    return node


@njit(inline="always")
def leads(source, target, targets, first, following):
    """Whether one of the edges noted so far leads from ``source`` to ``target``."""
    edge = first[source]
    while edge != NONE:
        if uint64(targets[uint64(edge)]) == target:
            return True
        edge = following[uint64(edge)]
    return False


@njit(inline="always")
def join(source, target, parent):
    """Put two nodes into one tree; the smaller root stays, so a component is named by its smallest node."""
    one, other = find(parent, source), find(parent, target)
    if one < other:
        parent[other] = one
    elif other < one:
        parent[one] = other


@njit(cache=True, nogil=True)
def number_components(parent, touched, labels, size, result):
    """Number the trees of touched nodes by smallest node; fill in their sizes and the counts of nodes."""
    for node in range(uint64(parent.size)):
        if touched[node] == 0:
            labels[node] = -1
            continue
        root = find(parent, node)
        if root == node:
            labels[node] = result[ISLANDS]
            result[ISLANDS] += 1
        else:
            labels[node] = labels[root]
        size[uint64(labels[node])] += 1
        result[NODES] += 1


@njit(cache=True, nogil=True)
def count_components(labels, size, questions, result):
    """Fill in the two largest sizes, and how many components hold a question; clears their sizes."""
    for island in range(uint64(result[ISLANDS])):
        if size[island] > result[GIANT]:
            result[SECOND] = result[GIANT]
            result[GIANT] = size[island]
        elif size[island] > result[SECOND]:
            result[SECOND] = size[island]
    for question in questions:
        label = labels[uint64(question)]
        if label >= 0 and size[uint64(label)] > 0:
            size[uint64(label)] = 0
            result[QUESTION_ISLANDS] += 1


@njit(cache=True, nogil=True)
def describe(sources, targets, nodes, questions, labels, result):
    """Find the components of a web and count what it is made of.

    ``labels`` (nodes, int32) gets the component of each node, numbered from 0 by smallest node, and
    -1 where no edge touches the node. ``result`` (7, int64) gets the counts that the constants of
    this module name; LINKS counts i→j and j→i, and doubled edges, once.
    """
    edges = uint64(sources.size)
    parent = np.empty(nodes, np.uint32)
    size = np.zeros(nodes, np.int32)
    first = np.empty(nodes, np.uint32)
    following = np.empty(edges, np.uint32)
    touched = np.zeros(nodes, np.uint8)
    for node in range(uint64(nodes)):
        parent[node] = node
        first[node] = NONE
    result[:] = 0
    for edge in range(edges):
        source, target = uint64(sources[edge]), uint64(targets[edge])
        touched[source], touched[target] = 1, 1
        if first[source] == NONE:
            result[COMMITTED] += 1
        known = leads(target, source, targets, first, following)
        if not known and not leads(source, target, targets, first, following):
            result[LINKS] += 1
        following[edge] = first[source]
        first[source] = edge
        if not known:
            join(source, target, parent)
    number_components(parent, touched, labels, size, result)
    count_components(labels, size, questions, result)


@njit(cache=True, nogil=True)
def edges_above(probability, threshold, edges):
    """Fill in the ids of the edges with π ≥ threshold, without a branch; return how many there are.

    ``edges`` is as long as ``probability``; what lies beyond the count is not defined.
    """
    count = ZERO
    for edge in range(uint64(probability.size)):
        edges[count] = edge
        count += uint64(probability[edge] >= threshold)
    return count


@njit(cache=True, nogil=True)
def edge_sources(edges, offsets, sources):
    """Fill in the node that each edge leaves; ``edges`` ascend, or the row is sought anew."""
    row = ZERO
    for place in range(uint64(edges.size)):
        edge = edges[place]
        if edge < offsets[row]:
            row = ZERO
        while offsets[row + ONE] <= edge:
            row += ONE
        sources[place] = row


@njit(cache=True, nogil=True)
def best_edges(offsets, probability, best):
    """Fill in the edge of the largest π at each node, the first of equals."""
    for row in range(uint64(best.size)):
        start = uint64(offsets[row])
        top = start
        for edge in range(start + ONE, uint64(offsets[row + ONE])):
            if probability[edge] > probability[top]:
                top = edge
        best[row] = top


@njit(cache=True, nogil=True)
def row_entropy(rows, offsets, logits, probability, entropy):
    """Fill in the entropy (nats) of the given rows with one logarithm a row.

    With r an edge of the row's largest probability, log π(e) = l(e) - l(r) + log π(r), so
    H = l(r) - Σ π(e) l(e) - log π(r). The two halves of a row are summed apart, since a chain of
    additions waits for each of them.
    """
    for place in range(uint64(rows.size)):
        row = uint64(rows[place])
        start, end = uint64(offsets[row]), uint64(offsets[row + ONE])
        half = (end - start) >> ONE
        top, total, other = start, 0.0, 0.0
        for edge in range(start, start + half):
            total += probability[edge] * logits[edge]
            other += probability[edge + half] * logits[edge + half]
            if probability[edge] > probability[top]:
                top = edge
            if probability[edge + half] > probability[top]:
                top = edge + half
        last = end - ONE
        if start + half + half < end:
            other += probability[last] * logits[last]
            if probability[last] > probability[top]:
                top = last
        entropy[place] = max(0.0, logits[top] - total - other - np.log(probability[top]))
