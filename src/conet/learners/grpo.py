"""Group-relative policy optimisation and its published variants."""

from typing import ClassVar, Self

import numpy as np
from pydantic import Field, model_validator

from conet.engine.gradient import Gradient
from conet.learners.base import Batch, Learner, standardised


class GRPO(Learner):
    """GRPO: ascent on (1/(M G)) Σ A Σ_t log π, with A = (R - mean)/std within a question's group.

    Parameters
    ----------
    std_normalization
        Divide the advantage by the group's standard deviation (Shao et al. 2024, arXiv 2402.03300).
        Off gives Dr. GRPO's advantage (Liu et al. 2025, arXiv 2503.20783).
    length_normalization
        Divide each walk's weight by its length, as the original GRPO does; off by default.
    clip
        Clip range ε of the probability ratio (Schulman et al. 2017, arXiv 1707.06347), a step at a
        time; matters from the second epoch on. None: no clipping.
    clip_high
        Upper end of the clip range, where it is not ``clip`` as well: clip-higher (Yu et al. 2025, DAPO,
        arXiv 2503.14476).
    clip_slope, clip_high_slope
        What the lower and the upper end of the clip range gain with the probability π of the step, such as
        -0.25: ε + slope · π. So rare steps may change more than frequent ones (arXiv 2602.09782).
    epochs
        Gradient steps a batch of walks.
    kl
        Weight β of the KL penalty to the initial policy, by the estimator r - log r - 1 with
        r = π_reference/π at each recorded step (arXiv 2402.03300, eq. 4).
    logit_decay
        Share of every logit that an update of "sgd" takes away, apart from the gradient (decoupled weight
        decay, Loshchilov and Hutter 2019, arXiv 1711.05101, which multiplies it by the learning rate). Adam
        would divide it by the size of the gradients, so that is refused.
    replay
        Where no rollout of a group is correct, put the shortest correct walk that the run has ever drawn of
        that problem in place of the last one (self-imitation, Oh et al. 2018, arXiv 1806.05635, for groups
        without a signal: our choice). It is used as if it had been drawn now, without a probability ratio.
    """

    table_options: ClassVar[tuple[str, ...]] = ("kl", "logit_decay")  # a reference by edges; logits of edges

    std_normalization: bool = True
    length_normalization: bool = False
    clip: float | None = Field(None, gt=0)
    clip_high: float | None = Field(None, gt=0)
    clip_slope: float = 0.0
    clip_high_slope: float = 0.0
    epochs: int = Field(1, ge=1)
    kl: float = Field(0.0, ge=0)
    logit_decay: float = Field(0.0, ge=0, lt=1)
    replay: bool = False

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.logit_decay and self.optimizer != "sgd":
            raise ValueError(f"logit_decay={self.logit_decay:g} needs the optimizer sgd")
        ends = {"clip_slope": self.clip, "clip_high_slope": self.clip_high or self.clip}
        for name, end in ends.items():
            slope = getattr(self, name)
            if slope and (end is None or end + slope <= 0):
                raise ValueError(f"{name}={slope:g} needs a clip range that is above 0 with it")
        return self

    @property
    def passes(self) -> int:
        """Gradient steps a batch of walks."""
        return self.epochs

    def walk_weight(self, batch: Batch) -> np.ndarray:
        """One over M G, shape (walks,), and over the length of each walk where that is asked for."""
        lengths = batch.walks.length if self.length_normalization else np.ones_like(batch.walks.length)
        return 1.0 / batch.rewards.size / np.maximum(lengths, 1)  # 0: an illegal move at once

    def advantage(self, rewards: np.ndarray) -> np.ndarray:
        """Advantage of each rollout, shape (questions, rollouts)."""
        return (
            standardised(rewards) if self.std_normalization else rewards - rewards.mean(axis=1, keepdims=True)
        )

    def weights(self, batch: Batch) -> np.ndarray:
        """Advantage over M G, times ratio and penalty where these are asked for."""
        scale = self.walk_weight(batch)
        advantage = self.advantage(batch.rewards).reshape(-1)
        if self.epochs == 1 and self.kl == 0.0:
            return advantage * scale  # the ratio is one, so clipping cannot matter
        now = batch.policy.hop_probabilities(batch.walks)
        ratio = now / batch.behaviour if self.epochs > 1 else np.ones_like(now)
        step_weights = self.surrogate(advantage[:, None], ratio, now)
        if self.kl > 0.0:
            _ = batch.table  # the reference is known by edges alone
            with np.errstate(divide="ignore"):  # a step that became impossible: the training says so
                step_weights -= self.kl * (1.0 - batch.step_probability(batch.reference) / now)
        return step_weights * scale[:, None]

    def surrogate(
        self, advantage: np.ndarray, ratio: np.ndarray, now: np.ndarray | float = 0.0
    ) -> np.ndarray:
        """Weight of ∇ log π in the gradient of min(r A, clip(r) A); ``now``: the probability of the step."""
        low = -np.inf if self.clip is None else 1 - (self.clip + self.clip_slope * now)
        high = 1 + ((self.clip_high or self.clip or np.inf) + self.clip_high_slope * now)
        outside = np.where(advantage > 0, ratio > high, ratio < low)
        return np.where(outside, 0.0, advantage * ratio)

    def total_gradient(self, batch: Batch) -> Gradient:
        """Ascent direction with the entropy bonus and the decay."""
        gradient = super().total_gradient(batch)
        if not self.logit_decay:
            return gradient
        policy = batch.table
        values = gradient.values - self.logit_decay / self.learning_rate * policy.logits
        return Gradient(values, np.arange(policy.graph.nodes, dtype=np.int32))
