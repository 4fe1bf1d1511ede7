"""One rule of learning at one load: tuned on some seeds, measured on others."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from conet.base.errors import ConetError
from conet.cells.cell import Arrays, Cell
from conet.cells.training import QUIET, start, train
from conet.engine import exact
from conet.engine.ground_state import ground_state
from conet.runs.trainer import Trainer

UPDATES, WALKS = 832, 6656  # gradient steps, and walks of each problem, that no rule exceeds
POINT = 64  # walks of each problem from one point of a curve to the next
PASS_K = 64


def cell(
    rule: str,
    candidates: Sequence[Mapping[str, Any]],
    tuning_seeds: Sequence[int],
    seeds: Sequence[int],
    changes: Mapping[str, Any],
) -> Cell:
    """Return the cell of a rule at a load (see :func:`entered`)."""
    arguments = {
        "rule": rule,
        "candidates": [dict(each) for each in candidates],
        "tuning_seeds": list(tuning_seeds),
        "seeds": list(seeds),
        "changes": dict(changes),
    }
    return Cell("conet.cells.league:entered", arguments)


def ground_cell(seeds: Sequence[int], changes: Mapping[str, Any]) -> Cell:
    """Return the cell of the ground states of a load (see :func:`grounds`)."""
    return Cell("conet.cells.league:grounds", {"seeds": list(seeds), "changes": dict(changes)})


def entered(
    rule: str,
    candidates: Sequence[Mapping[str, Any]],
    tuning_seeds: Sequence[int],
    seeds: Sequence[int],
    changes: Mapping[str, Any],
) -> Arrays:
    """Choose the candidate of highest mean pass@1 on the tuning seeds, and train it on the others.

    A candidate is a dict of settings, with ``rate``: the learning rate over the number of problems. Steps
    are as many as the budget allows it. ``rule`` is its name.

    Returns
    -------
    dict of arrays
        ``tuning``: exact pass@1 of shape (candidates, tuning seeds), 0 where a run diverged; of the chosen
        one (none is chosen from a single candidate) ``pass@1`` and ``pass@64`` of shape (seeds,), ``curve``
        of shape (seeds, points): accuracy of the last rollouts of each problem after every 64 walks a
        problem; ``spent`` of shape (seeds, 3): updates, walks a problem, and hops a problem.
    """
    tuning = np.zeros((len(candidates), len(tuning_seeds)))
    if len(candidates) > 1:
        for row, candidate in enumerate(candidates):
            tuning[row] = [_tried(candidate, seed, changes) for seed in tuning_seeds]
    runs = [_run(candidates[chosen(tuning)], seed, changes) for seed in seeds]
    return {"tuning": tuning} | {name: np.array([run[name] for run in runs]) for name in runs[0]}


def chosen(tuning: np.ndarray) -> int:
    """Return the candidate of highest mean."""
    return int(tuning.mean(axis=1).argmax())


def grounds(seeds: Sequence[int], changes: Mapping[str, Any]) -> Arrays:
    """Search for the ground state of each seed.

    Returns
    -------
    dict of arrays
        ``ground``: the share of the problems that the best policy found solves, shape (seeds,).
    """
    trainers = [start("reference", seed, {**QUIET, **changes}) for seed in seeds]
    found = [ground_state(one.policy.graph, one.problems) for one in trainers]
    return {"ground": np.array([one.solved_share for one in found])}


def settings_of(candidate: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the changes to `reference` that make a candidate's run, with the steps of the budget."""
    named = {name: value for name, value in candidate.items() if name != "rate"}
    rollouts, epochs = candidate.get("learner.rollouts", 8), candidate.get("learner.epochs", 1)
    harvest = 256 if candidate.get("schedule.name") == "annealed_rlvr" else 0
    steps = min(UPDATES // epochs, (WALKS - harvest) // rollouts)
    rate = candidate["rate"] * changes["problems.count"]
    return {**QUIET, "steps": steps, "learner.learning_rate": rate, **named, **changes}


def _tried(candidate: Mapping[str, Any], seed: int, changes: Mapping[str, Any]) -> float:
    try:
        return float(_run(candidate, seed, changes)["pass@1"])
    except ConetError:  # it diverged
        return 0.0


def _run(candidate: Mapping[str, Any], seed: int, changes: Mapping[str, Any]) -> dict[str, Any]:
    trainer = start("reference", seed, settings_of(candidate, changes))
    count = len(trainer.problems)
    last, curve = np.zeros(count), np.full(WALKS // POINT, np.nan)

    def look(trainer: Trainer) -> None:
        walks = trainer.walks
        last[walks.problems] = walks.correct.reshape(-1, walks.rollouts).mean(axis=1)
        points = min(trainer.rollouts // (POINT * count), len(curve))
        curve[:points][np.isnan(curve[:points])] = last.mean()

    train(trainer, looks={"last": (range(1, trainer.config.steps + 1), look)})
    success = exact.solve(trainer.policy, trainer.problems).success
    return {
        "pass@1": success.mean(),
        "pass@64": np.mean(1.0 - (1.0 - success) ** PASS_K),
        "curve": curve,
        "spent": [trainer.step, trainer.rollouts / count, trainer.walker_steps / count],
    }
