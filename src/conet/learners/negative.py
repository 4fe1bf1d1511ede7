"""Reinforcement by wrong rollouts (Zhu et al. 2025, arXiv 2506.01347)."""

import numpy as np
from pydantic import Field

from conet.learners.base import Batch, Learner


class Negative(Learner):
    """Negative-sample reinforcement: a wrong rollout counts -1, a correct one little, without a baseline.

    Parameters
    ----------
    positive
        Weight of a correct rollout: 0 is the paper's NSR, 0.1 its W-REINFORCE, 1 both alike.
    """

    positive: float = Field(0.1, ge=0)

    def weights(self, batch: Batch) -> np.ndarray:
        """``positive`` or -1, over M G."""
        rewards = batch.rewards.reshape(-1)
        return np.where(rewards > 0, self.positive, -1.0) / rewards.size
