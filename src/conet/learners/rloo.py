"""REINFORCE with a leave-one-out baseline."""

import numpy as np
from pydantic import Field

from conet.learners.base import Batch, Learner


class RLOO(Learner):
    """RLOO (Kool et al. 2019; Ahmadian et al. 2024, arXiv 2402.14740): unbiased at any group size.

    The baseline of a rollout is the mean reward of the others in its group.
    """

    rollouts: int = Field(8, ge=2)

    def weights(self, batch: Batch) -> np.ndarray:
        """Reward less the mean of the others, over M G."""
        rewards = batch.rewards
        group = rewards.shape[1]
        others = (rewards.sum(axis=1, keepdims=True) - rewards) / (group - 1)
        return ((rewards - others) / rewards.size).reshape(-1)
