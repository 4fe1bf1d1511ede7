"""Random paths of given lengths between given nodes: what webs of paths look like without any learning."""

import numpy as np

from conet.network.graph import Graph

TRIES = 100  # for a path that visits no node twice; on tiny graphs there may be none


def ways(graph: Graph, answers: np.ndarray, longest: int) -> np.ndarray:
    """Count the walks of each number of hops that end at an answer when they first reach it.

    Parameters
    ----------
    graph
    answers : ndarray of int, shape (M,)
    longest
        Hops at most.

    Returns
    -------
    ndarray of float64, shape (longest + 1, nodes, M)
        Walks from a node that arrive at hop 0, 1, … and not before. Exact up to 2⁵³, then rounded.
    """
    from scipy.sparse import csr_array

    matrix = csr_array((np.ones(graph.edges), graph.targets, graph.offsets), shape=(graph.nodes,) * 2)
    found = np.zeros((longest + 1, graph.nodes, len(answers)))
    columns = np.arange(len(answers))
    found[0, answers, columns] = 1.0
    for hops in range(1, longest + 1):
        found[hops] = matrix @ found[hops - 1]
        found[hops, answers, columns] = 0.0  # it would have arrived before
    return found


def geodesics(found: np.ndarray, questions: np.ndarray) -> np.ndarray:
    """Return the hops of the shortest path of each problem, int64, shape (M,); -1 beyond the longest walk.

    Parameters
    ----------
    found
        What :func:`ways` returned for the answers.
    """
    there = found[:, questions, np.arange(len(questions))] > 0
    return np.where(there.any(axis=0), there.argmax(axis=0), -1)


def random_path(
    graph: Graph, found: np.ndarray, question: int, length: int, rng: np.random.Generator
) -> np.ndarray:
    """Draw one of the paths of this length, each equally likely, that visit no node twice.

    Parameters
    ----------
    found : ndarray of float64, shape (longest + 1, nodes)
        The column of :func:`ways` that belongs to the answer; at least one way of this length is there.

    Returns
    -------
    ndarray of int64, shape (length + 1,)
        Nodes from question to answer. After 100 draws that each visit a node twice, the last of them.
    """
    path = np.empty(length + 1, np.int64)
    for _ in range(TRIES):
        path[0] = question
        for hop in range(length):
            node = path[hop]
            out = graph.targets[graph.offsets[node] : graph.offsets[node + 1]]
            chances = np.cumsum(found[length - hop - 1, out])
            path[hop + 1] = out[np.searchsorted(chances, rng.random() * chances[-1], side="right")]
        if len(np.unique(path)) == len(path):
            break
    return path
