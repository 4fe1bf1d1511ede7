"""The web of the committed problems' paths against that of random paths, over the steps of a run."""

from collections.abc import Container, Mapping
from typing import Any

import numpy as np

from conet.cells.cell import Arrays, Cell
from conet.cells.training import QUIET, Look, start, train
from conet.network.random_paths import ways
from conet.observables.path_islands import path_islands
from conet.observables.path_webs import path_webs
from conet.runs.trainer import Trainer

STEPS = (*range(0, 251, 10), *range(300, 801, 100))  # at which the webs are compared
FEW = 1  # draws for what is not drawn: the mean field stands beside a mean over random paths


def cell(seed: int, changes: Mapping[str, Any] | None = None) -> Cell:
    """Return the cell of one run (see :func:`path_webs_run`)."""
    return Cell("conet.cells.path_webs:path_webs_run", {"seed": seed, "changes": dict(changes or {})})


def path_webs_run(seed: int, changes: Mapping[str, Any]) -> Arrays:
    """Train `reference` with changes, and compare the webs of paths at some steps.

    Returns
    -------
    dict of arrays
        ``steps``, ``committed`` (problems) and ``mean_field`` (islands), shape (looks,);
        ``run.<name>`` and ``random.<name>`` of :func:`conet.observables.path_webs.path_webs`, shape
        (looks,); ``final.run.<name>`` and ``final.random.<name>``: the same of the last policy, with all
        that describes a web.
    """
    trainer = start("reference", seed, {**QUIET, **changes})
    problems, last = trainer.problems, trainer.config.steps
    found = ways(trainer.policy.graph, problems.answers, problems.max_length)

    def look(trainer: Trainer, whole: bool = False) -> tuple[dict[str, float], dict[str, float]]:
        rng = np.random.default_rng([seed, 8, trainer.step])
        return path_webs(trainer.policy, problems, found, rng, whole=whole)

    def few(trainer: Trainer) -> tuple[int, float]:
        rng = np.random.default_rng(seed)
        islands = path_islands(trainer.policy, problems, found, rng, FEW)
        return islands.committed, islands.mean_field

    steps = [step for step in STEPS if step <= last]
    looks: dict[str, tuple[Container[int], Look]] = {
        "webs": (steps, look),
        "few": (steps, few),
        "last": ((last,), lambda trainer: look(trainer, True)),
    }
    record = train(trainer, looks=looks)
    committed, mean_field = np.array(record.seen("few"), np.float64).T
    arrays = {"steps": np.array(steps), "committed": committed, "mean_field": mean_field}
    (whole,) = record.seen("last")
    for place, of in enumerate(("run", "random")):
        seen = [both[place] for both in record.seen("webs")]
        arrays |= {f"{of}.{name}": np.array([one[name] for one in seen]) for name in seen[0]}
        arrays |= {f"final.{of}.{name}": np.asarray(value) for name, value in whole[place].items()}
    return arrays
