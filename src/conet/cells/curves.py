"""Lean runs for sweeps over regimes: without records of single problems."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from conet.cells.cell import Arrays, Cell
from conet.cells.plain import of_paths, snapshot, snapshots_of
from conet.cells.training import QUIET, start, train
from conet.engine import exact
from conet.observables.web import threshold_web
from conet.runs.trainer import Trainer

CURVES = ("accuracy", "correct_count", "correct_length_sum")
WEB = ("islands", "giant_component", "second_component", "web_nodes")


def cell(
    seed: int,
    changes: Mapping[str, Any],
    *,
    named: str = "reference",
    web_every: int = 1,
    solve_every: int = 0,
) -> Cell:
    """Return the cell of one run (see :func:`curve_run`)."""
    arguments = {
        "seed": seed,
        "named": named,
        "changes": dict(changes),
        "web_every": web_every,
        "solve_every": solve_every,
    }
    return Cell("conet.cells.curves:curve_run", arguments)


def curve_run(seed: int, named: str, changes: Mapping[str, Any], web_every: int, solve_every: int) -> Arrays:
    """Train once and keep curves.

    Returns
    -------
    dict of arrays
        ``accuracy``, ``correct_count``, ``correct_length_sum``, shape (steps,). At every ``web_every``-th
        step (``web_steps``): the columns of :data:`WEB`, and ``finite_size`` (mean component of a node
        outside the largest: the susceptibility of percolation). At every ``solve_every``-th step and at
        the end (``solve_steps``; none if 0), exactly: ``success``, and ``length``, that of correct walks,
        pooled.
    """
    trainer = start(named, seed, {**QUIET, **changes})
    steps = trainer.config.steps
    solved = {*range(0, steps, solve_every), steps} if solve_every else set()
    looks = {"web": (range(0, steps, web_every), _web), "solved": (solved, _solved)}
    record = train(trainer, looks=looks)
    arrays: Arrays = {name: record.column(name) for name in CURVES}
    arrays["web_steps"] = np.array(list(record.looks["web"]))
    webs = record.seen("web")
    arrays |= {name: np.array([web[name] for web in webs], np.float64) for name in webs[0]}
    if solved:
        arrays |= dict(zip(("solve_steps", "success", "length"), np.array(record.seen("solved")).T))
    return arrays


def _web(trainer: Trainer) -> dict[str, float]:
    web = threshold_web(trainer.policy, trainer.config.web.threshold)
    summary = web.summary(trainer.problems.questions)
    sizes = np.sort(web.component_sizes)[:-1].astype(np.float64)
    return {name: summary[name] for name in WEB} | {
        "finite_size": float((sizes**2).sum() / sizes.sum()) if len(sizes) else 0.0,
    }


def _solved(trainer: Trainer) -> tuple[float, float, float]:
    solution = exact.solve(trainer.policy, trainer.problems)
    arrived = solution.length_distribution.sum(axis=0)
    length = float(arrived @ np.arange(1, len(arrived) + 1) / arrived.sum())
    return trainer.step, float(solution.success.mean()), length


def regime_run(seed: int, changes: Mapping[str, Any], snapshots: Sequence[int]) -> Arrays:
    """Train `reference` with changes, and keep what C1, C2, C3 and C6 need.

    Returns
    -------
    dict of arrays
        ``accuracy``, ``correct_count``, ``correct_length_sum``, ``islands``, shape (steps,);
        ``snapshot.<name>``, see :func:`conet.cells.plain.snapshot`; of the last web, where there is
        one, ``final.mean_degree``; of the paths at the end ``final.path_giant`` and
        ``random.path_giant``.
    """
    trainer = start("reference", seed, changes)
    record = train(trainer, looks={"snapshot": (snapshots, snapshot)})
    arrays = {name: record.column(name) for name in (*CURVES, "islands")} | snapshots_of(record)
    for unread in ("effective_out_degree", "traffic_mean_degree"):
        del arrays[f"snapshot.{unread}"]
    paths = of_paths(trainer)
    arrays |= {name: paths[name] for name in ("final.path_giant", "random.path_giant")}
    web = threshold_web(trainer.policy, trainer.config.web.threshold)
    return arrays | ({"final.mean_degree": np.asarray(web.mean_degree)} if len(web.edges) else {})
