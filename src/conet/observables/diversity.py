"""Diversity: how undecided the policy is, and how many ways it still knows.

Entropies are in nats.
"""

from dataclasses import dataclass

import numpy as np

from conet.engine.gradient import visits
from conet.engine.policy import Network
from conet.engine.sample import Walks
from conet.engine.tables import TablePolicy
from conet.network import web_kernels as kernels
from conet.network.web import Web


def node_entropy(policy: TablePolicy, nodes: np.ndarray | None = None) -> np.ndarray:
    """Entropy of the policy at the given nodes (all where absent), float64, shape (nodes,)."""
    rows = np.arange(policy.graph.nodes, dtype=np.int32) if nodes is None else np.asarray(nodes, np.int32)
    entropy = np.empty(len(rows))
    kernels.row_entropy(rows, policy.graph.offsets, policy.logits, policy.probability, entropy)
    return entropy


def policy_entropy(policy: TablePolicy, nodes: np.ndarray | None = None) -> float:
    """Mean entropy over the given nodes (all where absent); NaN where there are none."""
    entropy = node_entropy(policy, nodes)
    return float(entropy.mean()) if len(entropy) else float("nan")


def traffic_entropy(policy: TablePolicy, traffic: Web) -> float:
    """Mean entropy over the nodes that successful walks leave, each counted once.

    Nodes that no walk leaves keep the entropy of the start; the traffic nodes show the collapse. NaN where
    no walk succeeded.
    """
    return policy_entropy(policy, np.unique(traffic.sources))


def visited_entropy(policy: TablePolicy | Network, walks: Walks) -> float:
    """Mean entropy where walks chose, each hop counted once: what one choice leaves open."""
    if isinstance(policy, Network):
        return policy.mean_entropy(walks)
    counts, nodes = visits(policy, walks)
    return float(np.average(node_entropy(policy, nodes), weights=counts[nodes]))


@dataclass(frozen=True)
class PathDiversity:
    """How many different successful walks each problem has, and how evenly they are used.

    Attributes
    ----------
    correct : ndarray of int64, shape (questions,)
        Successful walks n.
    distinct : ndarray of int64, shape (questions,)
        Different ones among them, D.
    entropy : ndarray of float64, shape (questions,)
        Plug-in entropy of their frequencies; NaN where n = 0. Biased low, by about (paths - 1) / (2 n)
        while n is large against the number of paths, and never above log n.
    entropy_miller_madow : ndarray of float64, shape (questions,)
        The same plus (D - 1) / (2 n) (Miller 1955): removes the first-order bias. Where nearly every
        walk is a new one, both are lower bounds and say little more than log n.
    """

    correct: np.ndarray
    distinct: np.ndarray
    entropy: np.ndarray
    entropy_miller_madow: np.ndarray


def path_diversity(walks: Walks) -> PathDiversity:
    """Count the distinct successful walks of each question; two are the same if all edges are.

    The order is that of ``walks.problems``.
    """
    questions = len(walks.problems)
    group = np.flatnonzero(walks.correct) // walks.rollouts
    paths = np.where(walks.used(), walks.edges, -1)[walks.correct]
    keys, counts = np.unique(np.column_stack([group, paths]), axis=0, return_counts=True)
    owner = keys[:, 0].astype(np.int64)
    correct = np.bincount(group, minlength=questions)
    distinct = np.bincount(owner, minlength=questions)
    share = counts / correct[owner]
    entropy = np.bincount(owner, weights=-share * np.log(share), minlength=questions)
    entropy = np.where(correct > 0, np.maximum(entropy, 0.0), np.nan)
    correction = np.maximum(distinct - 1, 0) / (2 * np.maximum(correct, 1))
    return PathDiversity(correct, distinct, entropy, entropy + correction)
