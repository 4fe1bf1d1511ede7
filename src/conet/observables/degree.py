"""Effective out-degree: between how many edges the policy still wavers where successful walks go."""

import numpy as np

from conet.engine.softmax import entropy
from conet.network.graph import Graph


def effective_out_degree(graph: Graph, probability: np.ndarray, flow: np.ndarray) -> float:
    """Mean over nodes of exp(entropy of π), weighted by how often successful walks leave the node.

    On a graph whose nodes have K out-edges it is exactly K at the uniform policy, and one where every
    node in use has a single way on. Unlike the mean degree of a web it has no threshold, and does not
    come out near two by counting alone (our choice).

    Parameters
    ----------
    graph
        The concept network.
    probability : ndarray of float64, shape (edges,)
        The policy's π.
    flow : ndarray of float64, shape (edges,)
        Passes of successful walks: exact, from :func:`conet.engine.exact.flow`, or counted.

    Returns
    -------
    float
        NaN where no walk succeeds.
    """
    visits = np.add.reduceat(flow, graph.offsets[:-1])
    total = visits.sum()
    return float(visits @ np.exp(entropy(probability, graph)) / total) if total > 0 else float("nan")
