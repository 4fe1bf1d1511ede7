"""The exact policy gradient: GRPO with infinitely many rollouts."""

from conet.engine import exact
from conet.engine.gradient import Gradient
from conet.learners.base import Batch, Learner


class Exact(Learner):
    """Exact gradient of the absorbing chain.

    The objective is (1/M) Σ 2·arcsin √p, the limit of group-normalised GRPO (its gradient is
    ∇p/√(p(1-p))), and (1/M) Σ p without the standard deviation. Rollouts are drawn only to watch.

    Parameters
    ----------
    std_normalization
        Whether to take the limit with or without the group's standard deviation.
    """

    std_normalization: bool = True

    def gradient(self, batch: Batch) -> Gradient:
        """Gradient of the objective."""
        return exact.objective_gradient(
            batch.table, batch.problems, standardise=self.std_normalization, threads=batch.threads
        )[0]
