"""Annealed-RLVR for any trainer that is TRL's GRPOTrainer: the same phases, in the user's own script.

>>> class MyTrainer(AnnealingMixin, GRPOTrainer): ...                                   # doctest: +SKIP
>>> MyTrainer(model, reward_funcs=..., annealing={"steps": 30}).train()                 # doctest: +SKIP

It departs from GRPOTrainer in twelve places: which problems are asked and with which options, what a heating
step's batch is and its loss, that it draws no prompts, looking at the rollouts, weight of the entropy and
clip range of each token, changing the phase at the end of a step, which learning rate is logged, and saving
and loading a checkpoint.
"""

import logging
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from conet.base.errors import ConetError
from conet.llm.asking import Asking
from conet.llm.checkpointed import Checkpointed
from conet.llm.drift import Drift
from conet.llm.head import negative_log_likelihood, prepare_head
from conet.llm.hooks import PhaseCallback, defaults
from conet.llm.logged import Logged
from conet.llm.looking import Looking
from conet.llm.own_script import AnnealingSettings, check_trainer, in_words, settings_of
from conet.llm.phase_metrics import state_of_phase
from conet.llm.schedule import ATTRIBUTES
from conet.llm.supervised import Supervised
from conet.llm.weighing import Weighing
from conet.rollouts.pool import Rollout
from conet.runs.annealing import Annealing
from conet.runs.live import Live
from conet.runs.momentum import clear_momentum

if TYPE_CHECKING:
    from trl import GRPOTrainer
else:
    GRPOTrainer = object  # a class of the user's own stands behind the mixin

logger = logging.getLogger(__name__)


