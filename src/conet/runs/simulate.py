"""A training in memory from beginning to end, and what is measured on it beside its steps."""

from typing import TYPE_CHECKING, Any

import numpy as np

from conet.config import Config
from conet.network import graph as graphs
from conet.network.problems import Problems
from conet.runs.recorder import table
from conet.runs.schedule import Phase
from conet.runs.trainer import Progress, Trainer

if TYPE_CHECKING:
    import polars


def simulate(
    config: Config, progress: Progress | None = None, **objects: Any
) -> "tuple[polars.DataFrame, Trainer]":
    """Train in memory, leaving nothing on disk; what sweeps and experiments use.

    Returns
    -------
    tuple of polars.DataFrame and Trainer
        The metrics, one row a step, and the finished trainer.
    """
    trainer = Trainer(config, **objects)
    rows = []
    while trainer.step < config.steps:
        rows.append(trainer.advance())
        if progress:
            progress(rows[-1])
    trainer.state()  # says so where the training has diverged
    return table(rows), trainer


def warm_up(trainer: Trainer) -> None:
    """Compile what this training will call, on a tiny one, so that its time is training alone."""
    sizes: dict[str, Any] = {
        "graph": graphs.regular(12, 3, 0),
        "tasks": Problems(np.array([0], np.int32), np.array([1], np.int32), 4),
    }
    settings = Config().override({"steps": 1, "snapshots.traffic_walks": 2, "snapshots.pass_walks": 2})
    tiny = Trainer(
        settings,
        learner=trainer.learner,
        phases=(Phase(trainer.phases[-1].name, learner=trainer.learners[-1]),),
        **sizes,
    )
    tiny.advance()
    tiny.measure()
