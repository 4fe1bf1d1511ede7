"""Transitions between concepts, and what is left of them by chance alone."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Paths:
    """The way of each rollout through the concepts.

    Attributes
    ----------
    rollout : ndarray of int64, shape (steps,)
        Rollout of each step, ascending.
    concept : ndarray of int64, shape (steps,)
    concepts : int
        Concepts are numbered from 0 to ``concepts - 1``.
    """

    rollout: np.ndarray
    concept: np.ndarray
    concepts: int

    @property
    def joined(self) -> np.ndarray:
        """Whether each step but the last is followed by one of the same rollout, bool, shape (steps - 1,)."""
        return self.rollout[1:] == self.rollout[:-1]

    def counts(self) -> np.ndarray:
        """Count the transitions, int64, shape (concepts, concepts); on the diagonal those that stay."""
        at = self.joined
        keys = self.concept[:-1][at] * self.concepts + self.concept[1:][at]
        return np.bincount(keys, minlength=self.concepts**2).reshape(self.concepts, self.concepts)

    def starts(self) -> np.ndarray:
        """Return the first concept of each rollout, int64."""
        return self.concept[np.concatenate([[True], ~self.joined])]

    def runs(self) -> "Paths":
        """Return the paths with every stay in a concept as one step."""
        kept = np.concatenate([[True], ~self.joined | (self.concept[1:] != self.concept[:-1])])
        return Paths(self.rollout[kept], self.concept[kept], self.concepts)

    def of(self, rollouts: np.ndarray) -> "Paths":
        """Return the paths of some rollouts."""
        kept = np.isin(self.rollout, rollouts)
        return Paths(self.rollout[kept], self.concept[kept], self.concepts)

    def random_order(self, rng: np.random.Generator) -> np.ndarray:
        """Return places of steps, int64, shape (steps,): those of each rollout in a random order."""
        return np.lexsort((rng.random(len(self.rollout)), self.rollout))

    def shuffled(self, rng: np.random.Generator) -> "Paths":
        """Return the same steps with those of each rollout in a random order."""
        return Paths(self.rollout, self.concept[self.random_order(rng)], self.concepts)


def effective_out_degree(counts: np.ndarray) -> float:
    """Return exp(entropy) of the next concept, by how often each concept is left; NaN without transitions.

    1 where one edge leads out of every concept. From few transitions it is biased downwards, so it stands
    beside that of shuffled steps.

    Parameters
    ----------
    counts : ndarray of int64, shape (concepts, concepts)
        From :meth:`Paths.counts`; the diagonal is left out.
    """
    moves = counts * ~np.eye(len(counts), dtype=bool)
    leaving = moves.sum(1)
    if not leaving.sum():
        return float("nan")
    share = moves[leaving > 0] / leaving[leaving > 0, None]
    entropy = -(share * np.log(np.where(share > 0, share, 1.0))).sum(1)
    return float(np.exp((leaving[leaving > 0] * entropy).sum() / leaving.sum()))
