"""Demonstrations for supervised training, as walks: of hard problems, or shortest paths."""

from typing import TYPE_CHECKING

import numpy as np

from conet.config import ScheduleSettings
from conet.engine.sample import Walks
from conet.engine.tables import TablePolicy
from conet.network.graph import Graph
from conet.network.problems import Problems
from conet.rollouts import count_walks
from conet.rollouts.selection import Pick, choose, hard_problems

if TYPE_CHECKING:
    from scipy.sparse import csr_array

    from conet.learners import Learner
    from conet.runs.schedule import Phase


def kind_of(phase: "Phase", learner: "Learner") -> str:
    """Return of what a phase learns: what it says, or else its learner, or else shortest walks."""
    return phase.demonstrations or str(getattr(learner, "demonstrations", "shortest"))


def settings_of(kind: str) -> set[str]:
    """Return the settings of ``schedule`` that decide on demonstrations of a kind."""
    if kind in ("shortest", "seen"):
        return {"max_accuracy"} if kind == "seen" else set()
    return {"harvest_samples"} if kind == "random" else {"harvest_samples", "max_accuracy", "pick"}


def demonstrations(walks: Walks, max_accuracy: float, pick: Pick, seed: int, min_samples: int = 64) -> Walks:
    """Select hard problems from harvested walks, and one correct walk of each to learn.

    Parameters
    ----------
    walks
        Harvested walks; ``max_accuracy=inf`` takes every problem with a correct walk.

    Returns
    -------
    Walks
        One walk a chosen problem; none where no problem qualifies.
    """
    correct, counts = walks.correct.reshape(-1, walks.rollouts), count_walks(walks)
    rng = np.random.default_rng([seed, 2])
    chosen = []
    order = np.arange(len(walks.length))
    for row in hard_problems(counts.correct_count, counts.samples, max_accuracy, min_samples):
        candidates = row * walks.rollouts + np.flatnonzero(correct[row])
        chosen.append(choose(candidates, walks.length, order, pick, rng))
    return walks.select(np.array(chosen, dtype=np.int64))


def harvested(walks: Walks, settings: ScheduleSettings, kind: str, seed: int) -> Walks:
    """Select demonstrations from harvested walks: of "hard" problems, or of each the first correct walk."""
    if kind == "hard":
        return demonstrations(walks, settings.max_accuracy, settings.pick, seed)
    return demonstrations(walks, np.inf, "first", seed)


def shortest_walks(policy: TablePolicy, problems: Problems) -> Walks:
    """Return a shortest walk for every question that has one within the longest walk.

    Where walks end at any answer, none of these passes another question's answer.
    """
    from scipy.sparse.csgraph import breadth_first_order

    graph = policy.graph
    closed = problems.stops(graph.nodes).astype(bool)
    passable = _passable(graph, closed)
    numbers, edges, lengths = [], [], []
    for problem, (question, answer) in enumerate(zip(problems.questions, problems.answers)):
        matrix = passable
        if closed.size and closed[question]:  # a walk may leave the node where it starts
            matrix = _passable(graph, closed & (np.arange(graph.nodes) != question))
        _, before = breadth_first_order(matrix, question, return_predecessors=True)
        path = _path(graph, before, int(question), int(answer))
        if path and len(path) <= problems.max_length:
            numbers.append(problem)
            lengths.append(len(path))
            edges.append(np.pad(np.array(path, np.int32), (0, problems.max_length - len(path))))
    chosen = np.array(numbers, np.int32)
    return Walks(
        problems=chosen,
        starts=problems.questions[chosen],
        edges=np.array(edges, np.int32).reshape(-1, problems.max_length),
        length=np.array(lengths, np.int32),
        correct=np.ones(len(chosen), np.bool_),
        rollouts=1,
    )


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
