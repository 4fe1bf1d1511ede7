"""When paths begin to avoid each other: islands of committed problems against those of random paths."""

from collections.abc import Mapping
from dataclasses import astuple
from typing import Any

import numpy as np

from conet.cells.cell import Arrays, Cell
from conet.cells.training import QUIET, start, train
from conet.network.random_paths import ways
from conet.observables.path_islands import path_islands
from conet.runs.trainer import Trainer

EVERY = 5  # steps between two looks
NAMES = ("committed", "islands", "largest", "random_islands", "random_largest", "mean_field")


def cell(seed: int, changes: Mapping[str, Any]) -> Cell:
    """Return the cell of one run (see :func:`percolation_run`)."""
    return Cell("conet.cells.percolation:percolation_run", {"seed": seed, "changes": dict(changes)})


def percolation_run(seed: int, changes: Mapping[str, Any]) -> Arrays:
    """Train `reference` with changes, and compare islands every 5 steps.

    Returns
    -------
    dict of arrays
        The fields of :class:`conet.observables.path_islands.PathIslands` at each
        look, shape (looks,), float64; ``problems``.
    """
    trainer = start("reference", seed, {**QUIET, **changes})
    problems = trainer.problems
    found = ways(trainer.policy.graph, problems.answers, problems.max_length)

    def look(trainer: Trainer) -> tuple[float, ...]:
        rng = np.random.default_rng([seed, 7, trainer.step])
        return astuple(path_islands(trainer.policy, problems, found, rng))

    steps = range(0, trainer.config.steps + 1, EVERY)
    record = train(trainer, looks={"paths": (steps, look)})
    columns = np.array(record.seen("paths"), np.float64).T
    return {**dict(zip(NAMES, columns)), "problems": np.asarray(len(problems))}
