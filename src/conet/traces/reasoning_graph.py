"""The measures of *Topology of Reasoning* (Minegishi et al., arXiv 2506.05744): means over rollouts.

There a rollout's graph has the groups that its steps visit as nodes, and its transitions as edges, each as
long as the two steps' embeddings are apart. ``k = 200`` groups of hidden states are taken whatever the texts
are. These measures ask how one path winds; they need no web, and say nothing of whether there is one: see
docs/web.md.
"""

from typing import Any

import numpy as np

K = 200  # groups of the published recipe
SAMPLED = 500  # rollouts that the means are taken over


def measures(
    rollout: np.ndarray, concept: np.ndarray, vectors: np.ndarray, seed: int = 0
) -> dict[str, float]:
    """Return means over rollouts of two steps or more; NaN where there are none.

    Parameters
    ----------
    rollout, concept : ndarray of int64, shape (steps,)
        Those of one rollout together.
    vectors : ndarray of float32, shape (steps, dimensions)
        Embedding of each step.

    Returns
    -------
    dict
        ``cyclic_share`` (of rollouts that come back to a node, staying aside), ``cycles`` (returns to the
        first such node), ``diameter`` (longest shortest path), ``clustering``, ``path_length`` (in edges),
        ``small_world_index`` (clustering over that of a random graph, n nodes of k neighbours: k / (n - 1);
        divided by path length over ln n / ln k), and ``graphs`` (rollouts that were taken).
    """
    starts = np.flatnonzero(np.concatenate([[True], rollout[1:] != rollout[:-1]]))
    ends = np.append(starts[1:], len(rollout))
    long = np.flatnonzero(ends - starts > 1)
    chosen = np.sort(np.random.default_rng(seed).permutation(long)[:SAMPLED])
    found = [of_path(concept[starts[i] : ends[i]], vectors[starts[i] : ends[i]]) for i in chosen]
    names = ("cyclic_share", "cycles", "diameter", "clustering", "path_length", "small_world_index")
    means = {name: _mean([one[name] for one in found]) for name in names}
    return means | {"graphs": float(len(found))}


def of_path(concept: np.ndarray, vectors: np.ndarray) -> dict[str, float]:
    """Return the measures of one rollout; ``small_world_index`` is NaN where its graph is too small."""
    import networkx

    length = np.linalg.norm(np.diff(vectors, axis=0), axis=1)
    graph: Any = networkx.DiGraph()
    for source, target, far in zip(concept[:-1].tolist(), concept[1:].tolist(), length.tolist()):
        if source != target:
            far = min(far, graph[source][target]["far"]) if graph.has_edge(source, target) else far
            graph.add_edge(source, target, far=far)
    cycles = returns(concept)
    shape = {"clustering": 0.0, "path_length": np.nan, "small_world_index": np.nan}
    diameter = 0.0
    if len(graph):
        paths = dict(networkx.all_pairs_dijkstra_path_length(graph, weight="far"))
        diameter = max(max(ends.values()) for ends in paths.values())
        shape = _shape(graph.to_undirected())
    return {"cyclic_share": float(cycles > 0), "cycles": float(cycles), "diameter": diameter} | shape


def returns(concept: np.ndarray) -> int:
    """Count how often a path comes back to the first node that it comes back to; staying is no return."""
    moves = concept[np.concatenate([[True], concept[1:] != concept[:-1]])].tolist()
    seen: set[int] = set()
    for node in moves:
        if node in seen:
            return moves.count(node) - 1
        seen.add(node)
    return 0


def _shape(graph: Any) -> dict[str, float]:
    """Clustering, path length and small-world index of an undirected graph."""
    import networkx

    nodes = len(graph)
    neighbours = 2 * graph.number_of_edges() / nodes
    clustering = float(networkx.average_clustering(graph))
    path_length = float(networkx.average_shortest_path_length(graph))
    known = nodes > 3 and neighbours > 1
    chance = (neighbours / (nodes - 1)) * path_length * np.log(neighbours) / np.log(nodes) if known else 0.0
    index = clustering / chance if chance else np.nan
    return {"clustering": clustering, "path_length": path_length, "small_world_index": index}


def _mean(values: list[float]) -> float:
    known = [value for value in values if np.isfinite(value)]
    return float(np.mean(known)) if known else float("nan")
