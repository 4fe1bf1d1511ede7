"""The policy protocol: what a table answers, and that learners and webs ask no more than that."""

import sys
from collections.abc import Iterable, Sequence

import numpy as np
import pytest
from worlds import same_bits, world

from conet.base.errors import ConetError
from conet.config import preset
from conet.engine.policy import Policy
from conet.engine.sample import Walks
from conet.engine.tables import TablePolicy
from conet.learners.base import Batch
from conet.learners.exact import Exact
from conet.learners.grpo import GRPO
from conet.network.graph import Graph
from conet.network.problems import Problems
from conet.observables.markov import markov, predictive_states
from conet.observables.web import argmax_web, threshold_web
from conet.runs.trainer import Trainer


class ByProblem:
    """A policy that looks at the problem: a table for each, as unlike a table of its own as can be."""

    def __init__(self, graph: Graph, seed: int, problems: int) -> None:
        rng = np.random.default_rng(seed)
        self.graph = graph
        self.tables = [TablePolicy(graph, 2 * rng.standard_normal(graph.edges)) for _ in range(problems)]

    @property
    def probability(self) -> np.ndarray:
        return np.mean([table.probability for table in self.tables], axis=0)

    def out_probabilities(
        self, node: int, problem: int | None = None, path: Sequence[int] = ()
    ) -> np.ndarray:
        row = slice(self.graph.offsets[node], self.graph.offsets[node + 1])
        return (self.probability if problem is None else self.tables[problem].probability)[row]

    def sample(
        self,
        problems: Problems,
        rollouts: int,
        key: int,
        *,
        chosen: Iterable[int] | None = None,
        threads: int = 1,
    ) -> Walks:
        picked = range(len(problems)) if chosen is None else list(chosen)
        parts = [self.tables[one].sample(problems, rollouts, key, chosen=[one]) for one in picked]
        arrays = {
            name: np.concatenate([getattr(part, name) for part in parts])
            for name in ("problems", "starts", "edges", "length", "correct")
        }
        return Walks(**arrays, rollouts=rollouts)

    def hop_probabilities(self, walks: Walks) -> np.ndarray:
        found = [table.hop_probabilities(walks) for table in self.tables]
        return np.choose(walks.problem[:, None], found)

    def log_probabilities(self, walks: Walks) -> np.ndarray:
        return np.log(self.hop_probabilities(walks))

    def next_hops(self, walks: Walks) -> tuple[np.ndarray, np.ndarray]:
        legal = np.stack([table.next_hops(walks)[0] for table in self.tables])
        return legal[walks.problem, np.arange(len(walks.length))], np.zeros(walks.edges.shape)


def test_a_table_answers_alike_in_every_way():
    policy, problems = world("erdos_renyi", "random", 20, 4, 1)
    walks = policy.sample(problems, 6, 3)
    logs = policy.log_probabilities(walks)
    for walk, (start, length) in enumerate(zip(walks.starts.tolist(), walks.length.tolist())):
        node, path = start, walks.edges[walk, :length].tolist()
        for hop, edge in enumerate(path):
            row = policy.out_probabilities(node, int(walks.problem[walk]), path[:hop])
            assert row.sum() == pytest.approx(1)
            assert row[edge - policy.graph.offsets[node]] == pytest.approx(np.exp(logs[walk, hop]))
            node = int(policy.graph.targets[edge])
        assert not logs[walk, length:].any()
    assert same_bits(policy.hop_probabilities(walks), walks.at_hops(policy.probability))


def test_chosen_problems_are_walked_alone():
    policy, problems = world("regular", "random", 20, 4, 2)
    some = policy.sample(problems, 3, 5, chosen=[2, 0])
    assert some.problems.tolist() == [2, 0]
    assert np.array_equal(some.length[:3], policy.sample(problems, 3, 5).length[6:9])


def test_learners_and_webs_ask_no_more_than_the_protocol():
    table, problems = world("regular", "random", 20, 4, 3)
    policy: Policy = ByProblem(table.graph, 0, len(problems))
    walks = policy.sample(problems, 8, 1)
    batch = Batch(
        walks=walks,
        policy=policy,
        problems=problems,
        behaviour=2 * policy.hop_probabilities(walks),
        reference=policy.probability,
    )
    assert batch.tasks is batch.problems  # its name in version 0.1
    weights = GRPO(epochs=2, clip=None).weights(batch)
    advantage = GRPO().weights(batch)
    np.testing.assert_allclose(weights, np.repeat(advantage[:, None] / 2, problems.max_length, axis=1))
    assert threshold_web(policy, 0.3).edges.tolist() == np.flatnonzero(policy.probability >= 0.3).tolist()
    assert len(argmax_web(policy).edges) == policy.graph.nodes


@pytest.mark.parametrize("learner", [GRPO(), Exact()])
def test_what_needs_logits_says_so(learner):
    table, problems = world("regular", "random", 20, 4, 3)
    policy = ByProblem(table.graph, 0, len(problems))
    batch = Batch(
        walks=policy.sample(problems, 4, 1),
        policy=policy,
        problems=problems,
        behaviour=np.ones((1, 1)),
        reference=policy.probability,
    )
    with pytest.raises(ConetError, match="logits of edges, on a ByProblem"):
        learner.gradient(batch)


def test_a_transformer_without_its_extra_is_one_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ConetError, match=r"the extra \[neural\]"):
        Trainer(preset("neural"))


def test_how_markov_a_policy_is():
    """A table knows neither problem nor path; one table a problem knows all that it can of the problem."""
    table, problems = world("regular", "random", 20, 4, 3)
    of_table = markov(table, table.sample(problems, 50, 1))
    assert of_table.problem == pytest.approx(0, abs=1e-12)
    assert of_table.history == pytest.approx(0, abs=1e-12)
    assert of_table.states == pytest.approx(1)
    assert of_table.illegal == 0
    policy = ByProblem(table.graph, 0, len(problems))
    found = markov(policy, policy.sample(problems, 50, 1))
    assert found.history == pytest.approx(0, abs=1e-12)
    assert found.problem > 0.2
    assert 1.5 < found.states <= found.problems  # some of the tables agree at a node
    assert found.given_node - found.given_problem == pytest.approx(found.problem)
    hops = np.array([[1, 0], [0.95, 0.05], [0, 1], [1, 0], [0.5, 0.5]])
    assert predictive_states(hops, np.array([0, 0, 0, 1, 1])).tolist() == [0, 0, 1, 0, 1]
