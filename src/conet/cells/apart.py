"""The null of every curve: problems with a policy each, so that none can help or block another."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from conet.cells.cell import Arrays, Cell
from conet.cells.training import QUIET, train
from conet.config import preset
from conet.engine.sample import EVALUATE
from conet.network import graph as graphs
from conet.network import problems as problem_sets
from conet.network.graph import Graph
from conet.network.problems import Problems
from conet.observables.transitions import transitions
from conet.runs.trainer import Trainer

ENOUGH = 2048  # walks a problem at the end, so that pass@512 is known without bias
RISE = ("low", "high", "midpoint", "width", "beats_ramp")  # of each problem's logistic rise


def cell(seed: int, together: int, changes: Mapping[str, Any] | None = None) -> Cell:
    """Return the cell of one run (see :func:`apart_run`)."""
    arguments = {"seed": seed, "named": "reference", "changes": dict(changes or {}), "together": together}
    return Cell("conet.cells.apart:apart_run", arguments)


def apart_run(seed: int, named: str, changes: Mapping[str, Any], together: int) -> Arrays:
    """Train on the graph and the problems of a plain run, with a policy for every so many problems.

    One copy of the graph for each group of ``together`` problems, in order of the problems; copies share no
    edge. So each problem begins at its own chance of arriving, about 1 - (1 - 1/N)^L, waits for its first
    success, and is reinforced by its successes alone (``together`` = 1): first passage. Rate and group size
    of a problem are those of the plain run.

    Returns
    -------
    dict of arrays
        ``accuracy``, shape (steps,); ``problem.correct_count`` and ``problem.correct_length_sum``, shape
        (steps, M); ``rollouts``; those of :data:`RISE`, and ``end_correct``, how many of :data:`ENOUGH` walks
        of the policy at the end are correct, shape (M,).
    """
    config = preset(named).override({"seed": seed, **QUIET, **changes})
    graph = graphs.build(config.graph, seed)
    problems = problem_sets.make(config.problems, graph.nodes, seed)
    many = copies(graph, -(-len(problems) // together))
    trainer = Trainer(config, graph=many, problems=_spread(graph, problems, together))
    record = train(trainer, problems=True)
    counts = np.array(record.correct_count)
    rises = transitions(counts.astype(np.int64), trainer.learner.rollouts)
    return {
        "accuracy": record.column("accuracy"),
        "problem.correct_count": counts,
        "problem.correct_length_sum": np.array(record.correct_length_sum),
        "rollouts": np.asarray(trainer.learner.rollouts),
        "end_correct": trainer.sample(ENOUGH, EVALUATE).rewards.sum(axis=1),
        **{name: rises[name] for name in RISE},
    }


def copies(graph: Graph, count: int) -> Graph:
    """Return so many copies of a graph as one, with no edge between them; node i of copy c is i + c·nodes."""
    shifts = np.arange(count)
    offsets = (graph.offsets[:-1] + shifts[:, None] * graph.edges).ravel()
    targets = (graph.targets.astype(np.int64) + shifts[:, None] * graph.nodes).ravel()
    return Graph(np.append(offsets, count * graph.edges).astype(np.int64), targets.astype(np.int32))


def _spread(graph: Graph, problems: Problems, together: int) -> Problems:
    """Move each group of problems to a copy of its own."""
    shift = np.arange(len(problems)) // together * graph.nodes
    questions, answers = ((shift + ends).astype(np.int32) for ends in (problems.questions, problems.answers))
    return Problems(questions, answers, problems.max_length, problems.stop_at_any_answer)
