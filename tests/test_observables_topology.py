"""Shape of the web, merge tree and damage: exact on small graphs, networkx as the oracle."""

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.cluster.hierarchy import is_valid_linkage, linkage
from scipy.spatial.distance import squareform

from conet.base.errors import ConetError
from conet.engine.tables import TablePolicy
from conet.network import islands, topology
from conet.network.graph import from_edges, regular
from conet.network.problems import Problems
from conet.network.web import Web
from conet.observables import damage
from conet.observables.web import argmax_web, threshold_sensitivity, threshold_web

pairs_of_ten = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=25, unique=True)


def graph_of(pairs: list[tuple[int, int]], size: int) -> Web:
    sources, targets = np.array(sorted(pairs), np.int32).reshape(-1, 2).T.copy()
    return Web(sources=sources, targets=targets, edges=np.arange(len(pairs), dtype=np.int32), size=size)


def policy_on(pairs: dict[tuple[int, int], float], nodes: int) -> TablePolicy:
    """Make a policy whose logits stand beside the edges."""
    sources, targets = np.array(list(pairs)).T
    graph = from_edges(sources, targets, nodes)
    return TablePolicy(graph, np.array([pairs[key] for key in zip(graph.sources(), graph.targets)]))


@settings(max_examples=50, deadline=None)
@given(pairs_of_ten)
def test_networkx_agrees(pairs):
    web = graph_of(pairs, 10)
    oracle = nx.Graph(pairs)
    oracle.remove_edges_from(list(nx.selfloop_edges(oracle)))
    assert {tuple(pair) for pair in topology.bridges(web).tolist()} == {
        tuple(sorted(pair)) for pair in nx.bridges(oracle)
    }
    assert topology.articulation_points(web).tolist() == sorted(nx.articulation_points(oracle))
    directed = nx.DiGraph(pairs)
    nodes = web.nodes.tolist()
    assert topology.out_degrees(web).tolist() == [directed.out_degree(node) for node in nodes]
    assert topology.in_degrees(web).tolist() == [directed.in_degree(node) for node in nodes]
    if pairs:
        largest = max(sorted(nx.connected_components(oracle), key=min), key=len)
        expected = nx.average_shortest_path_length(oracle.subgraph(largest)) if len(largest) > 1 else None
        found = topology.average_geodesic(web)
        assert np.isnan(found) if expected is None else found == pytest.approx(expected)
        assert topology.degree_distribution(topology.out_degrees(web)).sum() == pytest.approx(1)


@settings(max_examples=50, deadline=None)
@given(pairs_of_ten)
def test_average_degree_follows_from_components_and_cycles(pairs):
    """<k> = 2 - 2c/V + 2r/V, and more by twice the share of links that run both ways."""
    web = graph_of(pairs, 10)
    nodes = len(web.nodes)
    if nodes:
        both_ways = len(web.edges) - web.links
        expected = 2 - 2 * web.components / nodes + 2 * web.cycle_rank / nodes + 2 * both_ways / nodes
        assert web.mean_degree == pytest.approx(expected)


def test_inverse_trees_by_hand():
    # 0 → 1 → 2 ← 3, 2 ends; 4 → 5 ⇄ 6, a cycle; 7 → {8, 9} has two ways out.
    web = graph_of([(0, 1), (1, 2), (3, 2), (4, 5), (5, 6), (6, 5), (7, 8), (7, 9)], 11)
    found = topology.inverse_trees(web)
    assert found == {"single_out_share": 6 / 10, "trees": 2.0, "mean_depth": 5 / 4, "max_depth": 2.0}


@pytest.mark.parametrize("length", [1, 7, 8, 300])
def test_depth_of_a_chain(length):
    web = graph_of([(node, node + 1) for node in range(length)], length + 1)
    found = topology.inverse_trees(web)
    assert found["max_depth"] == length
    assert found["mean_depth"] == pytest.approx((length + 1) / 2)
    assert topology.average_geodesic(web) == pytest.approx((length + 2) / 3)


def test_topology_of_an_empty_web():
    found = topology.topology_summary(graph_of([], 3))
    assert found["bridges"] == found["articulation_points"] == found["trees"] == 0
    assert np.isnan([found["single_out_share"], found["mean_depth"], found["average_geodesic"]]).all()


def test_random_web_keeps_the_out_degrees():
    rng = np.random.default_rng(1)
    policy = TablePolicy(regular(80, 5, 0), 2 * rng.normal(size=400))
    web = threshold_web(policy, 0.2)
    drawn = topology.random_web(policy.graph, web, rng)
    assert (
        np.bincount(drawn.sources, minlength=80).tolist() == np.bincount(web.sources, minlength=80).tolist()
    )
    assert len(np.unique(drawn.edges)) == len(web.edges)
    assert (policy.graph.sources()[drawn.edges] == drawn.sources).all()


