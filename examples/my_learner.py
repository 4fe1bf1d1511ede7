"""A learner of one's own: policy gradient of pass@k, which cares for the problems that are rarely solved.

$ conet run --preset smoke --set learner.name=examples/my_learner.py:PassAtK learner.k=4

With `learner.learning_rate=50` besides it takes larger steps.
"""

import numpy as np
from pydantic import Field

from conet.learners import Batch, Learner


class PassAtK(Learner):
    """Ascent on (1/M) Σ 1 - (1 - p)^k, whose gradient is k (1 - p)^(k - 1) ∇p for each question.

    The chance p of success is taken from the group itself, so a solved problem gets no weight at all.

    Parameters
    ----------
    k
        Attempts that count as one; 1 is GRPO without the standard deviation.
    """

    k: int = Field(4, ge=1)

    def weights(self, batch: Batch) -> np.ndarray:
        """Reward less the group's mean, times k (1 - p)^(k - 1), over M G."""
        rewards = batch.rewards
        success = rewards.mean(axis=1, keepdims=True)
        advantage = self.k * (1 - success) ** (self.k - 1) * (rewards - success)
        return advantage.reshape(-1) / rewards.size
