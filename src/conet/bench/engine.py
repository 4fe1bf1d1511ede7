"""What is measured of CoNet itself: sampling, and whole updates."""

import copy
from dataclasses import asdict
from typing import Any

import numpy as np

from conet.bench.timing import Case, Size
from conet.config import ProblemSettings, preset
from conet.engine.gradient import Gradient
from conet.engine.sample import TRAIN, Walks, stream_key
from conet.engine.tables import TablePolicy
from conet.learners import Batch, Learner, make
from conet.learners.optim import SGD
from conet.network import problems as problem_sets
from conet.network.graph import Graph
from conet.network.problems import Problems

KEY = stream_key(0, 0, TRAIN)
_NO_STEPS = np.ones((1, 1))  # behaviour probabilities, which one epoch does not read


class Bench:
    """A policy with questions; what an update changes is put back before the next.

    Parameters
    ----------
    size
        How large.
    graph
        Of that size.
    logits : ndarray of float64, shape (edges,), optional
        Of a trained policy; the uniform one where absent.
    """

    def __init__(self, size: Size, graph: Graph, logits: np.ndarray | None = None) -> None:
        self.size, self.logits = size, logits
        self.policy = TablePolicy(graph, logits)
        self.problems = draw_problems(size)
        self._changed = np.zeros(0, np.int32)

    def sample(self, threads: int = 1) -> Case:
        """Sampling alone."""

        def work() -> dict[str, int]:
            return {
                "steps": self.policy.sample(self.problems, self.size.rollouts, KEY, threads=threads).steps
            }

        return Case(self.labels("sample", threads=threads), work)

    def update(self, learner: Learner, threads: int = 1) -> Case:
        """One whole update: sampling, weights, gradient, SGD step, tables."""
        name = type(learner).__name__.lower()

        def work() -> dict[str, int]:
            walks, gradient = update(self.policy, self.problems, learner, self.size.rollouts, KEY, threads)
            self._changed = gradient.rows
            return {"steps": walks.steps, "rows": len(gradient.rows)}

        return Case(self.labels("update", threads=threads, learner=name), work, self._put_back)

    def with_size(self, size: Size) -> "Bench":
        """Return a bench with other questions on the same policy, which the two share."""
        other = copy.copy(self)
        other.size, other.problems = size, draw_problems(size)
        return other

    def labels(self, name: str, threads: int = 1, learner: str | None = None) -> dict[str, Any]:
        """What identifies a case."""
        policy = "uniform" if self.logits is None else "trained"
        return {"name": name, **asdict(self.size), "policy": policy, "threads": threads, "learner": learner}

    def _put_back(self) -> None:
        self.policy.logits[:] = 0.0 if self.logits is None else self.logits
        self.policy.refresh(self._changed)


def update(
    policy: TablePolicy, problems: Problems, learner: Learner, rollouts: int, key: int, threads: int = 1
) -> tuple[Walks, Gradient]:
    """Do what one step of a training does, without its metrics."""
    walks = policy.sample(problems, rollouts, key, threads=threads)
    batch = Batch(
        walks=walks,
        policy=policy,
        problems=problems,
        behaviour=_NO_STEPS,
        reference=policy.probability,
        threads=threads,
    )
    gradient = learner.gradient(batch)
    SGD().step(policy, gradient, learner.learning_rate)
    return walks, gradient


def draw_problems(size: Size) -> Problems:
    """Draw the questions of that size."""
    return problem_sets.make(ProblemSettings(count=size.questions, max_length=size.max_length), size.nodes, 0)


def trained_logits(size: Size, graph: Graph) -> np.ndarray:
    """Logits after a training as the preset ``reference`` does it (its learner, length and steps)."""
    config = preset("reference")
    learner = make(config.learner)
    policy = TablePolicy(graph)
    problems = problem_sets.make(
        config.problems.model_copy(update={"count": size.questions}), size.nodes, config.seed
    )
    for step in range(config.steps):
        update(policy, problems, learner, config.learner.rollouts, stream_key(config.seed, step, TRAIN))
    return policy.logits
