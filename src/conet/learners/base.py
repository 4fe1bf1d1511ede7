"""What every learner shares: options, and one way from walks to a gradient."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from conet.base.errors import ConetError
from conet.config import Settings
from conet.engine.gradient import Gradient, from_walks, visits, with_entropy
from conet.engine.policy import Network, Policy
from conet.engine.sample import Walks
from conet.engine.tables import TablePolicy
from conet.network.problems import Problems


@dataclass(frozen=True, kw_only=True)
class Batch:
    """What a learner sees at one step.

    Attributes
    ----------
    walks : Walks
        Rollouts of the policy at the start of the step; for SFT the demonstrations, one a group.
    policy : Policy
        The policy now; after the first of several epochs it differs from the one that walked.
    problems : Problems
    behaviour : ndarray of float64, shape (walks, max_length)
        Probability of each recorded step when it was sampled; 1 beyond a walk's length.
    reference : ndarray of float64, shape (edges,)
        Edge probabilities of the reference policy: the one at the start of the run.
    threads : int
        That a learner may use; its result must not depend on it.
    """

    walks: Walks
    policy: Policy
    problems: Problems
    behaviour: np.ndarray
    reference: np.ndarray
    threads: int = 1

    @property
    def tasks(self) -> Problems:
        """The problems, under their name of version 0.1."""
        return self.problems

    @property
    def rewards(self) -> np.ndarray:
        """Rewards, float64, shape (questions, rollouts)."""
        return self.walks.rewards

    def step_probability(self, probability: np.ndarray) -> np.ndarray:
        """Look up an edge quantity at every recorded step; 1 beyond a walk's length."""
        return self.walks.at_hops(probability)

    @property
    def table(self) -> TablePolicy:
        """The policy, where a learner needs its logits or exact sums over walks.

        Raises
        ------
        ConetError
            When the policy is no table.
        """
        if isinstance(self.policy, TablePolicy):
            return self.policy
        got = f"a learner that needs logits of edges, on a {type(self.policy).__name__}"
        raise ConetError(got, "the table policy", "define weights() alone, or choose another learner")


def step_probability(walks: Walks, probability: np.ndarray) -> np.ndarray:
    """Probability of every recorded step, (walks, max_length); 1 beyond a walk's length."""
    return walks.at_hops(probability)


class Learner(Settings):
    """A learner: its options as fields, its rule as :meth:`weights` (or :meth:`gradient`).

    A learner keeps no state between steps; that is what makes a resumed run equal to an
    uninterrupted one. ``docs/skeletons/learner.py`` is a copy-and-fill example.

    Parameters
    ----------
    rollouts, learning_rate, optimizer
        Rollouts of a problem in one update, and the step along the gradient.
    entropy
        Weight β of an entropy bonus: the learner ascends (1/(M G)) Σ_rollouts Σ_t β H(π(· | s_t)) besides
        its own objective, over the nodes s_t that the rollouts leave, with H in nats. H and its gradient are
        exact, not estimated from the choices. The rollouts are held fixed: the entropy where they chose is
        raised, and not the number of choices (the gradient through the visits is left out, as in A3C, Mnih
        et al. 2016, arXiv 1602.01783, and in TRL's ``entropy_coef``). For SFT the mean or the sum is that
        over demonstrations.
    """

    learns_from: ClassVar[Literal["rollouts", "demonstrations"]] = "rollouts"
    table_options: ClassVar[tuple[str, ...]] = ()  # of them only the table can follow, where not 0

    rollouts: int = Field(8, ge=1)
    learning_rate: float = Field(300.0, gt=0)
    optimizer: Literal["sgd", "adam"] = "sgd"
    entropy: float = Field(0.0, ge=0)

    @property
    def passes(self) -> int:
        """Gradient steps a batch of walks; one unless the learner says otherwise."""
        return 1

    @property
    def table_setting(self) -> str | None:
        """Setting, with its value, that only the table can follow: said before a network is pretrained."""
        values = {name: getattr(self, name) for name in self.table_options}
        return next((f"learner.{name}={value:g}" for name, value in values.items() if value), None)

    def weights(self, batch: Batch) -> np.ndarray:
        """Weight of ∇ log π of each walk, shape (walks,), or of each step, (walks, max_length)."""
        raise TypeError(f"{type(self).__name__} defines neither weights nor gradient")

    def gradient(self, batch: Batch) -> Gradient:
        """Ascent direction of the parameters; by default Σ weight · ∇ log π over the walks."""
        if isinstance(batch.policy, Network):
            return batch.policy.ascent(batch.walks, self.weights(batch))
        return from_walks(batch.table, batch.walks, self.weights(batch))

    def hop_weight(self, batch: Batch) -> float:
        """Weight of the entropy where one hop chose, relative to ``entropy``."""
        return 1.0 / len(batch.walks.length)

    def total_gradient(self, batch: Batch) -> Gradient:
        """Ascent direction with the entropy bonus; what the trainer asks for."""
        if self.entropy and isinstance(batch.policy, Network) and type(self).gradient is Learner.gradient:
            bonus = self.entropy * self.hop_weight(batch)  # in one pass with the rest
            return batch.policy.ascent(batch.walks, self.weights(batch), bonus)
        gradient = self.gradient(batch)
        if not self.entropy:
            return gradient
        counts, rows = visits(batch.table, batch.walks)
        return with_entropy(batch.table, gradient, self.entropy * self.hop_weight(batch) * counts, rows)


def standardised(rewards: np.ndarray) -> np.ndarray:
    """Return (R - mean) / std within each group, 0 where all rewards of a group are equal.

    Parameters
    ----------
    rewards : ndarray of float64, shape (questions, rollouts)

    Notes
    -----
    Population standard deviation, no small constant added (our choice; TRL divides by the sample
    one plus 1e-4).
    """
    centred = rewards - rewards.mean(axis=1, keepdims=True)
    spread = rewards.std(axis=1, keepdims=True)
    mixed = rewards.max(axis=1, keepdims=True) > rewards.min(axis=1, keepdims=True)
    return np.divide(centred, spread, out=np.zeros_like(centred), where=mixed)
