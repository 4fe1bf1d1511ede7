"""How Markov a policy is, from its own probabilities: what it still knows of problem and history at a node.

A policy that looks at the node alone has one distribution over next hops a node. One that reads problem and
path may have another in every context. The measures are sums over the contexts that walks visited, each as
often as it was visited, of the policy's own distributions (given that the move is legal), so that no entropy
is estimated from what was drawn. Only the weights of the contexts are: where a node was seen in few contexts,
the information is low by what was not seen. Nats.
"""

from dataclasses import dataclass

import numpy as np

from conet.engine.policy import Policy
from conet.engine.sample import Walks

SAME = 0.1  # total variation below which two contexts predict the same (our choice)


@dataclass(frozen=True, kw_only=True)
class Markov:
    """How Markov a policy is.

    Attributes
    ----------
    given_node, given_problem, given_history : float
        H(next | node), H(next | node, problem) and H(next | node, problem, history), means over the visits.
    problem, history : float
        I(next; problem | node) and I(next; history | node, problem): their differences.
    degree, context_degree : float
        Effective out-degree of a node and of a context: exp of the first and of the last entropy.
    states : float
        Predictive states of a node: contexts grouped by what they predict, the exponential of the entropy of
        their visits; the mean over the visits of nodes.
    problems : float
        The same for the problems that visit a node: what ``states`` would be if each had its own.
    illegal : float
        Probability of an illegal move.
    contexts, nodes : int
        How many different ones were visited.
    """

    given_node: float
    given_problem: float
    given_history: float
    problem: float
    history: float
    degree: float
    context_degree: float
    states: float
    problems: float
    illegal: float
    contexts: int
    nodes: int


def markov(policy: Policy, walks: Walks) -> Markov:
    """Measure how Markov a policy is where walks chose.

    Parameters
    ----------
    policy
        Its own distributions count; the walks say which contexts, and how often.
    walks
        Walks of this policy.
    """
    chose = walks.choices()
    legal, illegal = (part[chose] for part in policy.next_hops(walks))
    keys = _keys(policy, walks, chose)  # columns: node, problem, path
    contexts, first, _, times = np.unique(
        keys, axis=0, return_index=True, return_inverse=True, return_counts=True
    )
    hops, weight = legal[first], times / times.sum()
    levels = [_mixed(hops, weight, contexts[:, :columns]) for columns in (1, 2)]
    entropies = [float(np.sum(share * _entropy(mixed))) for mixed, share in levels]
    entropies.append(float(np.sum(weight * _entropy(hops))))
    states = predictive_states(hops, contexts[:, 0])
    return Markov(
        given_node=entropies[0],
        given_problem=entropies[1],
        given_history=entropies[2],
        problem=max(0.0, entropies[0] - entropies[1]),
        history=max(0.0, entropies[1] - entropies[2]),
        degree=float(np.exp(entropies[0])),
        context_degree=float(np.exp(entropies[2])),
        states=effective_labels(contexts[:, 0], states, weight),
        problems=effective_labels(contexts[:, 0], contexts[:, 1], weight),
        illegal=float(illegal.mean()),
        contexts=len(contexts),
        nodes=len(np.unique(contexts[:, 0])),
    )


def predictive_states(hops: np.ndarray, nodes: np.ndarray, same: float = SAME) -> np.ndarray:
    """Group the contexts of each node by what they predict.

    Parameters
    ----------
    hops : ndarray of float64, shape (contexts, degree)
        Distribution over the next hops.
    nodes : ndarray of int, shape (contexts,)
    same
        A context joins the first group of its node whose first context is nearer, in total variation.

    Returns
    -------
    ndarray of int64, shape (contexts,)
        Number of the group among those of its node.
    """
    found = np.zeros(len(nodes), np.int64)
    for node in np.unique(nodes):
        rows, count = np.flatnonzero(nodes == node), 0
        left = np.ones(len(rows), bool)
        while left.any():
            centre = hops[rows[left.argmax()]]
            near = left & (0.5 * np.abs(hops[rows] - centre).sum(axis=1) < same)
            found[rows[near]] = count
            left &= ~near
            count += 1
    return found


def _keys(policy: Policy, walks: Walks, chose: np.ndarray) -> np.ndarray:
    """Return node, problem and path so far of every choice, int64, shape (choices, 2 + max_length)."""
    hop = np.arange(chose.shape[1])
    edges, nodes = np.where(walks.used(), walks.edges, 0), walks.nodes(policy.graph.targets)
    before = np.where(hop[None, None, :] < hop[None, :, None], edges[:, None, :].astype(np.int64), -1)
    problem = np.broadcast_to(walks.problem[:, None].astype(np.int64), chose.shape)
    return np.column_stack([nodes[chose], problem[chose], before[chose]])


def _mixed(hops: np.ndarray, weight: np.ndarray, groups: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean distribution of each group of contexts, and its share of the visits."""
    different, of = np.unique(groups, axis=0, return_inverse=True)
    sums, share = np.zeros((len(different), hops.shape[1])), np.zeros(len(different))
    np.add.at(sums, of.reshape(-1), hops * weight[:, None])
    np.add.at(share, of.reshape(-1), weight)
    return sums / share[:, None], share


def _entropy(hops: np.ndarray) -> np.ndarray:
    """Entropy of each row, in nats."""
    return -np.sum(hops * np.log(np.maximum(hops, np.finfo(float).tiny)), axis=1)


def effective_labels(nodes: np.ndarray, labels: np.ndarray, weight: np.ndarray) -> float:
    """Return the mean over visits of a node's effective number of labels, exp of their entropy.

    Parameters
    ----------
    nodes, labels : ndarray of int, shape (contexts,)
        Where each context stands, and its label there.
    weight : ndarray of float64, shape (contexts,)
        Its share of the visits.
    """
    different, of = np.unique(np.column_stack([nodes, labels]), axis=0, return_inverse=True)
    share = np.bincount(of.reshape(-1), weights=weight)
    total = np.bincount(different[:, 0], weights=share)
    inside = share / total[different[:, 0]]
    entropy = np.bincount(different[:, 0], weights=-inside * np.log(inside))
    return float(np.sum(total * np.exp(entropy)))
