"""Which problems to heat on and what to teach: the one place, for walks and language models."""

from typing import TYPE_CHECKING, Literal

import numpy as np

from conet.engine.sample import Walks
from conet.engine.tables import Policy
from conet.model.graph import Graph
from conet.model.tasks import Tasks

if TYPE_CHECKING:
    from scipy.sparse import csr_array

Pick = Literal["shortest", "first", "newest", "random"]


def hard_problems(
    correct: np.ndarray, samples: np.ndarray, below: float = 0.1, at_least: int = 64
) -> np.ndarray:
    """Select the problems that are nearly lost: rarely solved, but not never.

    Parameters
    ----------
    correct, samples : ndarray of int, shape (problems,)
        Correct samples and samples of each problem.
    below
        Accuracy threshold; a problem qualifies strictly below it (0.1 in the paper).
    at_least
        Fewest samples on which a problem can qualify (our choice; with 8 the smallest non-zero
        accuracy is 0.125, so no problem could).

    Returns
    -------
    ndarray of int
        Indices of the problems.
    """
    accuracy = correct / np.maximum(samples, 1)
    return np.flatnonzero((samples >= at_least) & (correct >= 1) & (accuracy < below))


def choose(
    candidates: np.ndarray, length: np.ndarray, order: np.ndarray, pick: Pick, rng: np.random.Generator
) -> int:
    """Choose which correct sample of one problem to teach.

    Parameters
    ----------
    candidates : ndarray of int
        Indices of the problem's correct samples; at least one.
    length, order : ndarray
        Length of every sample, and when it was drawn (larger is newer).
    pick
        "shortest" (ties: the earliest), "first", "newest" or "random".
    rng
        Used by "random" alone.
    """
    if pick == "random":
        return int(rng.choice(candidates))
    keys = {
        "shortest": (order[candidates], length[candidates]),
        "first": (order[candidates],),
        "newest": (-order[candidates],),
    }
    return int(candidates[np.lexsort(keys[pick])[0]])


def demonstrations(walks: Walks, below: float, pick: Pick, seed: int, at_least: int = 64) -> Walks:
    """Select hard problems from harvested walks, and one correct walk of each to teach.

    Parameters
    ----------
    walks
        Harvested walks; ``below=inf`` takes every problem with a correct walk.

    Returns
    -------
    Walks
        One walk a chosen problem; none where no problem qualifies.
    """
    correct = walks.correct.reshape(-1, walks.rollouts)
    samples = np.full(len(correct), walks.rollouts)
    rng = np.random.default_rng([seed, 2])
    chosen = []
    order = np.arange(len(walks.length))
    for row in hard_problems(correct.sum(axis=1), samples, below, at_least):
        candidates = row * walks.rollouts + np.flatnonzero(correct[row])
        chosen.append(choose(candidates, walks.length, order, pick, rng))
    return walks.select(np.array(chosen, dtype=np.int64))


def shortest_walks(policy: Policy, tasks: Tasks) -> Walks:
    """Return a shortest walk for every question that has one within the longest walk.

    Where walks end at any answer, none of these passes another question's answer.
    """
    from scipy.sparse.csgraph import breadth_first_order

    graph = policy.graph
    closed = tasks.stops(graph.nodes).astype(bool)
    passable = _passable(graph, closed)
    problems, edges, lengths = [], [], []
    for problem, (question, answer) in enumerate(zip(tasks.questions, tasks.answers)):
        matrix = passable
        if closed.size and closed[question]:  # a walk may leave the node where it starts
            matrix = _passable(graph, closed & (np.arange(graph.nodes) != question))
        _, before = breadth_first_order(matrix, question, return_predecessors=True)
        path = _path(graph, before, int(question), int(answer))
        if path and len(path) <= tasks.max_length:
            problems.append(problem)
            lengths.append(len(path))
            edges.append(np.pad(np.array(path, np.int32), (0, tasks.max_length - len(path))))
    chosen = np.array(problems, np.int32)
    return Walks(
        chosen, tasks.questions[chosen], np.array(edges, np.int32).reshape(-1, tasks.max_length),
        np.array(lengths, np.int32), np.ones(len(chosen), np.bool_), 1,
    )  # fmt: skip


def _passable(graph: Graph, closed: np.ndarray) -> "csr_array":
    """Return the adjacency matrix without the edges that leave a closed node."""
    from scipy.sparse import csr_array

    degrees = np.diff(graph.offsets)
    targets = np.ascontiguousarray(graph.targets, np.int32)
    if closed.size:
        targets = targets[np.repeat(~closed, degrees)]
        degrees = np.where(closed, 0, degrees)
    offsets = np.concatenate([[0], np.cumsum(degrees)])
    return csr_array((np.ones(len(targets), np.int8), targets, offsets), shape=(graph.nodes,) * 2)


def _path(graph: Graph, before: np.ndarray, question: int, answer: int) -> list[int]:
    """Edge ids from question to answer along the predecessors, or nothing."""
    path: list[int] = []
    node = answer
    while node != question:
        source = int(before[node])
        if source < 0:
            return []
        start = int(graph.offsets[source])
        row = graph.targets[start : int(graph.offsets[source + 1])]
        path.append(start + int(np.flatnonzero(row == node)[0]))
        node = source
    return path[::-1]
