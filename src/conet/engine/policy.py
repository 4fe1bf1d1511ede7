"""What a policy is to learners, observables and trainers, whether a table or a network stands behind it."""

from collections.abc import Iterable, Sequence
from typing import Protocol

import numpy as np

from conet.engine.sample import Walks
from conet.network.graph import Graph
from conet.network.problems import Problems


class Policy(Protocol):
    """Probabilities of a node's out-edges, walks drawn from them, and their log-probabilities.

    A policy may look at more than the node where a walk stands: at its problem and at the path so
    far. :class:`~conet.engine.tables.TablePolicy` looks at the node alone; what needs its logits, or
    exact sums over all walks, asks for that class.
    """

    @property
    def graph(self) -> Graph:
        """The concept network that walks move on."""

    @property
    def probability(self) -> np.ndarray:
        """Probability π(j | i) of each edge at its node, float64, shape (edges,).

        For a policy that looks at more than the node: the mean over the contexts in which its walks
        visit the node.
        """

    def out_probabilities(
        self, node: int, problem: int | None = None, path: Sequence[int] = ()
    ) -> np.ndarray:
        """Probability of each out-edge of a node, in the order of the graph, float64, shape (degree,).

        Parameters
        ----------
        node
            Where the walk stands.
        problem
            Index of its problem; absent, the mean over problems.
        path
            Ids of the edges walked so far.
        """

    def sample(
        self,
        problems: Problems,
        rollouts: int,
        key: int,
        *,
        chosen: Iterable[int] | None = None,
        threads: int = 1,
    ) -> Walks:
        """Draw walks; the same key gives the same walks.

        Parameters
        ----------
        problems
            From where to where.
        rollouts
            Walks a problem.
        key
            From :func:`~conet.engine.sample.stream_key`.
        chosen
            Indices of the problems to walk; all where absent.
        threads
            At most so many; the result does not depend on it.
        """

    def hop_probabilities(self, walks: Walks) -> np.ndarray:
        """Probability of every recorded hop, float64, shape (walks, max_length); 1 beyond a walk's length."""

    def log_probabilities(self, walks: Walks) -> np.ndarray:
        """Log-probability (nats) of every recorded hop, float64, shape (walks, max_length); 0 beyond."""
