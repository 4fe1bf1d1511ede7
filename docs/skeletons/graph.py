"""Skeleton of a graph: copy this file, fill in the function, and name it in a config.

$ conet run --set graph.kind=path/to/graph.py:my_graph graph.shortcuts=0.1

The first three arguments are ``graph.nodes``, ``graph.degree`` and the seed of the run. Each further
one is an option of its own, ``graph.<name>``; its annotation decides which values are valid.
"""

from typing import Annotated

import numpy as np
from pydantic import Field

from conet.base.errors import ConetError
from conet.network.graph import Graph, from_edges


def my_graph(
    nodes: int, degree: int, seed: int, shortcuts: Annotated[float, Field(ge=0, le=1)] = 0.0
) -> Graph:
    """Say in one line which graph it is: here a ring, each node leading to the ``degree`` next ones.

    A share ``shortcuts`` of the edges leads to a random node instead.
    """
    # 1. Refuse sizes that the graph cannot have: what was got, what was expected, what to do.
    if degree >= nodes:
        raise ConetError(f"graph.degree={degree}", f"less than graph.nodes={nodes}", "lower the degree")

    # 2. Make the edges. Whatever is random comes from this generator, so that a seed gives one graph.
    rng = np.random.default_rng(seed)
    sources = np.repeat(np.arange(nodes), degree)
    ahead = np.tile(np.arange(1, degree + 1), nodes)
    moved = rng.random(nodes * degree) < shortcuts
    ahead[moved] = rng.integers(1, nodes, moved.sum())

    # 3. Return a graph. Doubled edges and self-loops are dropped; every node needs an out-edge. With
    #    rows of your own, Graph(offsets, targets) takes the arrays directly.
    return from_edges(sources, (sources + ahead) % nodes, nodes)
