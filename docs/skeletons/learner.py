"""Skeleton of a learner: copy this file, fill in the rule, and name it in a config.

    $ conet run --set learner.name=path/to/learner.py:MyLearner learner.my_option=0.5

Rollouts, learning rate and optimizer are options that every learner has.
"""

import numpy as np
from pydantic import Field

from conet.learners import Batch, Learner


class MyLearner(Learner):
    """Say in one line what it ascends, and where it comes from.

    Parameters
    ----------
    my_option
        Say what it does. The type and the range are checked before a run starts.
    """

    my_option: float = Field(1.0, gt=0)

    def weights(self, batch: Batch) -> np.ndarray:
        """Weight of ∇ log π of each walk, shape (walks,), or of each step, (walks, max_length).

        At hand: ``batch.rewards`` (questions, rollouts), ``.walks`` (``.edges``, ``.length``,
        ``.correct``, question by question), ``.policy`` (``.probability`` of each edge, ``.graph``)
        and ``.problems``. Read them, change nothing, and keep no state between steps. A rule that is no
        sum over walks overrides ``gradient`` instead and returns a ``conet.engine.gradient.Gradient``.
        """
        rewards = batch.rewards
        advantage = self.my_option * (rewards - rewards.mean(axis=1, keepdims=True))
        return advantage.reshape(-1) / rewards.size
