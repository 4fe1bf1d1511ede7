"""The null of the curves: problems with a policy of their own."""

import numpy as np
import pytest

from conet.cells.apart import ENOUGH, apart_run, copies
from conet.cells.training import QUIET, start, train
from conet.engine import exact
from conet.network.graph import Graph

SMALL = {
    "graph.nodes": 120,
    "graph.degree": 12,
    "problems.count": 16,
    "problems.max_length": 10,
    "steps": 60,
    "learner.learning_rate": 37.5,
}


def test_copies_of_a_graph_share_no_edge():
    graph = Graph(np.array([0, 2, 3, 4]), np.array([1, 2, 0, 1], np.int32))
    twice = copies(graph, 2)
    assert twice.offsets.tolist() == [0, 2, 3, 4, 6, 7, 8]
    assert twice.targets.tolist() == [1, 2, 0, 1, 4, 5, 3, 4]


def test_all_problems_on_one_copy_are_the_plain_run_bit_for_bit():
    trainer = start("reference", 3, {**QUIET, **SMALL})
    plain = train(trainer, problems=True)
    apart = apart_run(3, "reference", SMALL, 16)
    assert np.array_equal(apart["problem.correct_count"], np.array(plain.correct_count))
    assert np.array_equal(apart["accuracy"], plain.column("accuracy"))


def test_alone_a_problem_begins_at_its_own_chance_and_learns_from_its_successes():
    """Until its first success a problem's chance does not move; four standard errors are allowed."""
    trainer = start("reference", 3, {**QUIET, **SMALL})
    success = exact.solve(trainer.policy, trainer.problems).success
    run = apart_run(3, "reference", {**SMALL, "steps": 400}, 1)
    counts = run["problem.correct_count"]
    first = np.array([np.flatnonzero(counts[:, problem])[0] for problem in range(16)])
    # Waits are geometric: Σ p·wait, p the chance of a success among 8, has mean 16 and variance below 16.
    chance = 1 - (1 - success) ** 8
    assert abs((chance * (first + 1)).sum() - 16) < 4 * 4
    assert run["accuracy"][-50:].mean() > 0.99
    assert run["end_correct"].min() > 0.95 * ENOUGH
    assert success.mean() == pytest.approx(1 - (1 - 1 / 120) ** 10, rel=0.15)
