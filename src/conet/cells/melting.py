"""Whether runs order at constant temperature, begun without order and with it; how quenched ones freeze."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from conet.cells.cell import Arrays, Cell
from conet.cells.training import QUIET, start, train
from conet.engine import exact
from conet.engine.ground_state import ground_state
from conet.runs import critical
from conet.runs.trainer import Trainer

WEIGHTS = tuple(2.0 ** (half / 2) for half in range(9))  # of the entropy, over the mean-field estimate
FIRM = 8.0  # logit with which an ordered run begins, where the ground state goes; 0 elsewhere
TIME = 1000.0  # updates times learning rate over problems, of every quench


def cell(seed: int, ordered: bool, changes: Mapping[str, Any]) -> Cell:
    """Return the cell of one world and seed (see :func:`heated`)."""
    return Cell("conet.cells.melting:heated", {"seed": seed, "ordered": ordered, "changes": dict(changes)})


def heated(seed: int, ordered: bool, changes: Mapping[str, Any]) -> Arrays:
    """Train at each of :data:`WEIGHTS`, times the mean-field estimate.

    Parameters
    ----------
    ordered
        Whether runs begin at the ground state, or else at the uniform policy.

    Returns
    -------
    dict of arrays
        ``weight`` of the entropy, and exact ``accuracy`` at the end, each of shape (weights,).
    """
    changes = {**QUIET, **changes}
    first = start("reference", seed, changes)
    weights = mean_field(first) * np.array(WEIGHTS)
    accuracy = np.zeros(len(weights))
    best = ground_state(first.policy.graph, first.problems).next_node if ordered else None
    for place, weight in enumerate(weights):
        trainer = start("reference", seed, {**changes, "learner.entropy": float(weight)})
        if best is not None:
            _order(trainer, best)
        train(trainer)
        accuracy[place] = exact.solve(trainer.policy, trainer.problems).success.mean()
    return {"weight": weights, "accuracy": accuracy}


def mean_field(trainer: Trainer) -> float:
    """Return the mean-field estimate for a run (see :func:`conet.runs.critical.estimate`)."""
    return critical.estimate(trainer.policy.graph, trainer.problems, trainer.learner.rollouts).weight


def _order(trainer: Trainer, best: np.ndarray) -> None:
    graph = trainer.policy.graph
    trainer.policy.logits[graph.targets == best[graph.sources()]] = FIRM
    trainer.policy.refresh()


def quench_cell(seed: int, rates: Sequence[float], changes: Mapping[str, Any]) -> Cell:
    """Return the cell of one world and seed at several rates (see :func:`quenched`)."""
    return Cell(
        "conet.cells.melting:quenched", {"seed": seed, "rates": list(rates), "changes": dict(changes)}
    )


def quenched(seed: int, rates: Sequence[float], changes: Mapping[str, Any]) -> Arrays:
    """Train without a bonus at several rates, for as long as the rate is slow.

    Parameters
    ----------
    rates
        Learning rates over the number of problems; updates times this are the same for all.

    Returns
    -------
    dict of arrays
        ``residual``: share that the ground state solves less the exact accuracy at the end, shape (rates,).
    """
    changes = {**QUIET, **changes}
    found = []
    for rate in rates:
        own = {"steps": round(TIME / rate), "learner.learning_rate": rate * changes["problems.count"]}
        trainer = start("reference", seed, {**own, **changes})
        train(trainer)
        found.append(exact.solve(trainer.policy, trainer.problems).success.mean())
    best = ground_state(trainer.policy.graph, trainer.problems).solved_share
    return {"residual": best - np.array(found)}
