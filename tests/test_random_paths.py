"""Random paths: every path of a length between two nodes equally often; islands of paths by hand."""

from collections import Counter
from itertools import pairwise, product

import numpy as np
import pytest

from conet.config import preset
from conet.engine.tables import TablePolicy
from conet.network.graph import Graph
from conet.network.problems import Problems
from conet.network.random_paths import geodesics, random_path, ways
from conet.observables.path_islands import committed_paths, path_islands, web_of
from conet.observables.path_webs import path_webs, random_paths
from conet.runs.trainer import Trainer

ANSWERS, LONGEST = np.array([5, 0]), 5


@pytest.fixture(scope="module")
def graph() -> Graph:
    rng = np.random.default_rng(3)
    targets = [rng.permutation([other for other in range(7) if other != node])[:3] for node in range(7)]
    return Graph(np.arange(0, 22, 3), np.concatenate(targets).astype(np.int32))


def walks_to(graph: Graph, start: int, answer: int, length: int) -> list[tuple[int, ...]]:
    """All walks that arrive at the answer with their last hop and not before, by enumeration."""
    found = []
    for choice in product(range(3), repeat=length):
        nodes = [start]
        for one in choice:
            nodes.append(int(graph.targets[3 * nodes[-1] + one]))
        if nodes[-1] == answer and answer not in nodes[:-1]:
            found.append(tuple(nodes))
    return found


def test_ways_are_those_that_can_be_enumerated(graph):
    found = ways(graph, ANSWERS, LONGEST)
    for length, node, place in product(range(1, LONGEST + 1), range(7), range(2)):
        assert found[length, node, place] == len(walks_to(graph, node, int(ANSWERS[place]), length))
    assert found[0].sum() == 2


def test_geodesics_are_the_shortest_ways_and_minus_one_beyond_the_longest():
    chain = Graph(np.arange(5), np.array([1, 2, 3, 0], np.int32))
    found = ways(chain, np.array([3, 3, 0]), 2)
    assert geodesics(found, np.array([2, 1, 1])).tolist() == [1, 2, -1]


def test_every_path_without_a_repeated_node_is_drawn_equally_often(graph):
    """χ² over the paths of four hops: 99.99 % of the draws lie below the bound."""
    from scipy.stats import chi2

    found = ways(graph, ANSWERS, LONGEST)[:, :, 0]
    paths = [path for path in walks_to(graph, 1, 5, 4) if len(set(path)) == 5]
    assert len(paths) > 3
    rng = np.random.default_rng(0)
    drawn = Counter(tuple(random_path(graph, found, 1, 4, rng).tolist()) for _ in range(4000))
    assert set(drawn) == set(paths)
    expected = 4000 / len(paths)
    statistic = sum((drawn[path] - expected) ** 2 / expected for path in paths)
    assert statistic < chi2.ppf(0.9999, len(paths) - 1)


def test_the_web_of_paths_by_hand():
    web = web_of([np.array([0, 1, 2]), np.array([3, 1, 4]), np.array([5, 6])], 8)
    assert (web.components, sorted(web.component_sizes.tolist())) == (2, [2, 5])
    assert web_of([], 8).components == 0


def test_a_committed_path_is_the_likely_one_and_its_islands_are_told_from_random_ones():
    trainer = Trainer(preset("smoke"))
    graph, problems = trainer.policy.graph, trainer.problems
    assert committed_paths(trainer.policy, problems) == {}
    nothing = path_islands(
        trainer.policy, problems, ways(graph, problems.answers, 10), np.random.default_rng(0)
    )
    assert (nothing.committed, nothing.islands, nothing.random_islands) == (0, 0, 0.0)
    policy = TablePolicy(graph)
    first, last = int(problems.questions[0]), int(problems.answers[0])
    found = ways(graph, problems.answers, 10)
    path = random_path(graph, found[:, :, 0], first, 6, np.random.default_rng(1))
    for node, following in pairwise(path):
        out = slice(graph.offsets[node], graph.offsets[node + 1])
        policy.logits[out] = np.where(graph.targets[out] == following, 20.0, 0.0)
    policy.refresh()
    (only,) = committed_paths(policy, Problems(problems.questions[:1], problems.answers[:1], 10)).values()
    assert only.tolist() == path.tolist()
    assert (only[0], only[-1]) == (first, last)
    one = path_islands(
        policy,
        Problems(problems.questions[:1], problems.answers[:1], 10),
        found[:, :, :1],
        np.random.default_rng(2),
    )
    assert (one.committed, one.islands, one.largest) == (1, 1, 7)
    assert (one.random_islands, one.random_largest, one.mean_field) == (1.0, 7.0, 1.0)


def test_the_null_of_a_web_has_as_many_paths_of_the_same_lengths_between_the_same_nodes():
    trainer = Trainer(preset("smoke"))
    for _ in range(trainer.config.steps):
        trainer.advance()
    problems, graph = trainer.problems, trainer.policy.graph
    found = ways(graph, problems.answers, problems.max_length)
    paths = committed_paths(trainer.policy, problems)
    assert len(paths) > 3
    drawn = random_paths(graph, problems, paths, found, np.random.default_rng(0))
    for own, other in zip(paths.values(), drawn, strict=True):
        assert (len(own), own[0], own[-1]) == (len(other), other[0], other[-1])
    run, chance = path_webs(trainer.policy, problems, found, np.random.default_rng(0), draws=1, whole=True)
    for told, laid in ((run, list(paths.values())), (chance, drawn)):
        web = web_of(laid, graph.nodes)
        assert (told["islands"], told["web_nodes"]) == (web.components, len(web.nodes))
        assert (told["mean_degree"], told["cycle_rank"]) == (web.mean_degree, web.cycle_rank)
        assert told["giant_component"] == web.component_sizes.max()
    own = web_of(list(paths.values()), graph.nodes)
    assert len(np.unique(own.sources)) == len(own.sources)  # one best edge a node
    assert run["single_out_share"] == len(own.sources) / run["web_nodes"]


def test_before_anything_is_committed_a_web_of_paths_has_no_numbers():
    trainer = Trainer(preset("smoke"))
    found = ways(trainer.policy.graph, trainer.problems.answers, trainer.problems.max_length)
    both = path_webs(trainer.policy, trainer.problems, found, np.random.default_rng(0), draws=1)
    assert all(np.isnan(list(told.values())).all() for told in both)
