"""The scale of the weight of an entropy bonus at which a run ceases to order, before it has begun."""

import numpy as np

from conet.engine import exact
from conet.engine.tables import TablePolicy
from conet.network.graph import Graph
from conet.network.problems import Problems

MOST = 256  # problems that are solved for the accuracy


def mean_field(graph: Graph, problems: Problems, rollouts: int) -> float:
    """Return √(G-1) p / (1 + M L/N): the scale of the weight above which the uniform policy does not order.

    Where rollouts are rarely correct (accuracy p), a correct one is alone in its group of G and has the
    advantage √(G-1). So a question's node is pulled towards the right edge by √(G-1) p for each of its
    rollouts. The entropy pulls it back at every visit: its own, and those of the M walks that wander L hops
    over N nodes, M L/N of them. Order begins where the first exceeds the second, but for a factor of
    order one, from logarithms of how far the policy is from uniform. (Our derivation.)

    Parameters
    ----------
    graph, problems
        Where the walks go.
    rollouts
        G.

    Notes
    -----
    p is the exact accuracy of the uniform policy on the first :data:`MOST` problems.
    """
    chosen = range(min(len(problems), MOST))
    accuracy = exact.solve(TablePolicy(graph), problems, chosen=chosen).success.mean()
    visits = 1.0 + len(problems) * problems.max_length / graph.nodes
    return float(np.sqrt(rollouts - 1) * accuracy / visits)
