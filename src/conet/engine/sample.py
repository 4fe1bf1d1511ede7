"""Walks: allocate, seed, call the kernel, wrap."""

import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np

from conet.engine import kernels
from conet.engine.reference import GOLDEN, MASK, mix
from conet.engine.tables import Policy
from conet.network.problems import Problems

# Streams of random numbers: walks of different purpose never share one.
TRAIN, TRAFFIC, PASS_AT_K, HARVEST, EVALUATE = range(5)
_WORTH_A_THREAD = 100_000  # expected steps below which a second thread costs more than it saves


@dataclass(frozen=True)
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
        Steps taken.
    correct : ndarray of bool, shape (walks,)
        Whether the walk ended at its answer.
    rollouts : int
        Walks a question.
    """

    problems: np.ndarray
    starts: np.ndarray
    edges: np.ndarray
    length: np.ndarray
    correct: np.ndarray
    rollouts: int

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

    def select(self, walks: np.ndarray) -> "Walks":
        """Return chosen walks, each as a group of its own."""
        problem, starts, edges = self.problem[walks], self.starts[walks], self.edges[walks]
        return Walks(problem, starts, edges, self.length[walks], self.correct[walks], 1)


def stream_key(seed: int, step: int, purpose: int) -> int:
    """Hash seed, step and purpose into the 64-bit key of a stream."""
    key = 0
    for part in (seed, step, purpose):
        key = mix((key + (part & MASK) + GOLDEN) & MASK)
    return key


def sample(
    policy: Policy,
    tasks: Problems,
    rollouts: int,
    key: int,
    *,
    problems: Iterable[int] | None = None,
    threads: int = 1,
) -> Walks:
    """Sample walks of a policy; the same key gives the same walks at any number of threads.

    Parameters
    ----------
    policy, tasks
        What walks, and from where to where.
    rollouts
        Walks a question.
    key
        From :func:`stream_key`. A walk depends on key, problem and its number alone, so more
        rollouts, or fewer problems, leave the other walks as they were.
    problems
        Indices of the questions to walk; all where absent.
    threads
        At most so many; small batches use one.

    Raises
    ------
    ValueError
        When a question or answer is no node of the policy's graph.
    """
    chosen = np.arange(len(tasks), dtype=np.int32) if problems is None else np.array(list(problems), np.int32)
    walks = len(chosen) * rollouts
    edges = np.empty((walks, tasks.max_length), np.int32)
    length = np.empty(walks, np.int32)
    correct = np.empty(walks, np.bool_)
    questions, answers = tasks.questions[chosen], tasks.answers[chosen]
    _check_nodes(np.concatenate([questions, answers]), policy.graph.nodes)
    stops = tasks.stops(policy.graph.nodes)

    def part(first: int, last: int) -> None:
        kernels.sample(
            policy.graph.offsets, policy.uniform_degree, policy.records, stops,
            questions, answers, chosen, rollouts, tasks.max_length, np.uint64(key),
            first, last, edges, length, correct,
        )  # fmt: skip

    if threads == 1 or walks * tasks.max_length < _WORTH_A_THREAD:
        part(0, walks)
    else:
        # More parts than threads: walks differ in length, and an idle thread takes the next part.
        bounds = np.linspace(0, walks, 4 * threads + 1).astype(int).tolist()
        parts = iter(list(pairwise(bounds)))

        def work(_: int) -> None:
            for first, last in parts:
                part(first, last)

        list(_pool(threads).map(work, range(threads)))
    return Walks(chosen, np.repeat(questions, rollouts), edges, length, correct, rollouts)


def _check_nodes(ends: np.ndarray, nodes: int) -> None:
    """Refuse what would make a kernel read outside its arrays."""
    if len(ends) and not 0 <= ends.min() <= ends.max() < nodes:
        raise ValueError(f"got tasks with nodes {ends.min()} to {ends.max()}, expected 0 to {nodes - 1}")


@lru_cache
def _pool(threads: int) -> ThreadPoolExecutor:
    """Threads that share no CPU, where the system lets us choose.

    A batch takes milliseconds: threads that wake on one CPU would be done before the system's
    scheduler had moved one of them (without this, two threads are often no faster than one).
    """
    processors = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    fits = threads <= len(processors)
    shares = [processors[thread::threads] for thread in range(threads)] if fits else []
    return ThreadPoolExecutor(threads, initializer=_settle, initargs=(shares,))


def _settle(shares: list[list[int]]) -> None:
    """Keep the calling thread to one of the shares, unless they are used up or the system objects."""
    with suppress(IndexError, OSError):
        os.sched_setaffinity(0, shares.pop())


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.cache_clear)  # threads do not survive a fork
