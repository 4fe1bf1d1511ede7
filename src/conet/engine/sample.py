"""Sampled walks, and the streams of random numbers that they are drawn from."""

from dataclasses import dataclass

import numpy as np

from conet.engine.reference import GOLDEN, MASK, mix

# Streams of random numbers: walks of different purpose never share one.
TRAIN, TRAFFIC, PASS_AT_K, HARVEST, EVALUATE = range(5)


@dataclass(frozen=True, kw_only=True)
class Walks:
    """Sampled walks, question-major: walk ``w`` belongs to problem ``problems[w // rollouts]``.

    Attributes
    ----------
    problems : ndarray of int32, shape (questions,)
        Index of each question in its :class:`~conet.network.problems.Problems`.
    starts : ndarray of int32, shape (walks,)
        Question node of each walk.
    edges : ndarray of int32, shape (walks, max_length)
        Edge ids; what lies beyond ``length`` is undefined.
    length : ndarray of int32, shape (walks,)
        Hops taken.
    correct : ndarray of bool, shape (walks,)
        Whether the walk ended at its answer.
    rollouts : int
        Walks a question.
    illegal : ndarray of int32, shape (walks,), optional
        Of a policy that may name any node: the one that it named where no edge leads, which ended the walk
        without reward after ``length`` hops; -1 where it named none. Absent where every move is legal.
    """

    problems: np.ndarray
    starts: np.ndarray
    edges: np.ndarray
    length: np.ndarray
    correct: np.ndarray
    rollouts: int
    illegal: np.ndarray | None = None

    @property
    def rewards(self) -> np.ndarray:
        """Reward of each walk, float64, shape (questions, rollouts)."""
        return self.correct.reshape(-1, self.rollouts).astype(np.float64)

    @property
    def problem(self) -> np.ndarray:
        """Problem index of each walk, int32, shape (walks,)."""
        return np.repeat(self.problems, self.rollouts)

    @property
    def steps(self) -> int:
        """Walker-steps in all."""
        return int(self.length.sum())

    def used(self) -> np.ndarray:
        """Which entries of ``edges`` are defined, bool, shape (walks, max_length)."""
        return np.arange(self.edges.shape[1]) < self.length[:, None]

    def choices(self) -> np.ndarray:
        """Where the policy chose: at every hop, and at an illegal move; bool, shape (walks, max_length)."""
        if self.illegal is None:
            return self.used()
        return np.arange(self.edges.shape[1]) < (self.length + (self.illegal >= 0))[:, None]

    def nodes(self, targets: np.ndarray) -> np.ndarray:
        """Node where each choice was made, int32, shape (walks, max_length); undefined beyond a walk's end.

        Parameters
        ----------
        targets
            Node that each edge of the graph leads to.
        """
        reached = targets[np.where(self.used(), self.edges, 0)[:, :-1]]
        return np.concatenate([self.starts[:, None], reached], axis=1).astype(np.int32)

    def at_hops(self, values: np.ndarray) -> np.ndarray:
        """Look up a quantity of the edges at every hop, (walks, max_length); 1 beyond a walk's length."""
        used = self.used()
        return np.where(used, values[np.where(used, self.edges, 0)], 1.0)

    def select(self, walks: np.ndarray) -> "Walks":
        """Return chosen walks, each as a group of its own."""
        return Walks(
            problems=self.problem[walks],
            starts=self.starts[walks],
            edges=self.edges[walks],
            length=self.length[walks],
            correct=self.correct[walks],
            rollouts=1,
            illegal=None if self.illegal is None else self.illegal[walks],
        )


def stream_key(seed: int, step: int, purpose: int) -> int:
    """Hash seed, step and purpose into the 64-bit key of a stream."""
    key = 0
    for part in (seed, step, purpose):
        key = mix((key + (part & MASK) + GOLDEN) & MASK)
    return key
