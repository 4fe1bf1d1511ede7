"""What the actions of a steered run do to a training of walks."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, get_args

from conet.base.errors import ConetError
from conet.config import validated
from conet.config.settings import ScheduleSettings
from conet.learners import optim
from conet.learners.grpo import GRPO
from conet.runs.schedule import After, Phase
from conet.runs.walk_schedule import learner_of

if TYPE_CHECKING:
    from conet.runs.trainer import Trainer

HEAT_STEPS = 10  # updates of a heating where nothing is said, as schedule.heat_steps
Action = Literal["pause", "go", "heat", "temperature", "stop"]
ACTIONS: tuple[Action, ...] = get_args(Action)


def check(action: str, value: Any) -> None:
    """Refuse what no run can do, in the words of the command line.

    Raises
    ------
    ConetError
    """
    if action not in ACTIONS:
        known = f"one of {', '.join(ACTIONS)}"
        raise ConetError(f"the action {action!r}"[:100], known, "choose one of these")
    if action == "temperature":
        validated(GRPO, {"entropy": value}, prefix="learner.")
    elif action == "heat" and value is not None:
        validated(ScheduleSettings, {"heat_steps": value}, prefix="schedule.")


def check_now(trainer: "Trainer", action: str) -> None:
    """Refuse what this run cannot do at this moment.

    Raises
    ------
    ConetError
    """
    if action != "heat":
        return
    if trainer.phase.heats or trainer.tracker.waiting is not None:
        raise ConetError("a heating while one goes on, or is due", "one at a time", "wait until it ends")
    if trainer.learner.learns_from != "rollouts":
        raise ConetError("a heating of a run that learns from demonstrations", "RLVR", "begin a run of RLVR")


def apply(trainer: "Trainer", row: Mapping[str, Any]) -> None:
    """Do one action at this update."""
    if row["action"] == "heat":
        _insert(trainer, row)
        trainer.tracker.begin_next(trainer.step, "asked for", trainer.prepare)
    else:
        restore(trainer, row)


def restore(trainer: "Trainer", row: Mapping[str, Any]) -> None:
    """Do of an action what the state of a checkpoint does not hold: phases, and the temperature."""
    if row["action"] == "temperature":
        trainer.steered = {"entropy": float(row["value"])}
    elif row["action"] == "heat":
        _insert(trainer, row)


def _insert(trainer: "Trainer", row: Mapping[str, Any]) -> None:
    """Put a heating behind the phase of then, and the same phase again behind the heating."""
    index = int(row["phase_index"])
    updates = HEAT_STEPS if row["value"] is None else int(row["value"])
    heat = Phase("heat", until=After(updates), learner="sft", demonstrations="hard")
    learner = learner_of(heat, trainer.learner, trainer.config.schedule.sft_learning_rate)
    trainer.phases = (*trainer.phases[: index + 1], heat, *trainer.phases[index:])
    trainer.learners = [*trainer.learners[: index + 1], learner, *trainer.learners[index:]]
    trainer.tracker.phases = trainer.phases
    if learner.optimizer not in trainer.optimizers:
        trainer.optimizers[learner.optimizer] = optim.make(learner.optimizer, trainer.policy.graph.edges)
