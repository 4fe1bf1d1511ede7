"""The policy: one logit an edge, softmax over the out-edges of a node."""

import numpy as np

from conet.network.graph import Graph


def softmax(logits: np.ndarray, graph: Graph) -> np.ndarray:
    """Probability of each edge at its node.

    Parameters
    ----------
    logits : ndarray of float64, shape (edges,)

    Returns
    -------
    ndarray of float64, shape (edges,)
    """
    starts = graph.offsets[:-1]
    degrees = np.diff(graph.offsets)
    powers = np.exp(logits - np.repeat(np.maximum.reduceat(logits, starts), degrees))
    return powers / np.repeat(np.add.reduceat(powers, starts), degrees)


def entropy(probability: np.ndarray, graph: Graph) -> np.ndarray:
    """Entropy of each node's softmax, in nats, float64, shape (nodes,)."""
    terms = np.zeros_like(probability)
    positive = probability > 0
    terms[positive] = -probability[positive] * np.log(probability[positive])
    return np.add.reduceat(terms, graph.offsets[:-1])
