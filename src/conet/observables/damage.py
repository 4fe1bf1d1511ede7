"""What training on other problems breaks: which edges flip, how important they were, what is cut off.

An edge flips where the best edge of a committed node changes. Whether the flipped edges were special
is decided against edges drawn at random from the same candidates: the best edges of all committed
nodes of the policy before.
"""

from dataclasses import dataclass

import numpy as np

from conet.base.intervals import central
from conet.config.settings import WEB_THRESHOLD
from conet.engine.sample import Walks
from conet.engine.tables import TablePolicy
from conet.network.problems import Problems
from conet.network.web import Web
from conet.observables.web import argmax_web, traffic_counts


@dataclass(frozen=True)
class Flips:
    """The best edges of the committed nodes, before and after.

    Attributes
    ----------
    nodes : ndarray of int32, shape (candidates,)
        Nodes whose best edge had π ≥ threshold before.
    old, new : ndarray of int32, shape (candidates,)
        Their best edges (ids) before and after.
    """

    nodes: np.ndarray
    old: np.ndarray
    new: np.ndarray

    @property
    def flipped(self) -> np.ndarray:
        """Which candidates changed, bool, shape (candidates,)."""
        return self.old != self.new


def find_flips(before: TablePolicy, after: TablePolicy, threshold: float = WEB_THRESHOLD) -> Flips:
    """Compare the best edges of two policies on one graph, at the nodes committed before."""
    old, new = argmax_web(before).edges, argmax_web(after).edges
    nodes = np.flatnonzero(before.probability[old] >= threshold).astype(np.int32)
    return Flips(nodes, old[nodes], new[nodes])


def follow(successor: np.ndarray, problems: Problems, chosen: np.ndarray | None = None) -> np.ndarray:
    """Follow one edge a node from each question, until the walk ends by the rules of the problems.

    Parameters
    ----------
    successor : ndarray of int, shape (nodes,)
        Where the best edge of each node leads.
    chosen : ndarray of int, optional
        Which problems; all where absent.

    Returns
    -------
    ndarray of int64, shape (questions, max_length + 1)
        The nodes passed; the last one is repeated once the walk has ended.
    """
    chosen = np.arange(len(problems)) if chosen is None else chosen
    answers, stops = problems.answers[chosen], problems.stops(len(successor))
    path = np.empty((len(chosen), problems.max_length + 1), np.int64)
    path[:, 0] = problems.questions[chosen]
    ended = np.zeros(len(chosen), bool)
    for step in range(problems.max_length):
        path[:, step + 1] = np.where(ended, path[:, step], successor[path[:, step]])
        ended |= path[:, step + 1] == answers
        if len(stops):
            ended |= stops[path[:, step + 1]] > 0
    return path


def connected(successor: np.ndarray, problems: Problems, chosen: np.ndarray | None = None) -> np.ndarray:
    """Whether the best edges lead from each question to its answer in time, bool, shape (questions,)."""
    answers = problems.answers if chosen is None else problems.answers[chosen]
    return follow(successor, problems, chosen)[:, -1] == answers


def disconnected(
    successor: np.ndarray, problems: Problems, nodes: np.ndarray, targets: np.ndarray
) -> np.ndarray:
    """Count the questions that each flip, alone, cuts off from their answer.

    Parameters
    ----------
    successor : ndarray of int, shape (nodes of the graph,)
        Where the best edges lead before.
    nodes, targets : ndarray of int, shape (flips,)
        The node of each flip, and where its best edge leads afterwards.

    Returns
    -------
    ndarray of int64, shape (flips,)
    """
    path = follow(successor, problems)
    alive = path[:, -1] == problems.answers
    counts = np.zeros(len(nodes), np.int64)
    changed = successor.copy()
    for flip, (node, target) in enumerate(zip(nodes, targets)):
        # Only the questions whose path leaves this node can be hurt; an ended walk leaves nothing.
        passing = np.flatnonzero(alive & (path[:, :-1] == node).any(axis=1) & (problems.answers != node))
        changed[node] = target
        counts[flip] = (~connected(changed, problems, passing)).sum() if len(passing) else 0
        changed[node] = successor[node]
    return counts


def edge_betweenness(web: Web) -> np.ndarray:
    """Count the directed shortest paths of the web through each of its edges, float64, shape (edges,).

    Where several shortest paths join two nodes, each counts for its share.
    """
    import rustworkx

    graph = rustworkx.PyDiGraph()
    graph.add_nodes_from(range(web.size))
    graph.extend_from_edge_list(list(zip(web.sources.tolist(), web.targets.tolist())))
    found = rustworkx.digraph_edge_betweenness_centrality(graph, normalized=False)
    return np.array([found[edge] for edge in range(len(web.edges))])


