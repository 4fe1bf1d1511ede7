"""Foreign SFT on a trained policy: what it destroys, and how fast RLVR mends it."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from conet.cells.cell import Arrays
from conet.config import preset
from conet.engine import exact
from conet.engine import sample as streams
from conet.engine.gradient import from_walks
from conet.engine.sample import Walks, stream_key
from conet.engine.tables import TablePolicy
from conet.learners.optim import SGD
from conet.network.problems import Problems
from conet.observables.damage import damage
from conet.runs.demonstrations import demonstrations
from conet.runs.trainer import Trainer

RECOVERY = (0, 1, 2, 5, 10, 20, 50)  # RLVR updates after the SFT
LOOKS = 4096  # walks a foreign question, of the uniform policy, to find one that is correct


def forgetting_run(
    seed: int, foreign: Sequence[int], sft_steps: Sequence[int], strength: float, changes: Mapping[str, Any]
) -> Arrays:
    """Train, then for each number of foreign tasks and SFT steps: fine-tune, damage, recover.

    Foreign tasks: pairs of nodes that are no question or answer. Each is taught the first correct
    walk of the uniform policy, as demonstrations from elsewhere would be.

    Returns
    -------
    dict of arrays
        ``recovery``, shape (foreign, sft_steps, :data:`RECOVERY`): exact accuracy on the own questions;
        ``before``; ``damage.<name>``, shape (foreign, sft_steps).
    """
    config = preset("reference").override(
        {"seed": seed, "snapshots.steps": [], "snapshots.web_every": 0, **changes}
    )
    training = Trainer(config)
    while training.step < config.steps:
        training.advance()
    arrays, state = training.state()
    kept = ({name: array.copy() for name, array in arrays.items()}, state)
    lessons = foreign_lessons(training, max(foreign))
    before = TablePolicy(training.policy.graph, training.policy.logits)
    walks = training.sample(64, streams.TRAFFIC)
    recovery = np.zeros((len(foreign), len(sft_steps), len(RECOVERY)))
    found: dict[str, np.ndarray] = {}
    for row, count in enumerate(foreign):
        for column, steps in enumerate(sft_steps):
            training.load(*kept)
            _fine_tune(
                training.policy, lessons.select(np.arange(min(count, len(lessons.length)))), steps, strength
            )
            for name, value in _flat(
                damage(before, training.policy, training.tasks, walks, draws=200)
            ).items():
                found.setdefault(name, np.zeros((len(foreign), len(sft_steps))))[row, column] = value
            recovery[row, column] = _recover(training)
    accuracy = exact.solve(before, training.tasks).success.mean()
    return {"recovery": recovery, "before": np.array(accuracy)} | {f"damage.{k}": v for k, v in found.items()}


def foreign_lessons(training: Trainer, count: int) -> Walks:
    """Return correct walks of up to so many foreign tasks."""
    tasks, graph = training.tasks, training.policy.graph
    rng = np.random.default_rng([training.config.seed, 3])
    free = rng.permutation(np.setdiff1d(np.arange(graph.nodes), np.r_[tasks.questions, tasks.answers]))
    pairs = free[: 2 * (count + 8)].astype(np.int32)  # a few more: some have no correct walk
    foreign = Problems(pairs[::2], pairs[1::2], tasks.max_length)
    key = stream_key(training.config.seed, 0, streams.HARVEST)
    found = demonstrations(
        TablePolicy(graph).sample(foreign, LOOKS, key), np.inf, "first", training.config.seed
    )
    return found.select(np.arange(min(count, len(found.length))))


def _fine_tune(policy: TablePolicy, lessons: Walks, steps: int, strength: float) -> None:
    optimizer = SGD()
    for _ in range(steps):
        optimizer.step(policy, from_walks(policy, lessons, np.ones(len(lessons.length))), strength)


def _recover(training: Trainer) -> list[float]:
    curve, start = [], training.step
    for updates in RECOVERY:
        while training.step < start + updates:
            training.advance()
        curve.append(float(exact.solve(training.policy, training.tasks).success.mean()))
    return curve


def _flat(report: Mapping[str, Any]) -> dict[str, float]:
    flat: dict[str, float] = {}
    for name, value in report.items():
        if isinstance(value, Mapping):
            flat |= {f"{name}.{key}": part for key, part in value.items()}
        else:
            flat[name] = value
    return flat