class AnnealingMixin(Asking, Looking, Supervised, Checkpointed, Weighing, Logged, GRPOTrainer):
    """GRPO by the phases of a schedule, such as GRPO, a short heating, and GRPO again.

    Put it before a GRPOTrainer, or a class of your own that is one. Reward functions of any kind, PEFT,
    evaluation sets and tools stay as they are.

    Parameters
    ----------
    annealing
        Settings (see :class:`conet.llm.own_script.AnnealingSettings`), or the state of a schedule.
    """

    def __init__(
        self,
        *args: Any,
        annealing: "Annealing | AnnealingSettings | Mapping[str, Any] | None" = None,
        **kwargs: Any,
    ) -> None:
        if isinstance(annealing, Annealing):
            self.annealing = annealing
            self.annealing_settings = None
        else:
            self.annealing_settings = settings_of(annealing)
        self.actions = {"heat"} if self.annealing_settings is None else set(self.annealing_settings.actions)
        self.taught = 0  # micro-batches of the demonstrations of this phase
        self.used: dict[str, Any] = {}  # options of this update
        self.entropy_top = 1.0  # share of the vocabulary among which the entropy is measured
        self.rate: float | None = None  # learning rate of this update
        self.entropy_weight = 0.0  # of the bonus in this update
        self._seen = {}
        self.heated = False  # whether this update was supervised
        self.fired = False  # the heating signal, in this update
        self.told_events = 0  # events that were told
        self.live, self.drift = Live(0.1), Drift()
        self.monitor_seconds = 0.0
        self.loaded: dict[str, Any] | None = None  # state of the checkpoint that the training goes on from
        super().__init__(*args, **kwargs)
        check_trainer(self)
        prepare_head(self)
        self.defaults = defaults(self)
        self.add_callback(PhaseCallback(self))

    # What the trainer calls.

    def _prepare_inputs(self, generation_batch: Any) -> Any:
        if self.model.training:
            if self.annealing.supervised:
                return self.heat_batch()
            every = self.args.steps_per_generation * self.num_iterations
            if self._step % every == 0 or self._buffered_inputs is None:
                generation_batch = self.chosen(generation_batch, self._step // every)
        return super()._prepare_inputs(generation_batch)

    def training_step(self, *args: Any, **kwargs: Any) -> Any:
        """One micro-batch; heating does not count, so that generations go on where they were."""
        supervised = self.annealing.supervised
        loss = super().training_step(*args, **kwargs)
        self._step -= supervised
        return loss

    def compute_loss(
        self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """Cross-entropy for heating, the mean over the tokens of an update; else the parent's loss."""
        if "labels" not in inputs:
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        tokens = inputs.pop("tokens")
        # Gradients are added up over micro-batches, and are the mean over processes.
        loss = negative_log_likelihood(model, inputs) * self.accelerator.num_processes / tokens
        parts = self.args.gradient_accumulation_steps
        self._metrics["train"]["conet/heat_loss"].append(loss.detach().item() * parts)
        return loss

    def _generate(self, prompts: Any) -> Any:
        found = super()._generate(prompts)
        self.written = found[:3]  # tokens of prompts and completions, and which of these are the model's own
        return found

    def _calculate_rewards(
        self, inputs: Any, prompts: Any, completions: Any, completion_ids_list: list[list[int]]
    ) -> Any:
        rewards = super()._calculate_rewards(inputs, prompts, completions, completion_ids_list)
        if not self.model.training:
            self.observe_evaluation(inputs, completions, rewards)
        else:
            begun = time.perf_counter()
            self.correct = self.one_reward(rewards) >= self.correct_from
            found = self.rollouts_of(self.numbers_of(inputs), self.written, completions, rewards)
            self.observe([one for one in found if one is not None])
            self.monitor_seconds += time.perf_counter() - begun
        return rewards

    # What is new.

    def scored(self, inputs: Any, prompts: Any, completions: Any, ids: list[list[int]]) -> Any:
        """Return what the reward functions say of completions that are not trained on, of all processes."""
        return super()._calculate_rewards(inputs, prompts, completions, ids)

    def observe(self, rollouts: list[Rollout]) -> None:
        """Take in the gathered rollouts of a step, alike on every process."""
        annealing, step, detector = self.annealing, self.state.global_step, self.annealing.tracker.detector
        known = detector.heat_now
        evidence = annealing.observe(step, rollouts)
        self.fired = self.fired or (evidence["heat_now"] and not known)
        self.log_values(self.live.observe(step, rollouts, annealing.pool, detector))

    def observe_evaluation(self, inputs: Any, completions: Any, rewards: Any) -> None:
        """Take in completions of an evaluation; here nothing is done with them."""

    def end_step(self, step: int) -> None:
        """Change the phase where it is due; ``step`` updates are done."""
        annealing, tracker = self.annealing, self.annealing.tracker
        self.heated = supervised = annealing.supervised
        if not supervised:
            entropy = self.measured("entropy")
            tracker.entropy = tracker.entropy if entropy is None else entropy
        self.log_values(state_of_phase(self, supervised) | self.in_use())
        boundary = self._step % (self.args.steps_per_generation * self.num_iterations) == 0
        if step == self.state.max_steps:
            tracker.finish()
        elif supervised or boundary:
            tracker.advance(step, self.prepare)
            if annealing.supervised and not supervised:
                self.drift.begin(self.model.parameters())
            if supervised and not annealing.supervised and annealing.settings.clear_momentum:
                clear_momentum(self.optimizer)
        self.tell()

    def options_now(self, step: int) -> dict[str, Any]:
        """Return the options of the phase at this step."""
        options = self.annealing.tracker.options(step)
        if self.annealing.supervised:
            options.setdefault("learning_rate", self.annealing.settings.learning_rate)
        return options

    def apply(self, options: dict[str, Any]) -> None:
        """Set options of a phase, and what other phases set as it was at the start."""
        self._seen = {}
        # The rest is TRL's own: it may adapt the weight of the entropy.
        for name in self.annealing.tracker.option_names:
            for key, value in zip(ATTRIBUTES.get(name, ()), self.defaults.get(name, ())):
                setattr(self, key, value)
        for name, value in sorted(options.items()):  # `clip_high` after `clip`, which sets both ends
            for key in ATTRIBUTES.get(name, ()):
                setattr(self, key, value)
        if "learning_rate" in options:
            for group in self.optimizer.param_groups:
                group["lr"] = options["learning_rate"]
        self.used = {f"option.{name}": options.get(name) for name in self.annealing.tracker.option_names}
        self.rate = float(self.optimizer.param_groups[0]["lr"])
        # TRL's control leaves the bonus out above its target, and changes the weight before the update ends.
        off = self.use_adaptive_entropy and self._last_world_entropy > self.args.entropy_target
        self.entropy_weight = 0.0 if off else float(self.entropy_coef)

    def tell(self) -> None:
        """Tell what has happened since it was last told."""
        events = self.annealing.events
        for event in events[self.told_events :]:
            text = in_words(event)
            if text:
                self.say(text)
        self.told_events = len(events)

    def say(self, text: str) -> None:
        """Say something once, however many processes there are."""
        if self.is_world_process_zero():
            logger.warning("conet: %s", text)


def annealed(trainer: type) -> type:
    """Return a trainer's class with annealing inside.

    Raises
    ------
    ConetError
        When it is no GRPOTrainer.
    """
    from trl import GRPOTrainer as Base

    if not (isinstance(trainer, type) and issubclass(trainer, Base)):
        raise ConetError(
            f"annealed({trainer!r})"[:200], "a class that is a GRPOTrainer", "give TRL's, or yours"
        )
    return type(f"Annealed{trainer.__name__}", (AnnealingMixin, trainer), {})
