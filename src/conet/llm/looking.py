"""What an annealed trainer takes of the completions that it draws."""

import math
from collections.abc import Sequence
from typing import Any

from accelerate.utils import gather_object

from conet.llm.interference import InterferenceWatch
from conet.llm.own_script import AnnealingSettings
from conet.rollouts.pool import Rollout
from conet.rollouts.truncation import was_cut_off


class Looking:
    """The part of :class:`conet.llm.mixin.AnnealingMixin` that turns completions into rollouts."""

    annealing_settings: AnnealingSettings | None
    eos_token_ids: Any
    gradients: InterferenceWatch | None
    max_completion_length: int
    reward_func_names: list[str]
    reward_weights: Any

    keeps_text = False  # of completions
    interference = False  # whether gradients are looked at, where no settings say so

    def rollouts_of(
        self,
        numbers: Sequence[int],
        written: Sequence[Any],
        completions: Sequence[Any],
        rewards: Any,
    ) -> list[Rollout | None]:
        """Return the rollouts of all processes; None where no reward function applies.

        Parameters
        ----------
        numbers, completions
            Of this process: problem and completion.
        written
            Tokens of prompts and of completions, and masks of those that the model wrote (None without
            tools).
        rewards : tensor, shape (rollouts of all processes, reward functions)
            NaN where a function does not apply.
        """
        prompts, ids, own = written
        masks = [None] * len(ids) if own is None else own
        texts = [text_of(one) if self.keeps_text else "" for one in completions]
        local = list(zip(numbers, prompts, ids, masks, texts, strict=True))
        drawn = zip(gather_object(local), self.one_reward(rewards).tolist(), strict=True)
        found: list[Rollout | None] = []
        for (number, prompt, tokens, mask, text), reward in drawn:
            cut, more = self.cut_off(tokens, mask), {"prompt": prompt, "own": mask, "full": self.correct_from}
            known = not math.isnan(reward)
            found.append(Rollout(number, reward, tokens, text, cut, **more) if known else None)
            if self.gradients is not None:
                self.gradients.learn(number, prompt)
        return found

    @property
    def correct_from(self) -> float:
        """The reward from which on a completion is correct."""
        return 1.0 if self.annealing_settings is None else self.annealing_settings.correct

    def one_reward(self, rewards: Any) -> Any:
        """Return the reward that says whether completions are correct: a function's, or the weighted sum."""
        judge = None if self.annealing_settings is None else self.annealing_settings.correct_by
        if judge is not None:
            return rewards[:, self.reward_func_names.index(judge)]
        total = (rewards * self.reward_weights.to(rewards.device)).nansum(dim=1)
        total[rewards.isnan().all(dim=1)] = math.nan
        return total

    def cut_off(self, ids: list[int], own: list[int] | None = None) -> bool:
        """Whether a completion ended by the length limit, or with what a tool said."""
        return was_cut_off(ids, self.max_completion_length, self.eos_token_ids, own)


def text_of(completion: Any) -> str:
    """Return a completion's text, from text or messages."""
    if isinstance(completion, str):
        return completion
    return "".join(str(part.get("content") or "") for part in completion)
