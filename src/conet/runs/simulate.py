"""A training in memory from beginning to end, and what is measured on it beside its steps."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from conet.config import Config
from conet.learners import LEARNERS, Learner
from conet.learners.grpo import GRPO
from conet.network import graph as graphs
from conet.network.graph import Graph
from conet.network.problems import Problems
from conet.observables.standard import Observables
from conet.runs.objects import checked
from conet.runs.progress import Progress, watched
from conet.runs.schedule import Phase, Schedule
from conet.runs.tables import table
from conet.runs.trainer import Trainer

if TYPE_CHECKING:
    import polars


@checked
def simulate(
    config: Config,
    progress: bool | Progress | None = None,
    *,
    graph: Graph | None = None,
    problems: Problems | None = None,
    learner: Learner | None = None,
    observables: Observables | None = None,
    schedule: Schedule | Sequence[Phase] | None = None,
    threads: int = 1,
) -> "tuple[polars.DataFrame, Trainer]":
    """Train in memory, leaving nothing on disk; what sweeps and experiments use.

    Parameters
    ----------
    config
        The settings.
    progress
        True for a live line, False for none, or a function of a row of metrics; in a notebook there is a
        line where nothing is said.
    graph, problems, learner, observables, schedule, threads
        As for :func:`conet.run`.

    Returns
    -------
    tuple of polars.DataFrame and Trainer
        The metrics, one row a step, and the finished trainer.

    Raises
    ------
    ConetError
        For settings or objects that do not fit together, or a run that diverges.
    """
    trainer = Trainer(
        config,
        graph=graph,
        problems=problems,
        learner=learner,
        observables=observables,
        schedule=schedule,
        threads=threads,
    )
    rows = []
    with watched(progress, config.steps) as show:
        while trainer.step < config.steps:
            rows.append(trainer.advance())
            show(rows[-1])
    trainer.state()  # says so where the training has diverged
    return table(rows), trainer


def warm_up(trainer: Trainer) -> None:
    """Compile what this training will call, on a tiny one, so that its time is training alone."""
    sizes: dict[str, Any] = {
        "graph": graphs.regular(12, 3, 0),
        "problems": Problems(np.array([0], np.int32), np.array([1], np.int32), 4),
    }
    settings = Config().override({"steps": 1, "snapshots.traffic_walks": 2, "snapshots.pass_walks": 2})
    last = trainer.learners[-1]
    # A learner of the user's own may know the sizes of this run, and shall fail on this run if it fails.
    own = last.model_copy(update={"learning_rate": 1.0}) if type(last) in LEARNERS.values() else GRPO()
    tiny = Trainer(settings, learner=own, **sizes)
    tiny.advance()
    tiny.measure()
