"""What checks a search for the ground state: walking along the policy that it found, and an upper bound."""

import numpy as np

from conet.base.errors import ConetError
from conet.network.graph import Graph
from conet.network.problems import Problems


def hops(graph: Graph, problems: Problems, next_node: np.ndarray) -> np.ndarray:
    """Walk every problem along a deterministic policy: the check of a search, which shares nothing with it.

    Parameters
    ----------
    next_node : ndarray of int, shape (nodes,)
        -1 where a walk ends.

    Returns
    -------
    ndarray of int32, shape (M,)
        Hops from question to answer, 0 where the policy does not solve the problem.

    Raises
    ------
    ConetError
        When the policy goes where there is no edge.
    """
    goes = np.flatnonzero(next_node >= 0)
    edges = graph.sources().astype(np.int64) * graph.nodes + graph.targets
    astray = goes[~np.isin(goes * np.int64(graph.nodes) + next_node[goes], edges)]
    if len(astray):
        got = f"a policy that goes from node {astray[0]} to {next_node[astray[0]]}"
        raise ConetError(got, "an edge of the graph", "give a policy of this graph")
    ends = problems.stops(graph.nodes).astype(bool) if problems.stop_at_any_answer else np.zeros(0, bool)
    length = np.zeros(len(problems), np.int32)
    walking, node = np.arange(len(problems)), problems.questions.astype(np.int64)
    for hop in range(1, problems.max_length + 1):
        node = next_node[node].astype(np.int64)
        arrived = node == problems.answers[walking]
        length[walking[arrived]] = hop
        on = ~arrived & (node >= 0)
        if ends.size:
            on &= ~ends[node]
        walking, node = walking[on], node[on]
    return length


def upper_bound(graph: Graph, problems: Problems, unreachable: np.ndarray | None = None) -> int:
    """Return a number of problems that no deterministic policy exceeds.

    A solved problem's walk enters its answer from some node, which goes nowhere else: so different answers
    need different nodes with an edge to them, a matching. Among those of the problems that can be solved at
    all, the most valuable matching counts. (Our choice. A relaxation to flows says no more: with 1/K of the
    policy on every edge, nearly all of the flow arrives at any load.)

    Parameters
    ----------
    unreachable : ndarray of bool, shape (M,)
        Problems that no walk can solve.
    """
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import maximum_bipartite_matching

    wanted = problems.answers if unreachable is None else problems.answers[~unreachable]
    answers, worth = np.unique(wanted, return_counts=True)
    if not len(answers):
        return 0
    row = np.full(graph.nodes, -1)
    order = np.argsort(-worth, kind="stable")  # greedy by worth is best: matched sets form a matroid
    row[answers[order]] = np.arange(len(order))
    enters = row[graph.targets] >= 0
    sources, rows = graph.sources()[enters], row[graph.targets[enters]]
    shape = (len(order), graph.nodes)
    edges = csr_array((np.ones(len(rows), np.int8), (rows, sources)), shape=shape)
    if len(np.unique(worth)) == 1:
        return int(worth[0]) * int((maximum_bipartite_matching(edges, "column") >= 0).sum())
    values, total, before = worth[order], 0, 0
    for value in np.unique(values)[::-1]:  # the rank of a matroid, level by level
        known = int((maximum_bipartite_matching(edges[: int((values >= value).sum())], "column") >= 0).sum())
        total, before = total + int(value) * (known - before), known
    return total
