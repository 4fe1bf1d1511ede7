"""Frustration and effective out-degree on graphs small enough to know them on paper."""

import math

import numpy as np
import pytest

from conet.engine import exact
from conet.engine.problem_gradients import problem_gradients
from conet.engine.tables import TablePolicy
from conet.network.graph import Graph, from_edges, regular
from conet.network.problems import Problems
from conet.observables.degree import effective_out_degree
from conet.observables.frustration import committed_nodes, frustration, interfering_pairs

HUB = 2
# Questions 0 and 1 lead to the hub; from there one edge goes to answer 3, one to answer 4.
CROSSROADS = from_edges(np.array([0, 1, 2, 2, 3, 4]), np.array([2, 2, 3, 4, 0, 1]), 5)
APART = Problems(np.array([0, 1], np.int32), np.array([3, 4], np.int32), 2)
AGREED = Problems(np.array([0, 1], np.int32), np.array([3, 3], np.int32), 2)


def at_the_hub(first: float) -> TablePolicy:
    """Return the policy that goes from the hub to node 3 with this probability."""
    logits = np.zeros(CROSSROADS.edges)
    logits[CROSSROADS.offsets[HUB]] = math.log(first / (1 - first))
    return TablePolicy(CROSSROADS, logits)


@pytest.mark.parametrize("first", [0.5, 0.8, 0.99])
def test_two_problems_that_want_opposite_edges(first):
    # p = first and 1 - first, so g = ± √(first (1 - first)) (1, -1): all of it cancels.
    measured = frustration(at_the_hub(first), APART)
    total = 2 * math.sqrt(2 * first * (1 - first))
    assert measured.cancellation == pytest.approx(total, rel=1e-12)
    assert measured.share == pytest.approx(1.0, rel=1e-12)
    assert measured.everywhere == pytest.approx(total, rel=1e-12)
    assert measured.by_node[HUB] == pytest.approx(total, rel=1e-12)
    assert np.count_nonzero(measured.by_node) == 1

    (pair,) = interfering_pairs(at_the_hub(first), APART)
    assert (pair.problem, pair.other, pair.node) == (0, 1, HUB)
    assert pair.interference == pytest.approx(2 * first * (1 - first), rel=1e-12)


def test_two_problems_that_want_the_same_edge():
    measured = frustration(at_the_hub(0.8), AGREED)
    assert measured.cancellation == pytest.approx(0.0, abs=1e-12)
    assert measured.share == pytest.approx(0.0, abs=1e-12)
    assert interfering_pairs(at_the_hub(0.8), AGREED) == []


def test_only_committed_nodes_count():
    policy = at_the_hub(0.8)
    assert HUB in committed_nodes(policy, 0.8 - 1e-12)
    assert HUB not in committed_nodes(policy, 0.9)
    measured = frustration(policy, APART, threshold=0.9)
    assert measured.committed == 4
    assert measured.cancellation == 0.0
    assert math.isnan(measured.share)
    assert measured.everywhere == pytest.approx(2 * math.sqrt(2 * 0.16), rel=1e-12)
    assert interfering_pairs(policy, APART, threshold=0.9) == []


def test_one_problem_interferes_with_none():
    assert frustration(at_the_hub(0.8), APART, chosen=[1]).cancellation == pytest.approx(0.0, abs=1e-12)


def test_pairs_are_the_most_interfering_of_all_pairs_and_nodes():
    graph = regular(40, 5, 0)
    policy = TablePolicy(graph, 2 * np.random.default_rng(1).standard_normal(graph.edges))
    pairs = np.random.default_rng(2).permutation(40)[:24].astype(np.int32)
    tasks = Problems(pairs[:12], pairs[12:], 8)
    chosen = [11, 0, 5, 7, 3]
    nodes = committed_nodes(policy, 0.5)
    blocks = problem_gradients(policy, tasks, nodes, chosen=chosen).reshape(len(nodes), 5, len(chosen))
    products = -np.einsum("nem,nek->nmk", blocks, blocks)
    expected = sorted(
        (
            (products[at, one, two], int(node), *sorted((chosen[one], chosen[two])))
            for at, node in enumerate(nodes)
            for one in range(len(chosen))
            for two in range(one)
            if products[at, one, two] > 0
        ),
        reverse=True,
    )[:7]
    found = interfering_pairs(policy, tasks, 0.5, top=7, chosen=chosen)
    assert [(pair.node, pair.problem, pair.other) for pair in found] == [row[1:] for row in expected]
    np.testing.assert_allclose([pair.interference for pair in found], [row[0] for row in expected], rtol=1e-9)


def test_effective_degree_is_k_at_the_start_and_one_at_the_end():
    graph = regular(30, 6, 3)
    tasks = Problems(np.array([0, 1], np.int32), np.array([2, 3], np.int32), 10)
    policy = TablePolicy(graph)
    flow = exact.flow(policy, tasks)
    assert effective_out_degree(graph, policy.probability, flow) == pytest.approx(6.0, rel=1e-12)
    logits = np.zeros(graph.edges)
    logits[graph.offsets[:-1]] = 100.0
    frozen = TablePolicy(graph, logits)
    flow = np.zeros(graph.edges)
    flow[graph.offsets[:-1]] = 1.0
    assert effective_out_degree(graph, frozen.probability, flow) == pytest.approx(1.0, rel=1e-12)


@pytest.mark.parametrize(("first", "given_success"), [(0.5, False), (0.8, False), (0.8, True)])
def test_effective_degree_weighs_nodes_by_their_traffic(first, given_success):
    # Every successful walk leaves its question (one way on) and the hub (two), once each.
    policy = at_the_hub(first)
    flow = exact.flow(policy, APART, given_success=given_success)
    hub = math.exp(-first * math.log(first) - (1 - first) * math.log(1 - first))
    assert effective_out_degree(CROSSROADS, policy.probability, flow) == pytest.approx(
        (1 + hub) / 2, rel=1e-12
    )


def test_effective_degree_is_undefined_without_traffic():
    graph = Graph(np.array([0, 1, 2]), np.array([1, 0], np.int32))
    assert math.isnan(effective_out_degree(graph, np.ones(2), np.zeros(2)))
