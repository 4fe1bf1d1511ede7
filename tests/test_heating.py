"""Heating: exactly which problems are heated, and exactly what is taught."""

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conet.engine.sample import Walks, stream_key
from conet.engine.tables import TablePolicy
from conet.network.graph import Graph, from_edges, regular
from conet.network.problems import Problems
from conet.rollouts.selection import choose, hard_problems
from conet.runs import demonstrations


def tasks_of(questions: list[int], answers: list[int], max_length: int, stop: bool = False) -> Problems:
    return Problems(np.array(questions, np.int32), np.array(answers, np.int32), max_length, stop)


def oracle(graph: Graph) -> nx.DiGraph:
    found = nx.DiGraph()
    found.add_edges_from(zip(graph.sources().tolist(), graph.targets.tolist()))
    return found


@pytest.mark.parametrize(
    ("correct", "samples", "chosen"),
    [
        (0, 256, False),  # never solved: nothing to teach
        (1, 256, True),
        (25, 256, True),  # 0.0977
        (26, 256, False),  # 0.1016
        (10, 100, False),  # 0.1 itself is not below 0.1
        (9, 100, True),
        (6, 64, True),
        (7, 64, False),
        (1, 63, False),  # too few samples to say
        (0, 0, False),
        (256, 256, False),
    ],
)
def test_boundaries_of_hard(correct, samples, chosen):
    found = hard_problems(np.array([0, correct, 64]), np.array([64, samples, 64]))
    assert found.tolist() == ([1] if chosen else [])


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 300), st.integers(0, 300)), max_size=12),
    st.sampled_from([0.05, 0.1, 0.5, 1.0]),
    st.integers(1, 128),
)
def test_hard_problems_one_by_one(pairs, max_accuracy, min_samples):
    pairs = [(min(pair), max(pair)) for pair in pairs]
    correct, samples = np.array(pairs, int).reshape(-1, 2).T
    expected = [
        problem
        for problem, (c, n) in enumerate(pairs)
        if n >= min_samples and c >= 1 and c / n < max_accuracy
    ]
    assert hard_problems(correct, samples, max_accuracy, min_samples).tolist() == expected


def test_what_is_taught_of_several_correct_samples():
    length = np.array([9, 4, 7, 4, 2, 8])
    order = np.array([0, 5, 2, 3, 1, 4])  # sample 1 is the newest, sample 4 is not correct
    candidates = np.array([0, 1, 2, 3, 5])
    rng = np.random.default_rng(0)
    assert choose(candidates, length, order, "shortest", rng) == 3  # as short as 1, but earlier
    assert choose(candidates, length, order, "first", rng) == 0
    assert choose(candidates, length, order, "newest", rng) == 1
    drawn = {choose(candidates, length, order, "random", rng) for _ in range(200)}
    assert drawn == set(candidates.tolist())  # each is missed with chance 4e-20


def harvested() -> tuple[Walks, Problems]:
    tasks = tasks_of(list(range(12)), list(range(12, 24)), 12)
    return TablePolicy(regular(40, 4, 0)).sample(tasks, 100, stream_key(0, 0, 3)), tasks


@pytest.mark.parametrize("pick", ["shortest", "first", "random"])
@pytest.mark.parametrize("max_accuracy", [0.1, 0.25, np.inf])
def test_demonstrations_by_brute_force(pick, max_accuracy):
    walks, tasks = harvested()
    taught = demonstrations.demonstrations(walks, max_accuracy, pick, seed=0)
    correct = [
        [w for w in range(100 * problem, 100 * problem + 100) if walks.correct[w]] for problem in range(12)
    ]
    chosen = [
        problem for problem in range(12) if correct[problem] and len(correct[problem]) / 100 < max_accuracy
    ]
    assert taught.problems.tolist() == chosen
    assert 0 < len(chosen) < 12 or max_accuracy == np.inf
    for row, problem in enumerate(chosen):
        edges = taught.edges[row, : taught.length[row]].tolist()
        candidates = [walks.edges[w, : walks.length[w]].tolist() for w in correct[problem]]
        if pick == "shortest":
            assert edges == min(candidates, key=len)  # min takes the first of the shortest
        elif pick == "first":
            assert edges == candidates[0]
        assert edges in candidates
        assert taught.starts[row] == tasks.questions[problem]
    assert taught.correct.all()
    assert taught.rollouts == 1


def test_demonstrations_repeat_with_the_seed():
    walks, _ = harvested()
    drawn = [demonstrations.demonstrations(walks, np.inf, "random", seed).edges for seed in (0, 0, 1)]
    np.testing.assert_array_equal(drawn[0], drawn[1])
    assert not np.array_equal(drawn[0], drawn[2])


def test_no_problem_qualifies():
    walks, _ = harvested()
    taught = demonstrations.demonstrations(walks, 1e-9, "shortest", seed=0)
    assert (len(taught.problems), len(taught.length), taught.edges.shape) == (0, 0, (0, 12))


@pytest.mark.parametrize("seed", range(5))
def test_shortest_walks_are_shortest(seed):
    graph = regular(60, 2, seed)
    tasks = tasks_of(list(range(20)), list(range(20, 40)), 5)
    found = demonstrations.shortest_walks(TablePolicy(graph), tasks)
    lengths = dict(nx.all_pairs_shortest_path_length(oracle(graph)))
    pairs = list(zip(tasks.questions.tolist(), tasks.answers.tolist()))
    within = [problem for problem, (q, a) in enumerate(pairs) if lengths[q].get(a, 99) <= 5]
    assert 0 < len(within) < 20
    assert found.problems.tolist() == within
    assert found.length.tolist() == [lengths[q][a] for q, a in (pairs[problem] for problem in within)]
    sources = graph.sources()
    for row, problem in enumerate(within):
        edges = found.edges[row, : found.length[row]]
        nodes = [tasks.questions[problem], *graph.targets[edges]]
        np.testing.assert_array_equal(sources[edges], nodes[:-1])
        assert nodes[-1] == tasks.answers[problem]


def test_shortest_walks_go_around_the_answers_of_others():
    # 0 → 1 → 3 is shorter than 0 → 2 → 4 → 3, but node 1 is the answer of question 5.
    pairs = [(0, 1), (1, 3), (0, 2), (2, 4), (4, 3), (3, 0), (5, 1), (1, 5)]
    graph = from_edges(*np.array(pairs).T, 6)
    around = demonstrations.shortest_walks(TablePolicy(graph), tasks_of([0, 5], [3, 1], 4, stop=True))
    assert around.length.tolist() == [3, 1]
    through = demonstrations.shortest_walks(TablePolicy(graph), tasks_of([0, 5], [3, 1], 4))
    assert through.length.tolist() == [2, 1]
    too_long = demonstrations.shortest_walks(TablePolicy(graph), tasks_of([0, 5], [3, 1], 2, stop=True))
    assert too_long.problems.tolist() == [1]
    # A walk may start at a node that is another question's answer.
    chained = demonstrations.shortest_walks(TablePolicy(graph), tasks_of([5, 1], [1, 3], 4, stop=True))
    assert chained.problems.tolist() == [0, 1]
    assert chained.length.tolist() == [1, 1]


def test_shortest_walks_where_an_answer_cannot_be_reached():
    graph = from_edges(np.array([0, 1, 2, 3]), np.array([1, 0, 3, 2]), 4)
    assert len(demonstrations.shortest_walks(TablePolicy(graph), tasks_of([0], [2], 9)).length) == 0