def against_random(
    values: np.ndarray, chosen: np.ndarray, draws: int = 1000, seed: int = 0
) -> dict[str, float]:
    """Compare the mean over the chosen candidates with that of equally many drawn at random.

    Parameters
    ----------
    values : ndarray of float64, shape (candidates,)
    chosen : ndarray of bool, shape (candidates,)
    draws, seed : int
        Random choices, without replacement.

    Returns
    -------
    dict
        ``mean`` of the chosen; ``random_mean`` (exact), ``low`` and ``high`` (2.5 and 97.5 % of the
        draws); ``p_value``, one-sided: the share of choices, this one included, with a mean at least
        as large. NaN where nothing is chosen.
    """
    count = int(chosen.sum())
    if not count:
        return dict.fromkeys(("mean", "random_mean", "low", "high", "p_value"), float("nan"))
    rng = np.random.default_rng(seed)
    drawn = np.array([values[rng.permutation(len(values))[:count]].mean() for _ in range(draws)])
    mean = values[chosen].mean()
    low, high = central(drawn)
    p_value = (1 + (drawn >= mean - 1e-12 * abs(mean)).sum()) / (1 + draws)
    parts = {"mean": mean, "random_mean": values.mean(), "low": low, "high": high, "p_value": p_value}
    return {name: float(part) for name, part in parts.items()}


def damage(
    before: TablePolicy,
    after: TablePolicy,
    problems: Problems,
    walks: Walks,
    threshold: float = WEB_THRESHOLD,
    draws: int = 1000,
    seed: int = 0,
    taught: Walks | None = None,
) -> dict[str, float | dict[str, float]]:
    """Report what happened to the web between two policies.

    Parameters
    ----------
    before, after
        Policies on the same graph.
    problems
        The questions to keep.
    walks
        Walks of ``before``, for the traffic.
    threshold
        Nodes whose best edge has π ≥ threshold count as committed.
    draws, seed : int
        Random choices of edges to compare with.
    taught
        Walks that ``after`` was taught. With them each comparison has a ``taught_mean`` too: that of all
        candidates at nodes that these walks leave, where alone something can flip.

    Returns
    -------
    dict
        ``candidates`` (committed nodes), ``flips`` and their share ``flipped_share``; ``connected_before``
        and ``connected_after`` (questions whose best edges lead to their answer in time). From
        :func:`against_random`: ``traffic`` (successful walks over the edge), ``betweenness`` (in the
        web of the candidates), ``disconnected`` (questions that the flip alone cuts off; a candidate
        that did not flip is given a random other edge of its node).
    """
    found = find_flips(before, after, threshold)
    flipped = found.flipped
    successor = argmax_web(before).targets
    targets = before.graph.targets.astype(np.int64)
    traffic = np.zeros(before.graph.edges)
    used, counts = traffic_counts(walks)
    traffic[used] = counts
    candidates = Web(
        sources=found.nodes,
        targets=targets[found.old].astype(np.int32),
        edges=found.old,
        size=before.graph.nodes,
    )
    other = np.where(flipped, found.new, _other_edges(before, found, np.random.default_rng(seed)))
    cut_off = disconnected(successor, problems, found.nodes, targets[other])
    at = None if taught is None else np.isin(found.nodes, before.graph.sources()[traffic_counts(taught)[0]])

    def compared(values: np.ndarray) -> dict[str, float]:
        told = against_random(values, flipped, draws, seed)
        return (
            told if at is None else told | {"taught_mean": float(values[at].mean()) if at.any() else np.nan}
        )

    return {
        "candidates": float(len(flipped)),
        "flips": float(flipped.sum()),
        "flipped_share": float(flipped.mean()) if len(flipped) else float("nan"),
        "connected_before": float(connected(successor, problems).sum()),
        "connected_after": float(connected(argmax_web(after).targets, problems).sum()),
        "traffic": compared(traffic[found.old]),
        "betweenness": compared(edge_betweenness(candidates)),
        "disconnected": compared(cut_off.astype(np.float64)),
    }


def _other_edges(policy: TablePolicy, found: Flips, rng: np.random.Generator) -> np.ndarray:
    """Draw for each candidate another edge of its node, or the same where it has no other."""
    starts = policy.graph.offsets[found.nodes]
    degrees = np.diff(policy.graph.offsets)[found.nodes]
    ahead = 1 + rng.integers(0, np.maximum(degrees - 1, 1))
    return starts + (found.old - starts + ahead) % degrees