def test_null_model_draws_every_edge_equally_often():
    """Chi-square of 5 edges at one node over 2,000 draws; false-alarm rate 0.001."""
    policy = TablePolicy(regular(6, 5, 0))
    web = graph_of([(2, 0), (2, 1)], 6)
    rng = np.random.default_rng(3)
    edges = np.concatenate([topology.random_web(policy.graph, web, rng).edges for _ in range(2000)])
    counts = np.bincount(edges - 10, minlength=5)
    # Two of five without replacement: the variance of each count is 2000 · 2/5 · 3/5.
    assert ((counts - 800) ** 2 / 480).sum() * 4 / 5 < 18.47


def test_null_model_tells_a_chain_from_chance():
    pairs = {(node, other): 0.0 for node in range(60) for other in range(60) if node != other}
    pairs |= {(node, node + 1): 20.0 for node in range(30)}
    policy = policy_on(pairs, 60)
    found = topology.null_model(policy.graph, threshold_web(policy), np.array([0], np.int32), draws=50)
    assert found["mean_degree"]["observed"] == pytest.approx(60 / 31)
    assert found["mean_degree"]["high"] < 60 / 31
    assert found["committed_nodes"] == {"observed": 30, "mean": 30, "low": 30, "high": 30}
    assert found["islands"]["low"] > found["islands"]["observed"] == 1


def test_threshold_sensitivity():
    policy = TablePolicy(regular(10, 2, 0))
    found = threshold_sensitivity(policy, np.array([0], np.int32))
    assert found["threshold"].tolist() == [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]
    assert found["web_edges"].tolist() == [20] * 5 + [0] * 4


def test_merge_tree_by_hand():
    labels = np.array(
        [
            [-1, -1, 0, 0],  # 2 and 3 meet, but part again
            [0, 0, 1, 2],  # 0 and 1 merge for good
            [0, 0, 1, 1],  # so do 2 and 3
            [0, 0, 0, 0],
        ]
    )
    steps = [0, 10, 20, 50]
    assert islands.merge_tree(steps, labels) == [
        islands.Merge(10, ((0,), (1,))),
        islands.Merge(20, ((2,), (3,))),
        islands.Merge(50, ((0, 1), (2, 3))),
    ]
    merged = islands.merge_steps(steps, labels)
    assert merged[0].tolist() == [0, 10, 50, 50]
    assert merged[2, 3] == 20
    with pytest.raises(ConetError):
        islands.merge_tree([0, 10, 10, 50], labels)


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 6), st.integers(2, 7), st.integers(0, 10_000))
def test_merges_form_a_tree(snapshots, questions, seed):
    labels = np.random.default_rng(seed).integers(-1, 3, (snapshots, questions))
    steps = list(range(0, 10 * snapshots, 10))
    merged = islands.merge_steps(steps, labels)
    for first in range(questions):
        for second in range(questions):
            together = (labels[:, first] == labels[:, second]) & (labels[:, first] >= 0)
            lasting = np.logical_and.accumulate(together[::-1])[::-1]
            expected = steps[int(lasting.argmax())] if lasting.any() else np.nan
            if first != second:
                np.testing.assert_equal(merged[first, second], expected)
    filled = np.nan_to_num(merged, nan=1e6)
    np.fill_diagonal(filled, 0)
    # Ultrametric: no detour over a third question is shorter.
    assert (filled <= np.maximum(filled[:, :, None], filled[None, :, :]).min(axis=1) + 1e-9).all()
    assert is_valid_linkage(linkage(squareform(filled), "single"))
    groups = islands.lasting_groups(labels)[-1].max() + 1
    lost = sum(len(merge.parts) - 1 for merge in islands.merge_tree(steps, labels))
    assert questions - lost == groups


def test_labels_of_questions():
    webs = [graph_of([(0, 1), (2, 3)], 5), graph_of([(0, 1), (1, 2), (2, 3)], 5)]
    assert islands.question_labels(webs, np.array([0, 2, 4])).tolist() == [[0, 1, -1], [0, 0, -1]]


@pytest.fixture
def trunk():
    """Questions 0, 1, 2 flow through the trunk 3 → 4 → 5; question 6 has its own way to 7."""
    pairs = {(0, 3): 9.0, (1, 3): 9.0, (2, 4): 9.0, (3, 4): 9.0, (4, 5): 9.0, (6, 7): 9.0}
    pairs |= {(5, 8): 0.0, (7, 8): 0.0, (8, 0): 0.0, (8, 1): 0.0, (8, 2): 0.0, (8, 6): 0.0}
    pairs |= {(node, 8): 0.0 for node in (0, 1, 2, 3, 4, 6)}
    questions, answers = np.array([0, 1, 2, 6], np.int32), np.array([5, 5, 5, 7], np.int32)
    return pairs, Problems(questions, answers, max_length=5)


def test_follow_and_connected(trunk):
    pairs, tasks = trunk
    successor = argmax_web(policy_on(pairs, 9)).targets
    assert damage.follow(successor, tasks)[0].tolist() == [0, 3, 4, 5, 5, 5]
    assert damage.connected(successor, tasks).tolist() == [True] * 4
    short = Problems(tasks.questions, tasks.answers, max_length=2)
    assert damage.connected(successor, short).tolist() == [False, False, True, True]
    # Node 4 is now the answer of question 6, which goes round by 7, 8, 0, 3; the others are stopped there.
    stopping = Problems(tasks.questions, np.array([5, 5, 5, 4], np.int32), 5, stop_at_any_answer=True)
    assert damage.connected(successor, stopping).tolist() == [False, False, False, True]


