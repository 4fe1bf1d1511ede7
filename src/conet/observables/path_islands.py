"""The islands that the paths of committed problems make, against those of random paths of the same lengths.

Where n paths of s nodes each are laid at random on N nodes, two of them touch with a chance of about
(s² - 4)/N (questions and answers are all distinct, so no two of the four ends meet), and while few touch
there are n - n²(s² - 4)/2N islands. That is percolation, without any learning. Islands beyond it are paths
that avoid each other.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from conet.engine.policy import Policy
from conet.network.graph import Graph
from conet.network.problems import Problems
from conet.network.random_paths import random_path
from conet.network.web import Web
from conet.observables.damage import follow
from conet.observables.web import argmax_web

COMMITTED = 0.5  # chance of its best path from which on a problem is committed (our choice)


@dataclass(frozen=True, kw_only=True)
class PathIslands:
    """Islands of the committed problems' paths, and of random paths in their place.

    Attributes
    ----------
    committed : int
        Problems whose best path arrives and is taken with a chance of at least one half.
    islands, largest : int
        Components of the web of these paths, and nodes of the largest.
    random_islands, random_largest : float
        The same, mean over draws, of random paths of the same lengths between the same nodes.
    mean_field : float
        n - Σ over pairs of (sᵢ sⱼ - 4)/N, s being the nodes of a path; the estimate of few paths.
    """

    committed: int
    islands: int
    largest: int
    random_islands: float
    random_largest: float
    mean_field: float


def committed_paths(policy: Policy, problems: Problems) -> dict[int, np.ndarray]:
    """Return the nodes of each committed problem's best path, from question to answer, by problem."""
    best = argmax_web(policy)
    nodes = follow(best.targets, problems)
    moved = nodes[:, 1:] != nodes[:, :-1]
    chance = np.where(moved, policy.probability[best.edges][nodes[:, :-1]], 1.0).prod(axis=1)
    arrived = (nodes[:, -1] == problems.answers) & (chance >= COMMITTED)
    return {int(problem): nodes[problem, : moved[problem].sum() + 1] for problem in np.flatnonzero(arrived)}


def web_of(paths: Sequence[np.ndarray], nodes: int) -> Web:
    """Return the web of all edges on these paths."""
    sources = [path[:-1] for path in paths]
    targets = [path[1:] for path in paths]
    empty = [np.zeros(0, np.int64)]
    return Web.from_edges(np.concatenate(empty + sources), np.concatenate(empty + targets), size=nodes)


def path_islands(
    policy: Policy, problems: Problems, ways: np.ndarray, rng: np.random.Generator, draws: int = 10
) -> PathIslands:
    """Compare the islands of the committed problems' paths with those of random paths.

    Parameters
    ----------
    ways
        Of :func:`conet.network.random_paths.ways` for the problems' answers.
    draws
        Webs of random paths.
    """
    paths, graph = committed_paths(policy, problems), policy.graph
    observed = _size(list(paths.values()), graph.nodes)
    drawn = [_size(random_paths(graph, problems, paths, ways, rng), graph.nodes) for _ in range(draws)]
    means = np.mean(drawn, axis=0)
    sizes = np.array([len(path) for path in paths.values()], np.float64)
    touching = ((sizes.sum() ** 2 - (sizes**2).sum()) / 2 - 2 * len(sizes) * (len(sizes) - 1)) / graph.nodes
    return PathIslands(
        committed=len(paths),
        islands=observed[0],
        largest=observed[1],
        random_islands=float(means[0]),
        random_largest=float(means[1]),
        mean_field=float(len(sizes) - touching),
    )


def random_paths(
    graph: Graph,
    problems: Problems,
    paths: Mapping[int, np.ndarray],
    ways: np.ndarray,
    rng: np.random.Generator,
) -> list[np.ndarray]:
    """Draw a random path in the place of each, of the same length between the same nodes.

    Parameters
    ----------
    paths
        Nodes of a path by problem, as of :func:`committed_paths`.
    ways
        Of :func:`conet.network.random_paths.ways` for the problems' answers.
    """
    return [
        random_path(graph, ways[:, :, problem], int(problems.questions[problem]), len(path) - 1, rng)
        for problem, path in paths.items()
    ]


def _size(paths: Sequence[np.ndarray], nodes: int) -> tuple[int, int]:
    web = web_of(paths, nodes)
    return web.components, int(web.component_sizes.max(initial=0))
