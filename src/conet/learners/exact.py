"""The exact policy gradient: GRPO with infinitely many rollouts."""

import numpy as np

from conet.engine import exact
from conet.engine.gradient import Gradient, with_entropy
from conet.learners.base import Batch, Learner


class Exact(Learner):
    """Exact gradient of the absorbing chain.

    The objective is (1/M) Σ 2·arcsin √p, the limit of group-normalised GRPO (its gradient is
    ∇p/√(p(1-p))), and (1/M) Σ p without the standard deviation. Rollouts are drawn only to watch; M are the
    problems that they were drawn of, all where a schedule chooses none.
    With ``entropy``, it adds β Σ_s v(s) ∇H(π(· | s)), where v(s) is how often a walk leaves node s on average
    over the problems: what the bonus of the other learners comes to with many rollouts. v is held fixed.

    Parameters
    ----------
    std_normalization
        Whether to take the limit with or without the group's standard deviation.
    """

    std_normalization: bool = True

    @property
    def table_setting(self) -> str:
        """The learner itself: its sums over all walks are those of a chain of nodes."""
        return "learner.name=exact"

    def gradient(self, batch: Batch) -> Gradient:
        """Gradient of the objective."""
        return exact.objective_gradient(
            batch.table,
            batch.problems,
            standardise=self.std_normalization,
            chosen=batch.walks.problems,
            threads=batch.threads,
        )[0]

    def total_gradient(self, batch: Batch) -> Gradient:
        """Gradient with the entropy bonus at the expected visits, which the same passes give."""
        if not self.entropy:
            return self.gradient(batch)
        gradient, visits = exact.objective_with_visits(
            batch.table,
            batch.problems,
            standardise=self.std_normalization,
            chosen=batch.walks.problems,
            threads=batch.threads,
        )
        rows = np.flatnonzero(visits).astype(np.int32)
        return with_entropy(batch.table, gradient, self.entropy * visits, rows)
