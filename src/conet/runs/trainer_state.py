"""What a checkpoint keeps of a trainer, so that it goes on bit for bit."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from conet.engine.sample import Walks

if TYPE_CHECKING:
    from conet.runs.trainer import Trainer

WALKS = ("problems", "starts", "edges", "length", "correct")
KEPT = ("step", "walker_steps", "rollouts", "failed_rollouts", "seconds")


def state_of(trainer: "Trainer") -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Return a trainer's state as arrays and as JSON values."""
    arrays = trainer.policy.state()
    for kind, optimizer in trainer.optimizers.items():
        arrays |= {f"{kind}.{name}": array for name, array in optimizer.state().items()}
    if trainer.demonstrations is not None:
        arrays |= {f"demonstrations.{name}": getattr(trainer.demonstrations, name) for name in WALKS}
    arrays |= {f"memory.{name}": array for name, array in trainer.memory.state().items()}
    kept = {name: getattr(trainer, name) for name in KEPT} | trainer.tracker.state()
    return arrays, kept | {"entropy": trainer.entropy(), "evaluation": trainer.evaluation.value}


def load_into(trainer: "Trainer", arrays: Mapping[str, np.ndarray], state: Mapping[str, Any]) -> None:
    """Put into a trainer what :func:`state_of` returned."""
    trainer.policy.load(arrays)
    for name in KEPT:
        setattr(trainer, name, state.get(name, 0) if name == "failed_rollouts" else state[name])
    trainer.tracker.load(state)
    trainer.drawn, trainer.known_entropy = False, state["entropy"]
    trainer.evaluation.value = state["evaluation"]
    for kind, optimizer in trainer.optimizers.items():
        optimizer.load(_under(arrays, f"{kind}."))
    trainer.memory.load(_under(arrays, "memory."))
    demonstrated = _under(arrays, "demonstrations.")
    trainer.demonstrations = Walks(**demonstrated, rollouts=1) if demonstrated else None
    trainer.tracker.draws = trainer.demonstrations is None


def _under(arrays: Mapping[str, np.ndarray], prefix: str) -> dict[str, Any]:
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
