"""The microscope inside somebody else's training: `ConetCallback` for TRL's GRPOTrainer.

>>> watcher = ConetCallback()                                                     # doctest: +SKIP
>>> GRPOTrainer(model, reward_funcs=[watcher.watch(reward)], callbacks=[watcher], ...)  # doctest: +SKIP

The metrics ``conet/*`` go wherever the trainer reports to.
"""

import functools
import logging
from collections.abc import Callable
from typing import Any

from accelerate.utils import gather_object
from transformers import TrainerCallback

from conet.config.aliases import note, twice
from conet.detect.online import Detector, as_event
from conet.rollouts.pool import Pool, Rollout, counted
from conet.rollouts.selection import MAX_ACCURACY

LOGGED = ("correct_length", "fall", "rise", "rise_sigmas", "learned", "heat_now")
logger = logging.getLogger(__name__)


class ConetCallback(TrainerCallback):
    """Looks at the rollouts of a GRPO training and says when to heat; it changes nothing.

    Parameters
    ----------
    correct
        A completion is correct from this reward on.
    window
        Steps whose rollouts count for the problems that are eligible for heating.
    max_accuracy, min_samples
        A problem is eligible below this accuracy over at least so many samples, one of them correct.
    detector
        Options of :class:`conet.detect.online.Detector`.

    Attributes
    ----------
    evidence : dict
        What the detector knows, ``heat_now`` among it.
    """

    def __init__(
        self,
        correct: float = 1.0,
        window: int = 50,
        max_accuracy: float = MAX_ACCURACY,
        min_samples: int = 16,
        **detector: Any,
    ) -> None:
        if "below" in detector:  # the name of version 0.1
            old = detector.pop("below")
            if max_accuracy != MAX_ACCURACY:
                raise twice("below", old, "max_accuracy", max_accuracy)
            note("ConetCallback's option below is now called max_accuracy")
            max_accuracy = old
        self.correct, self.max_accuracy, self.min_samples = correct, max_accuracy, min_samples
        self.detector, self.pool = Detector(**detector), Pool(window)
        self.numbers: dict[str, int] = {}  # prompt → problem
        self.inside = False  # of a training step; rewards outside belong to an evaluation
        self.evidence: dict[str, Any] = {"heat_now": False}

    def watch(self, reward: Callable[..., list[float | None]]) -> Callable[..., list[float | None]]:
        """Return a reward function that gives the same rewards and lets the callback see them."""

        @functools.wraps(reward)
        def watched(
            prompts: Any = None, completions: Any = None, completion_ids: Any = None, **rest: Any
        ) -> list[float | None]:
            rewards = reward(prompts=prompts, completions=completions, completion_ids=completion_ids, **rest)
            if self.inside:
                values = [float(value or 0.0) for value in rewards]
                self._observe(list(zip(map(str, prompts), values, completion_ids)), rest)
            return rewards

        return watched

    def _observe(self, local: list[tuple[str, float, list[int]]], rest: dict[str, Any]) -> None:
        rows = gather_object(local)
        rollouts = [
            Rollout(
                self.numbers.setdefault(prompt, len(self.numbers)),
                float(value >= self.correct),
                list(ids),
                "",
                False,
            )
            for prompt, value, ids in rows
        ]
        step = rest["trainer_state"].global_step if "trainer_state" in rest else self.detector.updates
        length_sum, correct_count, samples = counted(rollouts)
        known = self.detector.heat_now
        self.evidence = as_event(self.detector.update(step, length_sum, correct_count, samples))
        self.pool.add(step, rollouts)
        eligible = len(self.pool.demonstrations(self.max_accuracy, self.min_samples, "shortest"))
        if self.detector.heat_now and not known:
            logger.warning("conet: time to heat, at step %d; %d problems are eligible", step, eligible)
        log = rest.get("log_metric")
        if log is not None:
            values = {name: self.evidence[name] for name in LOGGED}
            values |= {"accuracy": correct_count / samples, "eligible": eligible}
            for name, value in values.items():
                if value is not None:
                    log(f"conet/{name}", float(value))

    def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Rewards from here on belong to training."""
        self.inside = True

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Rewards from here on belong to an evaluation."""
        self.inside = False
