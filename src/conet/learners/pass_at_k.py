"""Advantages for pass@k (Chen et al. 2025, "Pass@k Training", arXiv 2508.10751)."""

from math import comb
from typing import Self

import numpy as np
from pydantic import Field, model_validator

from conet.learners.base import Batch, Learner


class PassAtK(Learner):
    """GRPO whose reward is that of k rollouts together: 1 where any of them is correct.

    A rollout's advantage is the mean reward of the sets of k that it is in, less that of all sets of k from
    its group, over their standard deviation; in closed form over all such sets. 0 where all are alike.

    Parameters
    ----------
    k
        Rollouts of a set, no more than there are in a group; 1 is GRPO.
    """

    rollouts: int = Field(8, ge=2)
    k: int = Field(4, ge=1)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.k > self.rollouts:
            raise ValueError(f"k={self.k} of {self.rollouts} rollouts: k has to be {self.rollouts} at most")
        return self

    def weights(self, batch: Batch) -> np.ndarray:
        """Advantage over M G."""
        rewards = batch.rewards
        table = advantages(rewards.shape[1], min(self.k, rewards.shape[1]))
        correct = (rewards > 0).sum(axis=1)
        return np.where(rewards > 0, table[correct, :1], table[correct, 1:]).reshape(-1) / rewards.size


def advantages(rollouts: int, k: int) -> np.ndarray:
    """Return the advantage of a correct and of a wrong rollout, by the number of correct ones in a group.

    Returns
    -------
    ndarray of float64, shape (rollouts + 1, 2)
    """
    found = np.zeros((rollouts + 1, 2))
    for correct in range(1, rollouts + 1):
        wrong = rollouts - correct
        mean = 1.0 - comb(wrong, k) / comb(rollouts, k)
        spread = np.sqrt(mean * (1.0 - mean))
        if spread > 0:
            with_wrong = 1.0 - comb(wrong - 1, k - 1) / comb(rollouts - 1, k - 1)
            found[correct] = (1.0 - mean) / spread, (with_wrong - mean) / spread
    return found
