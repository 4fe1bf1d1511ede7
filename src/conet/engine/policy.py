"""What a policy is to learners, observables and trainers, whether a table or a network stands behind it."""

from collections.abc import Iterable, Sequence
from typing import Protocol, runtime_checkable

import numpy as np

from conet.engine.gradient import Gradient
from conet.engine.sample import Walks
from conet.engine.tables import TablePolicy
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
    def size(self) -> int:
        """Number of parameters."""

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
        """Probability of every recorded choice, float64, shape (walks, max_length); 1 beyond a walk's end."""

    def log_probabilities(self, walks: Walks) -> np.ndarray:
        """Log-probability (nats) of every recorded choice, float64, shape (walks, max_length); 0 beyond."""

    def next_hops(self, walks: Walks) -> tuple[np.ndarray, np.ndarray]:
        """Distribution over the out-edges, and its complement, wherever recorded walks chose.

        Returns
        -------
        legal : ndarray of float64, shape (walks, max_length, largest out-degree)
            Probability of each out-edge in the order of the graph, given that the move is legal; 0 beyond a
            node's out-degree, and where a walk did not choose.
        illegal : ndarray of float64, shape (walks, max_length)
            Probability of an illegal move; 0 where a walk did not choose.
        """


@runtime_checkable
class Network(Policy, Protocol):
    """A policy with parameters of its own in place of a logit an edge, so that it makes its own gradients."""

    def state(self) -> dict[str, np.ndarray]:
        """Return the arrays that a checkpoint must keep."""

    def ascent(self, walks: Walks, weights: np.ndarray, entropy: float = 0.0) -> Gradient:
        """Return Σ weight · ∇ log π over recorded choices, and entropy · Σ ∇H over them.

        Parameters
        ----------
        walks
            The recorded walks.
        weights : ndarray of float64, shape (walks,) or (walks, max_length)
            One a walk, or one a choice.
        entropy
            Weight of the entropy (nats) of each choice among legal moves.

        Returns
        -------
        Gradient
            One value a parameter, and no rows.
        """

    def mean_entropy(self, walks: Walks) -> float:
        """Mean entropy (nats) among legal moves where walks chose, each choice counted once."""

    def move(self, change: np.ndarray) -> None:
        """Add a change to the parameters, float64, shape (parameters,)."""


def mean_table(policy: Policy) -> TablePolicy:
    """Return a table with the policy's mean probabilities: what it is to one who sees the node alone."""
    if isinstance(policy, TablePolicy):
        return policy
    smallest = np.finfo(float).tiny
    return TablePolicy(policy.graph, np.log(np.maximum(policy.probability, smallest)))
