"""What the trainer's metrics say of the phase: which it is, how far a heating is, and on what it heats."""

from typing import Any

from conet.runs.cooling import target_of


def state_of_phase(trainer: Any, supervised: bool) -> dict[str, float | None]:
    """Return the numbers of the update that was just made.

    Parameters
    ----------
    trainer
        A :class:`conet.llm.mixin.AnnealingMixin`.
    supervised
        Whether it learned from demonstrations.

    Returns
    -------
    dict
        ``phase`` (its number from 0), ``heating`` (0 or 1), ``learning_rate`` (that was used), ``entropy``
        (nats a token), ``entropy_weight`` (of its bonus), ``entropy_target`` (what a controller steers for,
        nats a token) and ``weights_moved`` (distance from the weights before the last heating, relative to
        their norm); while heating also ``heating_epoch`` (passes over the heat set), and of the heat set
        ``heat_set/size``, ``heat_set/length`` (mean, in tokens) and ``heat_set/truncated`` (share). None
        where it is not known.
    """
    annealing = trainer.annealing
    found: dict[str, float | None] = {
        "phase": annealing.tracker.phase_index,
        "heating": float(supervised),
        "learning_rate": trainer.rate,
        "entropy": None if supervised else trainer.measured("entropy"),
        "entropy_weight": None if supervised else trainer.entropy_weight,
        "entropy_target": None if supervised else _target(trainer),
        "weights_moved": trainer.drift.distance(trainer.model.parameters()),
    }
    items = annealing.demonstrations
    if not items:
        return found
    size = min(trainer.args.per_device_train_batch_size, len(items))  # of a micro-batch, on one process
    drawn = trainer.taught * size * trainer.accelerator.num_processes
    cut = [trainer.cut_off(item.tokens, item.own) for item in items]
    return found | {
        "heating_epoch": drawn / len(items),
        "heat_set/size": float(len(items)),
        "heat_set/length": sum(item.length for item in items) / len(items),
        "heat_set/truncated": sum(cut) / len(items),
    }


def _target(trainer: Any) -> float | None:
    """Return what a controller of the schedule steers for, or else TRL's own."""
    tracker = trainer.annealing.tracker
    if "entropy" in tracker.phase.options:
        return target_of(tracker.phase.options["entropy"], tracker.clock(trainer.state.global_step))
    return float(trainer.args.entropy_target) if trainer.use_adaptive_entropy else None
