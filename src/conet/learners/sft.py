"""Supervised fine-tuning on given walks."""

from typing import ClassVar, Literal

import numpy as np

from conet.learners.base import Batch, Learner


class SFT(Learner):
    """Full-batch SFT: ascent on the mean, or the sum, of log π(walk) over the demonstrations.

    As the learner of a whole run, it learns one walk of each problem.

    Parameters
    ----------
    average
        On: the mean, as in RLVR's 1/M. Off: the sum, so that the learning rate is the logit step a
        problem, however many there are (heating uses this).
    demonstrations
        "shortest": a shortest path of the graph; "random": the first correct walk that the
        initial policy finds. Questions without one within ``max_length`` are left out.
    """

    learns_from: ClassVar[Literal["rollouts", "demonstrations"]] = "demonstrations"

    average: bool = True
    demonstrations: Literal["shortest", "random"] = "shortest"

    def weights(self, batch: Batch) -> np.ndarray:
        """One a demonstration, or one over their number."""
        count = len(batch.walks.length)
        return np.full(count, 1.0 / count if self.average else 1.0)

    def hop_weight(self, batch: Batch) -> float:
        """Weight of the entropy where one hop chose: that of its walk."""
        return super().hop_weight(batch) if self.average else 1.0
