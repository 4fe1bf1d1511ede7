"""REINFORCE with or without a baseline."""

from typing import Literal

import numpy as np

from conet.learners.base import Batch, Learner


class Reinforce(Learner):
    """REINFORCE (Williams 1992): ascent on (1/(M G)) Σ (R - b) Σ_t log π.

    Parameters
    ----------
    baseline
        "none": b = 0; "batch": b is the mean reward of the whole batch.
    """

    baseline: Literal["none", "batch"] = "none"

    def weights(self, batch: Batch) -> np.ndarray:
        """Reward less the baseline, over M G."""
        rewards = batch.rewards.reshape(-1)
        return (rewards - (rewards.mean() if self.baseline == "batch" else 0.0)) / rewards.size
