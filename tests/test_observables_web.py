"""The concept web: exact answers on small graphs, networkx as the oracle."""

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conet.base.errors import ConetError
from conet.engine.softmax import entropy
from conet.engine.tables import TablePolicy
from conet.network.graph import Graph, from_edges, regular
from conet.network.layout import lay_out
from conet.network.problems import Problems
from conet.network.web import Web
from conet.observables import diversity, web


def small_policy(
    pairs: list[tuple[int, int]], nodes: int, logits: dict[tuple[int, int], float]
) -> TablePolicy:
    sources, targets = np.array(pairs).T
    graph = from_edges(sources, targets, nodes)
    keys = list(zip(graph.sources().tolist(), graph.targets.tolist()))
    return TablePolicy(graph, np.array([logits.get(key, 0.0) for key in keys]))


def graph_of(pairs: list[tuple[int, int]], size: int) -> Web:
    sources, targets = np.array(pairs, np.int32).reshape(-1, 2).T
    edges = np.arange(len(pairs), dtype=np.int32)
    return Web(
        sources=np.ascontiguousarray(sources), targets=np.ascontiguousarray(targets), edges=edges, size=size
    )


def test_two_islands_by_hand():
    # 0 → 1 ⇄ 2 and 4 → 5; node 3 stands alone.
    found = graph_of([(0, 1), (1, 2), (2, 1), (4, 5)], 6)
    assert found.labels.tolist() == [0, 0, 0, -1, 1, 1]
    assert found.nodes.tolist() == [0, 1, 2, 4, 5]
    assert (found.components, found.links, found.cycle_rank) == (2, 3, 0)
    assert found.component_sizes.tolist() == [3, 2]
    assert found.summary(np.array([0, 2, 3], np.int32)) == {
        "islands": 2,
        "question_islands": 1,
        "giant_component": 3,
        "second_component": 2,
        "web_nodes": 5,
        "web_edges": 4,
        "mean_degree": 8 / 5,
        "cycle_rank": 0,
        "committed_nodes": 4,
    }


def test_empty_web():
    found = graph_of([], 4)
    assert found.mean_degree == 0.0
    assert set(found.summary(np.array([1], np.int32)).values()) == {0}


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11)), max_size=40),
    st.lists(st.integers(0, 11), max_size=6, unique=True),
)
def test_networkx_agrees(pairs, questions):
    """Self-loops, doubled and opposite edges among them; edges in any order."""
    found = graph_of(pairs, 12)
    oracle = nx.Graph()
    oracle.add_edges_from(pairs)
    parts = sorted(nx.connected_components(oracle), key=min)
    sizes = sorted((len(part) for part in parts), reverse=True)
    assert found.components == len(parts)
    assert [set(np.flatnonzero(found.labels == label)) for label in range(len(parts))] == parts
    assert found.links == oracle.number_of_edges()
    assert found.cycle_rank == oracle.number_of_edges() - len(oracle) + len(parts)
    summary = found.summary(np.array(questions, np.int32))
    assert summary["question_islands"] == sum(bool(part & set(questions)) for part in parts)
    assert [summary["giant_component"], summary["second_component"]] == [*sizes, 0, 0][:2]
    assert summary["committed_nodes"] == len({source for source, _ in pairs})
    assert (summary["islands"], summary["cycle_rank"]) == (found.components, found.cycle_rank)
    assert summary["mean_degree"] == found.mean_degree


