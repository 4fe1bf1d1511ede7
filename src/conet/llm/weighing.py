"""Two things that are different for every token: the weight of its entropy, and the range of its ratio."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trl import GRPOTrainer
else:
    GRPOTrainer = object

SHARE = "entropy_of_problem"  # in a batch: how large the bonus of each completion is, 0 to 1


class Weighing(GRPOTrainer):
    """The part of :class:`conet.llm.mixin.AnnealingMixin` that weighs tokens, where a schedule says so.

    Attributes
    ----------
    entropy_max_accuracy : float or None
        The accuracy of a group from which its completions get no entropy bonus.
    clip_slope, clip_high_slope : float
        What the ends of the clip range, ``epsilon_low`` and ``epsilon_high``, gain with the probability of a
        token.
    """

    entropy_max_accuracy: float | None = None
    clip_slope = 0.0
    clip_high_slope = 0.0
    entropy_weight: float
    epsilon_low: Any
    epsilon_high: Any
    correct: Any = None  # which completions of the generation are right, of all processes
    _shares: Any = None  # of the completions whose loss is being computed
    _losing = False  # whether a loss is being computed
    _seen: dict[str, list[float]]  # what was in use in this update, by micro-batch

    def _generate_and_score_completions(self, inputs: Any) -> Any:
        found = super()._generate_and_score_completions(inputs)
        if self.model.training and self.entropy_max_accuracy is not None:
            size, first = len(inputs), len(inputs) * self.accelerator.process_index
            accuracy = self.correct.float().view(-1, self.num_generations).mean(1)
            shares = share_by_accuracy(accuracy, self.entropy_max_accuracy).repeat_interleave(
                self.num_generations
            )
            found[SHARE] = shares[first : first + size].to(found["advantages"].device)
        return found

    def _compute_loss(self, model: Any, inputs: Any) -> Any:
        ends = self.epsilon_low, self.epsilon_high
        self._shares, self._losing = inputs.get(SHARE), True
        try:
            loss = super()._compute_loss(model, inputs)
            if self.model.training:
                self._note(inputs)
            return loss
        finally:
            self.epsilon_low, self.epsilon_high = ends
            self._shares, self._losing = None, False

    def _get_per_token_logps_and_entropies(self, *args: Any, **kwargs: Any) -> Any:
        logs, entropies, more = super()._get_per_token_logps_and_entropies(*args, **kwargs)
        if not self._losing:
            return logs, entropies, more
        if self._shares is not None:  # the value stays, for TRL's metric; the gradient is weighed
            fixed = entropies.detach()
            entropies = fixed + self._shares[:, None] * (entropies - fixed)
        if self.clip_slope or self.clip_high_slope:  # both, for torch takes two numbers or two tensors
            chances = logs.detach().exp()
            self.epsilon_low = self.epsilon_low + self.clip_slope * chances
            self.epsilon_high = self.epsilon_high + self.clip_high_slope * chances
        return logs, entropies, more

    def _note(self, inputs: Any) -> None:
        """Note what was in use in a micro-batch: means over its tokens, of all processes."""
        names = self.annealing.tracker.option_names
        mask = (inputs["completion_mask"] * inputs.get("tool_mask", 1)).float()
        found: dict[str, Any] = {}
        if "clip" in names:
            found |= {"clip_low": self.epsilon_low, "clip_high": self.epsilon_high}
        if "entropy_max_accuracy" in names:
            share = 1.0 if self._shares is None else self._shares[:, None]
            found["entropy_weight_mean"] = self.entropy_weight * share
        for name, value in found.items():
            sums = self.accelerator.reduce(mask.new_tensor([(mask * value).sum(), mask.sum()]))
            self._seen.setdefault(name, []).append((sums[0] / sums[1].clamp(min=1.0)).item())

    def in_use(self) -> dict[str, float | None]:
        """Return what was in use in this update: means over its micro-batches.

        Returns
        -------
        dict
            Where a schedule sets them: ``clip_low`` and ``clip_high``, the ends of the clip range (mean over
            tokens), and ``entropy_weight_mean``, the weight of the entropy with its shares by difficulty.
        """
        return {name: sum(one) / len(one) for name, one in self._seen.items()}


def share_by_accuracy(accuracy: Any, hard: float) -> Any:
    """Return how large the bonus of problems is, as a share: 1 - accuracy/hard, and 0 from there on.

    Weights by difficulty, larger for problems that are solved less often, are a part of AER (arXiv
    2510.10959). Its formula could not be read; this one is our choice.

    Parameters
    ----------
    accuracy : tensor
        Of each problem's group.
    hard
        The accuracy from which it gets none.
    """
    return (1.0 - accuracy / hard).clamp(min=0.0)