def test_each_flip_cuts_off_its_own_subtree(trunk):
    pairs, tasks = trunk
    successor = argmax_web(policy_on(pairs, 9)).targets
    nodes = np.array([0, 3, 4, 6, 5, 8])
    assert damage.disconnected(successor, tasks, nodes, np.full(6, 8)).tolist() == [1, 2, 3, 1, 0, 0]
    assert damage.disconnected(successor, tasks, np.array([3]), np.array([4])).tolist() == [0]


def test_damage_of_one_trunk_edge(trunk):
    pairs, tasks = trunk
    before, after = policy_on(pairs, 9), policy_on(pairs | {(4, 8): 30.0}, 9)
    walks = before.sample(tasks, 50, key=2)
    found = damage.damage(before, after, tasks, walks, threshold=0.9)
    assert (found["candidates"], found["flips"], found["flipped_share"]) == (8, 1, 1 / 8)
    assert (found["connected_before"], found["connected_after"]) == (4, 1)
    assert found["disconnected"]["mean"] == 3
    assert found["traffic"]["mean"] > found["traffic"]["random_mean"]
    assert found["traffic"]["p_value"] == pytest.approx(1 / 8, abs=0.05)
    one = before.sample(Problems(np.array([0], np.int32), np.array([5], np.int32), 5), 1, key=3)
    taught = damage.damage(before, after, tasks, walks, threshold=0.9, taught=one)["traffic"]
    # 50 walks a question: of the edges at the nodes 0, 3 and 4 one carries a question, one two, one three.
    assert taught["taught_mean"] == pytest.approx(100, rel=0.02)
    assert "taught_mean" not in found["traffic"]
    same = damage.damage(before, before, tasks, walks)
    assert same["flips"] == 0
    assert np.isnan(same["traffic"]["mean"])


def test_only_committed_nodes_can_flip():
    before = policy_on({(0, 1): 1.0, (0, 2): 0.9, (1, 0): 8.0, (1, 2): 0.0, (2, 0): 0.0}, 3)
    after = policy_on({(0, 1): 0.9, (0, 2): 1.0, (1, 0): 0.0, (1, 2): 8.0, (2, 0): 0.0}, 3)
    found = damage.find_flips(before, after, threshold=0.9)
    assert found.nodes.tolist() == [1, 2]
    assert found.flipped.tolist() == [True, False]


@settings(max_examples=30, deadline=None)
@given(pairs_of_ten)
def test_betweenness_agrees_with_networkx(pairs):
    web = graph_of(pairs, 10)
    oracle = nx.edge_betweenness_centrality(nx.DiGraph(pairs), normalized=False)
    expected = [oracle[edge] for edge in zip(web.sources.tolist(), web.targets.tolist())]
    np.testing.assert_allclose(damage.edge_betweenness(web), expected, atol=1e-9)


def test_against_random_is_calibrated():
    """Random choices get a p-value below 0.1 about every tenth time: 300 trials, false alarm 0.001."""
    rng = np.random.default_rng(0)
    values = rng.normal(size=40)
    low = 0
    for trial in range(300):
        chosen = np.zeros(40, bool)
        chosen[rng.permutation(40)[:6]] = True
        low += damage.against_random(values, chosen, draws=99, seed=trial)["p_value"] <= 0.1
    assert 13 <= low <= 49


def test_an_island_keeps_its_number_through_growth_and_merges():
    moments = [
        [(0, 1), (3, 4), (4, 5)],  # two islands
        [(0, 1), (1, 2), (3, 4), (4, 5), (7, 8)],  # one grows, one is new
        [(0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (7, 8)],  # two merge: three nodes each, the first counts
        [(3, 4), (4, 5), (7, 8), (0, 9)],  # the merged one parts
    ]
    found = islands.follow([graph_of(pairs, 10).labels for pairs in moments])
    assert [number.tolist() for number in found] == [
        [0, 0, -1, 1, 1, 1, -1, -1, -1, -1],
        [0, 0, 0, 1, 1, 1, -1, 2, 2, -1],
        [0, 0, 0, 0, 0, 0, -1, 2, 2, -1],
        [3, -1, -1, 0, 0, 0, -1, 2, 2, 3],
    ]
    assert islands.follow([]) == []


@settings(max_examples=50, deadline=None)
@given(st.lists(pairs_of_ten, min_size=1, max_size=5))
def test_numbers_of_islands_tell_the_components_apart(moments):
    webs = [graph_of(pairs, 10) for pairs in moments]
    for web, number in zip(webs, islands.follow([web.labels for web in webs])):
        both = {(int(label), int(one)) for label, one in zip(web.labels, number)}
        assert len({label for label, _ in both}) == len({one for _, one in both}) == len(both)
        assert ((number < 0) == (web.labels < 0)).all()
