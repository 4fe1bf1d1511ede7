"""A graph of one's own: concepts in cliques, and reasoning that has to cross from one to the next.

$ conet run --set graph.kind=examples/my_graph.py:ring_of_cliques
"""

from typing import Annotated

import numpy as np
from pydantic import Field

from conet.base.errors import ConetError
from conet.network.graph import Graph, from_edges


def ring_of_cliques(nodes: int, degree: int, seed: int, reach: Annotated[int, Field(ge=1)] = 1) -> Graph:
    """Directed ring of cliques of ``degree`` nodes, one edge of each node leading onwards.

    A node leads to the others of its clique and to one random node of the next ``reach`` cliques, so
    every out-degree is ``degree``. The farther two cliques, the longer the shortest walk between them.
    """
    cliques = nodes // degree
    if degree < 2 or nodes % degree or cliques <= reach:
        raise ConetError(
            f"graph.nodes={nodes}, graph.degree={degree}, graph.reach={reach}",
            "nodes a multiple of the degree (2 or more), and more cliques than the reach",
            f"try graph.nodes={max(degree, 2) * max(cliques, reach + 1)}",
        )
    node, place = np.mgrid[:nodes, :degree]
    first = node // degree * degree  # of its clique
    rng = np.random.default_rng(seed)
    sources = np.arange(nodes)
    onwards = first[:, 0] + degree * rng.integers(1, reach + 1, nodes) + rng.integers(0, degree, nodes)
    return from_edges(
        np.concatenate([node.ravel(), sources]),
        np.concatenate([(first + place).ravel(), onwards % nodes]),
        nodes,
    )
