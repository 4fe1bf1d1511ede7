"""Foreign SFT on a trained policy: what it destroys, and how fast RLVR mends it."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from conet.cells.cell import Arrays
from conet.cells.training import QUIET, fine_tune, kept, start, train
from conet.engine import exact
from conet.engine import sample as streams
from conet.engine.sample import Walks, stream_key
from conet.engine.tables import TablePolicy
from conet.network.problems import Problems
from conet.observables.damage import damage
from conet.runs.demonstrations import demonstrations
from conet.runs.trainer import Trainer

RECOVERY = (0, 1, 2, 5, 10, 20, 50)  # RLVR updates after the SFT
LOOKS = 4096  # walks a foreign problem, of the uniform policy, to find one that is correct
EDGES = ("traffic", "betweenness", "disconnected")  # what is compared between flipped and random edges
PARTS = ("mean", "random_mean", "taught_mean")
COUNTS = ("flips", "flipped_share", "connected_before", "connected_after")


def forgetting_run(
    seed: int,
    foreign: Sequence[int],
    sft_steps: Sequence[int],
    sft_learning_rate: float,
    changes: Mapping[str, Any],
) -> Arrays:
    """Train, then for each number of foreign problems and SFT steps: fine-tune, damage, recover.

    Foreign problems: pairs of nodes that are no question or answer. Each has as its demonstration the
    first correct walk of the uniform policy, as demonstrations from elsewhere would be.

    Returns
    -------
    dict of arrays
        ``recovery``, shape (foreign, sft_steps, :data:`RECOVERY`): exact accuracy on the own problems;
        ``before``; ``damage.<name>``, shape (foreign, sft_steps), for :data:`COUNTS`, and :data:`PARTS`
        of :data:`EDGES`.
    """
    trainer = start("reference", seed, {**QUIET, **changes})
    train(trainer)
    trained = kept(trainer)
    shown = foreign_demonstrations(trainer, max(foreign))
    before = TablePolicy(trainer.policy.graph, trainer.policy.logits)
    walks = trainer.sample(64, streams.TRAFFIC)
    recovery = np.zeros((len(foreign), len(sft_steps), len(RECOVERY)))
    found: dict[str, np.ndarray] = {}
    for row, count in enumerate(foreign):
        chosen = shown.select(np.arange(min(count, len(shown.length))))
        for column, steps in enumerate(sft_steps):
            trainer.load(*trained)
            fine_tune(trainer.policy, chosen, steps, sft_learning_rate)
            for name, value in _damage(before, trainer, walks, chosen).items():
                found.setdefault(name, np.zeros(recovery.shape[:2]))[row, column] = value
            recovery[row, column] = _recover(trainer)
    accuracy = exact.solve(before, trainer.problems).success.mean()
    return {"recovery": recovery, "before": np.array(accuracy)} | found


def foreign_demonstrations(trainer: Trainer, count: int) -> Walks:
    """Return correct walks of up to so many foreign problems."""
    problems, graph, seed = trainer.problems, trainer.policy.graph, trainer.config.seed
    rng = np.random.default_rng([seed, 3])
    free = rng.permutation(np.setdiff1d(np.arange(graph.nodes), np.r_[problems.questions, problems.answers]))
    pairs = free[: 2 * (count + 8)].astype(np.int32)  # a few more: some have no correct walk
    foreign = Problems(pairs[::2], pairs[1::2], problems.max_length)
    walks = TablePolicy(graph).sample(foreign, LOOKS, stream_key(seed, 0, streams.HARVEST))
    found = demonstrations(walks, np.inf, "first", seed)
    return found.select(np.arange(min(count, len(found.length))))


def _recover(trainer: Trainer) -> list[float]:
    curve, start_step = [], trainer.step
    for updates in RECOVERY:
        train(trainer, start_step + updates)
        curve.append(float(exact.solve(trainer.policy, trainer.problems).success.mean()))
    return curve


def _damage(before: TablePolicy, trainer: Trainer, walks: Walks, taught: Walks) -> dict[str, float]:
    report: Any = damage(before, trainer.policy, trainer.problems, walks, draws=1, taught=taught)
    flat = {f"damage.{name}": report[name] for name in COUNTS}
    return flat | {f"damage.{name}.{part}": report[name][part] for name in EDGES for part in PARTS}
