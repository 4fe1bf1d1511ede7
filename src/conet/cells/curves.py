"""Lean runs for sweeps over regimes: without records of single problems."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from conet.cells.cell import Arrays, Cell
from conet.cells.plain import plain_run
from conet.config import preset
from conet.engine import exact
from conet.network.web import Web
from conet.observables.web import threshold_web
from conet.runs.trainer import Trainer

QUIET = {"snapshots.steps": [], "snapshots.web_every": 0}
WEB = ("islands", "question_islands", "giant_component", "second_component", "web_nodes", "mean_degree")


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
        "seed": seed, "named": named, "changes": dict(changes), "web_every": web_every, "solve_every": solve_every,
    }  # fmt: skip
    return Cell("conet.cells.curves:curve_run", arguments)


def curve_run(seed: int, named: str, changes: Mapping[str, Any], web_every: int, solve_every: int) -> Arrays:
    """Train once and keep curves.

    Returns
    -------
    dict of arrays
        ``accuracy``, ``correct_count``, ``correct_length_sum``, shape (steps,). At every ``web_every``-th
        step (``web_steps``): the columns of :data:`WEB`, ``together`` (chance that two questions, drawn
        with repetition, are in one component) and ``finite_size`` (mean component of a node outside the
        largest: the susceptibility of percolation). At every ``solve_every``-th step and at the end
        (``solve_steps``; none if 0), exactly: ``success``, and ``length``, that of correct walks, pooled.
    """
    training = Trainer(preset(named).override({"seed": seed, **QUIET, **changes}))
    steps, questions = training.config.steps, training.tasks.questions
    names = ("accuracy", "correct_count", "correct_length_sum")
    curves = {name: np.full(steps, np.nan) for name in names}
    webs, solutions = [], []
    for step in range(steps + 1):
        if step % web_every == 0 and step < steps:
            web = threshold_web(training.policy, training.config.web.threshold)
            webs.append(_web(web, questions))
        if solve_every and (step % solve_every == 0 or step == steps):
            solutions.append((step, *_solved(training)))
        if step < steps:
            row = training.advance()
            for name in names:
                curves[name][step] = row[name]
    arrays: Arrays = curves | {"web_steps": np.arange(0, steps, web_every)}
    arrays |= {name: np.array([web[name] for web in webs], np.float64) for name in webs[0]}
    if solutions:
        arrays |= dict(zip(("solve_steps", "success", "length"), np.array(solutions).T))
    return arrays


def _web(web: Web, questions: np.ndarray) -> dict[str, float]:
    summary = web.summary(questions)
    labels = web.labels[questions]
    inside = np.bincount(labels[labels >= 0])
    alone = np.count_nonzero(labels < 0)
    sizes = np.sort(web.component_sizes)[:-1].astype(np.float64)
    return {name: summary[name] for name in WEB} | {
        "together": float(((inside.astype(np.float64) ** 2).sum() + alone) / len(questions) ** 2),
        "finite_size": float((sizes**2).sum() / sizes.sum()) if len(sizes) else 0.0,
    }


def _solved(training: Trainer) -> tuple[float, float]:
    solution = exact.solve(training.policy, training.tasks)
    arrived = solution.length_distribution.sum(axis=0)
    return float(solution.success.mean()), float(arrived @ np.arange(1, len(arrived) + 1) / arrived.sum())


def regime_run(seed: int, changes: Mapping[str, Any], snapshots: Sequence[int]) -> Arrays:
    """Return the plain run of `reference` without what it keeps of single problems."""
    arrays = plain_run(seed, "reference", changes, snapshots, ())
    return {
        name: value for name, value in arrays.items() if name != "labels" and not name.startswith("problem.")
    }
