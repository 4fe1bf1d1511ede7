"""What TRL's trainer is told while it trains: the options of a phase, and when an update is done."""

import time
from typing import TYPE_CHECKING, Any

from transformers import TrainerCallback

from conet.llm.interference import InterferenceWatch
from conet.llm.schedule import ATTRIBUTES

if TYPE_CHECKING:
    from conet.llm.mixin import AnnealingMixin


class PhaseCallback(TrainerCallback):
    """Tells the trainer when the training and each update begin and end.

    All state is the trainer's, so nothing is lost when callbacks are made anew on resuming.
    """

    def __init__(self, trainer: "AnnealingMixin") -> None:
        self.trainer = trainer
        asked = trainer.annealing_settings
        wanted = trainer.interference if asked is None else asked.interference
        trainer.gradients = InterferenceWatch() if wanted else None

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Begin the first phase, unless a checkpoint says which one it is."""
        if self.trainer.gradients is not None:
            self.trainer.gradients.attach(self.trainer.model)
        self.trainer.begin()

    def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Set the options of the phase; the scheduler sets the rate again when the update is done."""
        if self.trainer.gradients is not None:
            self.trainer.gradients.begin()
        self.trainer.apply(self.trainer.options_now(state.global_step))

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Close the update, and save or stop where the heating signal fired and that was asked for."""
        fired = self.trainer.fired
        if self.trainer.gradients is not None:
            begun = time.perf_counter()
            self.trainer.gradients.end()
            self.trainer.log_values(self.trainer.gradients.values())
            self.trainer.monitor_seconds += time.perf_counter() - begun
        self.trainer.end_step(state.global_step)
        if fired:
            control.should_save = control.should_save or "save" in self.trainer.actions
            control.should_training_stop = control.should_training_stop or "stop" in self.trainer.actions
            self.trainer.fired = False

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Take the hooks out of the model."""
        if self.trainer.gradients is not None:
            self.trainer.gradients.detach()

    def on_evaluate(self, args: Any, state: Any, control: Any, metrics: Any = None, **_: Any) -> None:
        """Keep an evaluation for the triggers."""
        found = {name.removeprefix("eval_"): value for name, value in (metrics or {}).items()}
        numbers = {name: float(value) for name, value in found.items() if isinstance(value, int | float)}
        self.trainer.annealing.tracker.evaluation = numbers | {"step": state.global_step}


def defaults(trainer: Any) -> dict[str, tuple[float, ...]]:
    """Return the values that the trainer began with of everything that a phase may set."""
    return {name: tuple(getattr(trainer, key) for key in keys) for name, keys in ATTRIBUTES.items()}
