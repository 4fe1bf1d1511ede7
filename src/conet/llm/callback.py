"""The microscope inside somebody else's training: `ConetCallback` for TRL's GRPOTrainer.

>>> watcher = ConetCallback()                                                     # doctest: +SKIP
>>> GRPOTrainer(model, reward_funcs=[watcher.watch(reward)], callbacks=[watcher], ...)  # doctest: +SKIP

The metrics ``conet/*`` go wherever the trainer reports to.
"""

import functools
import inspect
import logging
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from accelerate.utils import gather_object
from transformers import TrainerCallback
from transformers.trainer_callback import ExportableState

from conet.base.errors import ConetError, nearest
from conet.config.aliases import note, twice
from conet.detect.evidence import as_event
from conet.detect.online import Detector
from conet.llm.asking import number_of
from conet.llm.interference import InterferenceWatch, log_into
from conet.llm.own_script import evidence_in_words
from conet.rollouts.pool import Pool, Rollout, counted
from conet.rollouts.selection import MAX_ACCURACY
from conet.rollouts.truncation import was_cut_off
from conet.runs.live import Live

ACTIONS = ("say", "save", "stop")
logger = logging.getLogger(__name__)


class ConetCallback(TrainerCallback, ExportableState):
    """Looks at the rollouts of a GRPO training and says when to heat; it does not heat.

    Its state stands in the trainer's checkpoints (``trainer_state.json``) and is taken over on resuming.

    Parameters
    ----------
    correct
        A completion is correct from this reward on.
    window
        Steps whose rollouts count for the problems that are eligible for heating.
    max_accuracy, min_samples
        A problem is eligible below this accuracy over at least so many samples, one of them correct.
    actions
        What to do when the heating signal fires: "say" it, "save" a checkpoint, "stop" the training.
    interference
        Whether the gradients of the problems of an update are compared; see ``docs/llm.md``.
    detector
        Options of :class:`conet.detect.online.Detector`.

    Attributes
    ----------
    evidence : dict
        What the detector knows, ``heat_now`` among it.
    gradients : InterferenceWatch or None
        What the gradients of the last update say.

    Raises
    ------
    ConetError
        For an unknown action.
    """

    training: ClassVar["ConetCallback | None"] = None  # the one that was told that a training has begun

    def __init__(
        self,
        correct: float = 1.0,
        window: int = 50,
        max_accuracy: float = MAX_ACCURACY,
        min_samples: int = 16,
        actions: Sequence[str] = ("say",),
        interference: bool = False,
        **detector: Any,
    ) -> None:
        if "below" in detector:  # the name of version 0.1
            old = detector.pop("below")
            if max_accuracy != MAX_ACCURACY:
                raise twice("below", old, "max_accuracy", max_accuracy)
            note("ConetCallback's option below is now called max_accuracy")
            max_accuracy = old
        for action in actions:
            if action not in ACTIONS:
                raise ConetError(f"action {action!r}", "an action of ConetCallback", nearest(action, ACTIONS))
        self.correct, self.max_accuracy, self.min_samples = correct, max_accuracy, min_samples
        self.actions = tuple(actions)
        self.given: dict[str, Any] = {"correct": correct, "window": window, "max_accuracy": max_accuracy}
        self.given |= {"min_samples": min_samples, "actions": list(actions), "interference": interference}
        self.given |= detector
        self.gradients = InterferenceWatch() if interference else None
        self.metrics: Any = None  # of the trainer
        self.detector, self.pool, self.live = Detector(**detector), Pool(window, ()), Live(max_accuracy)
        self.pending: list[Rollout] = []  # of this step, where it draws several times
        self.draws = 1  # of a step
        self.inside = False  # of a training step; rewards outside belong to an evaluation
        self.fired = False  # the heating signal, in this step
        self.ends: tuple[int | None, ...] = ()  # tokens that end a completion
        self.longest: int | None = None
        self.rate: float | None = None  # learning rate of this step
        self.evidence: dict[str, Any] = {"heat_now": False}

    def watch(self, reward: Callable[..., Any]) -> Callable[..., Any]:
        """Return a reward function that gives the same rewards and lets the callback see them.

        Where there are several, watch the one that says whether a completion is correct. ``None`` (does not
        apply) is no sample. A function that is asynchronous stays so.
        """

        def look(rewards: Sequence[float | None], given: dict[str, Any]) -> None:
            # On resuming, transformers may have put a new callback in this one's place.
            watcher = self if self.inside or ConetCallback.training is None else ConetCallback.training
            if watcher.inside:
                watcher._observe(rewards, given)

        if inspect.iscoroutinefunction(reward):

            @functools.wraps(reward)
            async def watched_later(**given: Any) -> Any:
                rewards = await reward(**given)
                look(rewards, given)
                return rewards

            return watched_later

        @functools.wraps(reward)
        def watched(**given: Any) -> Any:
            rewards = reward(**given)
            look(rewards, given)
            return rewards

        return watched

    def _observe(self, rewards: Sequence[float | None], given: dict[str, Any]) -> None:
        """Take in what was drawn, of all processes; once the step has drawn all, say what is known."""
        rows = list(zip(map(number_of, given["prompts"]), rewards, given["completion_ids"], strict=True))
        self.pending += [
            Rollout(
                number,
                float(reward),
                list(ids),
                "",
                was_cut_off(ids, self.longest, self.ends),
                full=self.correct,
            )
            for number, reward, ids in gather_object(rows)
            if reward is not None
        ]
        self.draws -= 1
        # TRL offers to log what is known before the update; what its gradients say is known after it.
        self.metrics = getattr(getattr(given.get("log_metric"), "__self__", None), "_metrics", None)
        if self.draws <= 0:
            self._close(given["trainer_state"], given.get("log_metric"))

    def _close(self, state: Any, log: Any = None) -> None:
        """Count what a step drew."""
        rollouts, self.pending, step = self.pending, [], state.global_step
        known, mix = self.detector.heat_now, self.detector.mix_step
        self.evidence = as_event(self.detector.update(step, *counted(rollouts)))
        self.pool.add(step, rollouts)
        values = self.live.observe(step, rollouts, self.pool, self.detector)
        eligible = len(self.pool.eligible(self.max_accuracy, self.min_samples))
        if self.detector.heat_now and not known:
            self.fired = True
            if state.is_world_process_zero and "say" in self.actions:
                said = evidence_in_words(self.evidence)
                logger.warning("conet: time to heat, at step %d: %s; %d problems", step, said, eligible)
        if self.detector.mix_step != mix and state.is_world_process_zero and "say" in self.actions:
            logger.warning("conet: at step %d: %s", step, self.detector.silent)
        values["eligible"] = eligible
        if self.rate is not None:
            values["learning_rate"] = self.rate
        for name, value in values.items() if log is not None else ():
            log(f"conet/{name}", float(value))

    def on_train_begin(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        """Learn how completions end, and go on from the checkpoint where there is one."""
        ConetCallback.training = self
        tokenizer, model = given.get("processing_class"), given.get("model")
        tokenizer = getattr(tokenizer, "tokenizer", tokenizer)
        named = getattr(getattr(model, "generation_config", None), "eos_token_id", None)
        listed = [named] if isinstance(named, int) else list(named or ())
        self.ends = (*listed, getattr(tokenizer, "eos_token_id", None))
        self.longest = getattr(args, "max_completion_length", None)
        if self.gradients is not None:
            self.gradients.attach(model)
        mine = state.stateful_callbacks.setdefault(type(self).__name__, self.state())
        if state.global_step and isinstance(mine, dict):
            self.kept = mine["attributes"]["kept"]

    def on_step_begin(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        """Rewards from here on belong to training."""
        self.inside, self.fired = True, False
        if self.gradients is not None:
            self.gradients.begin()
        every = getattr(args, "steps_per_generation", None) or args.gradient_accumulation_steps
        self.draws = max(1, args.gradient_accumulation_steps // (every * getattr(args, "num_iterations", 1)))
        optimizer = given.get("optimizer")
        self.rate = None if optimizer is None else float(optimizer.param_groups[0]["lr"])

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Rewards from here on belong to an evaluation; save or stop where the signal fired."""
        self.inside = False
        if self.pending:
            self._close(state)
        if self.gradients is not None:
            self.gradients.end()
            if self.metrics is not None:
                log_into(self.metrics, self.gradients.values())
        if self.fired:
            control.should_save = control.should_save or "save" in self.actions
            control.should_training_stop = control.should_training_stop or "stop" in self.actions

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Forget which training it was, and take the hooks out of the model."""
        ConetCallback.training = None
        if self.gradients is not None:
            self.gradients.detach()

    @property
    def kept(self) -> dict[str, Any]:
        """What a checkpoint must keep, as JSON values."""
        return {"detector": self.detector.state(), "pool": self.pool.state(), "live": self.live.state()}

    @kept.setter
    def kept(self, state: dict[str, Any]) -> None:
        self.detector.load(state["detector"])
        self.pool.load(state["pool"])
        self.live.load(state["live"])
        self.evidence = as_event(self.detector.evidence(self.detector.updates - 1))

    def state(self) -> dict[str, Any]:
        """Return options and state, for transformers."""
        return {"args": self.given, "attributes": {"kept": self.kept}}
