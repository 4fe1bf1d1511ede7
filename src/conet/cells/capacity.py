"""How many problems one policy can solve, at growing load: the ground state of one graph after the other."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from conet.cells.cell import Arrays, Cell
from conet.config import preset
from conet.engine.ground_state import ground_state
from conet.network import graph as graphs
from conet.network import problems as problem_sets
from conet.network.graph import Graph
from conet.network.problems import Problems

LOADS = tuple(step / 20 for step in range(1, 11))  # problems a node; at 0.5 every node is in a problem
LEAST_SOLVED = 0.8  # of the problems: heavier loads are not tried once fewer are solved


def cell(seed: int, changes: Mapping[str, Any]) -> Cell:
    """Return the cell of one graph (see :func:`loaded`)."""
    return Cell("conet.cells.capacity:loaded", {"seed": seed, "changes": dict(changes)})


def loaded(seed: int, changes: Mapping[str, Any]) -> Arrays:
    """Search for the ground state at every load, on one graph.

    Returns
    -------
    dict of arrays
        ``share`` of :data:`LOADS`: the share of the problems within reach that is solved, NaN where it was
        not tried; ``gap`` likewise: what the bound leaves open; ``distance``: mean number of hops of the
        shortest paths from question to answer, over all problems of the heaviest load.
    """
    share, gap = np.full(len(LOADS), np.nan), np.full(len(LOADS), np.nan)
    config = preset("reference").override({**changes, "seed": seed})
    graph = graphs.build(config.graph, seed)
    nodes = graph.nodes
    for place, load in enumerate(LOADS):
        changed = config.override({"problems.count": round(load * nodes)})
        problems = problem_sets.make(changed.problems, nodes, seed)
        found = ground_state(graph, problems, seed=seed)
        share[place], gap[place] = found.solved / max(1, len(problems) - found.unreachable), found.gap
        if share[place] < LEAST_SOLVED:
            break
    most = config.override({"problems.count": nodes // 2})
    pairs = problem_sets.make(most.problems, nodes, seed)
    return {"share": share, "gap": gap, "distance": np.array(mean_distance(graph, pairs))}


def mean_distance(graph: Graph, problems: Problems) -> float:
    """Return the mean number of hops from question to answer on shortest paths, where there is one."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import dijkstra

    shape = (graph.nodes, graph.nodes)
    targets = np.ascontiguousarray(graph.targets, np.int32)
    edges = csr_array((np.ones(graph.edges), targets, graph.offsets), shape=shape)
    hops = dijkstra(edges, indices=problems.questions, unweighted=True)
    found = hops[np.arange(len(problems)), problems.answers]
    return float(found[np.isfinite(found)].mean())