@pytest.mark.parametrize("threshold", [0.05, 0.3, 0.5, 1.0])
def test_threshold_web_of_a_regular_graph(threshold):
    rng = np.random.default_rng(0)
    policy = TablePolicy(regular(60, 6, 0), 3 * rng.normal(size=360))
    found = web.threshold_web(policy, threshold)
    assert found.edges.tolist() == np.flatnonzero(policy.probability >= threshold).tolist()
    assert found.sources.tolist() == (found.edges // 6).tolist()
    assert found.targets.tolist() == policy.graph.targets[found.edges].tolist()
    largest = policy.probability.reshape(60, 6).max(axis=1)
    questions = np.arange(5, dtype=np.int32)
    assert (
        web.threshold_web(policy, threshold).summary(questions)["committed_nodes"]
        == (largest >= threshold).sum()
    )


def test_edge_on_the_threshold_counts():
    policy = TablePolicy(regular(5, 2, 0))  # every edge has π = 1/2
    assert len(web.threshold_edges(policy.probability, 0.5)) == 10
    assert len(web.threshold_edges(policy.probability, np.nextafter(0.5, 1))) == 0


def test_argmax_web_takes_the_first_of_equals_and_uneven_rows():
    policy = small_policy([(0, 1), (0, 2), (1, 2), (2, 0), (2, 1), (2, 3), (3, 0)], 4, {(2, 3): 1.0})
    found = web.argmax_web(policy)
    assert list(zip(found.sources.tolist(), found.targets.tolist())) == [(0, 1), (1, 2), (2, 3), (3, 0)]
    assert found.mean_degree == 2.0


def test_traffic_web_holds_the_edges_of_successful_walks_only():
    policy = small_policy([(0, 1), (1, 2), (1, 3), (2, 0), (3, 0)], 4, {})
    tasks = Problems(np.array([0], np.int32), np.array([2], np.int32), max_length=2)
    walks = policy.sample(tasks, 64, key=1)
    edges, counts = web.traffic_counts(walks)
    assert 0 < walks.correct.sum() < 64
    assert edges.tolist() == [0, 1]
    assert counts.tolist() == [walks.correct.sum()] * 2
    assert web.traffic_web(policy.graph, walks).nodes.tolist() == [0, 1, 2]


@settings(max_examples=20, deadline=None)
@given(
    st.lists(st.integers(1, 7), min_size=8, max_size=12), st.integers(0, 1000), st.sampled_from([0.1, 5, 300])
)
def test_row_entropy_is_that_of_the_plain_sum(degrees, seed, scale):
    rng = np.random.default_rng(seed)
    offsets = np.concatenate([[0], np.cumsum(degrees)])
    graph = Graph(offsets, rng.integers(0, len(degrees), offsets[-1]).astype(np.int32))
    policy = TablePolicy(graph, rng.normal(size=graph.edges) * scale)
    expected = entropy(policy.probability, graph)
    np.testing.assert_allclose(diversity.node_entropy(policy), expected, atol=1e-11)
    chosen = np.array([len(degrees) - 1, 0])
    np.testing.assert_allclose(diversity.node_entropy(policy, chosen), expected[chosen], atol=1e-11)
    assert diversity.policy_entropy(policy) == pytest.approx(expected.mean(), abs=1e-11)


def test_entropy_of_the_uniform_policy():
    policy = TablePolicy(regular(30, 7, 0))
    assert diversity.policy_entropy(policy) == pytest.approx(np.log(7))
    assert np.isnan(diversity.policy_entropy(policy, np.zeros(0, np.int32)))


def test_web_of_an_edge_list_adds_up_doubled_edges():
    found = Web.from_edges([3, 0, 3, 1], [1, 2, 1, 1], [0.5, 1.0, 0.25, 2.0])
    assert list(zip(found.sources.tolist(), found.targets.tolist())) == [(0, 2), (1, 1), (3, 1)]
    assert found.weights is not None
    assert found.weights.tolist() == [1.0, 2.0, 0.75]
    assert (found.size, found.edges.tolist()) == (4, [0, 1, 2])
    assert repr(found) == "Web(4 nodes, 3 edges, 2 components, weighted)"
    assert repr(Web.from_edges([], [], size=2)) == "Web(0 nodes, 0 edges, 0 components)"


@pytest.mark.parametrize(
    ("arguments", "options", "what"),
    [
        (([0], [1, 2]), {}, "1 sources and 2 targets"),
        (([0], [-1]), {}, "node -1"),
        (([0], [4]), {"size": 4}, "node 4"),
        (([0.5], [1]), {}, "float64"),
        (([0], [1], [1.0, 2.0]), {}, "2 weights"),
        (([0], [1], [np.nan]), {}, "not finite"),
        (([0], [1]), {"attributes": {"role": np.zeros(3)}}, "attribute 'role'"),
        (([0], [2**31]), {}, "nodes"),
    ],
)
def test_an_edge_list_that_is_none_is_refused(arguments, options, what):
    with pytest.raises(ConetError, match=what):
        Web.from_edges(*arguments, **options)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11), st.floats(0, 9)), max_size=40))
def test_to_networkx_keeps_edges_weights_and_attributes(triples):
    sources, targets, weights = zip(*triples) if triples else ((), (), ())
    names = np.array([f"concept {node}" for node in range(12)])
    found = Web.from_edges(sources, targets, weights, size=12, attributes={"name": names})
    network = found.to_networkx()
    expected = nx.DiGraph()
    for source, target, weight in triples:
        known = expected.get_edge_data(source, target, {"weight": 0.0})["weight"]
        expected.add_edge(source, target, weight=known + weight)
    assert sorted(network.nodes) == sorted(expected.nodes)
    assert set(network.edges) == set(expected.edges)
    for source, target, weight in network.edges(data="weight"):
        assert weight == pytest.approx(expected.edges[source, target]["weight"])
    for node, values in network.nodes(data=True):
        assert values == {"name": f"concept {node}", "island": found.labels[node]}


def test_layout_of_a_web_that_no_policy_made():
    early, late = Web.from_edges([0, 4], [1, 5], size=9), Web.from_edges([0, 1], [1, 2], size=9)
    found = lay_out(early, late)
    assert found.nodes.tolist() == [0, 1, 2, 4, 5]
    assert np.array_equal(found.at(np.array([5, 0])), found.position[[4, 0]])
    assert lay_out(Web.from_edges([], [], size=3)).position.shape == (0, 2)
