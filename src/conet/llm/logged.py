"""What a trainer with annealing logs: a part of :class:`conet.llm.mixin.AnnealingMixin`."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trl import GRPOTrainer
else:
    GRPOTrainer = object


class Logged(GRPOTrainer):
    """The trainer's log: its own numbers beside those of the annealing, and completions of their own step."""

    rate: float | None
    heated: bool
    log_completions: bool

    def log(self, logs: dict[str, float], *args: Any, **kwargs: Any) -> None:
        """Log the learning rate that was used, and no completions of other steps.

        TRL writes the last completions under every step that is logged: those of an evaluation over those of
        the training, and both again at each heating step, which draws none.
        """
        if "learning_rate" in logs and self.rate is not None:
            logs = logs | {"learning_rate": self.rate}
        asked = self.log_completions
        self.log_completions = asked and self.model.training and not self.heated
        try:
            super().log(logs, *args, **kwargs)
        finally:
            self.log_completions = asked
            if not self.model.training:
                self.forget_completions()

    def forget_completions(self) -> None:
        """Let what an evaluation has drawn not be written among the completions of the training."""
        for kept in self._logs.values():
            for values in kept.values() if isinstance(kept, dict) else (kept,):
                values.clear()

    def log_values(self, values: Mapping[str, float | None]) -> None:
        """Add to the trainer's metrics what is known."""
        for name, value in values.items():
            if value is not None:
                self._metrics["train"][f"conet/{name}"].append(float(value))

    def measured(self, name: str) -> float | None:
        """Return what the parent measured in this update, over its micro-batches; None where it did not."""
        values = self._metrics["train"].get(name, [])[-self.args.gradient_accumulation_steps :]
        return sum(values) / len(values) if values else None
