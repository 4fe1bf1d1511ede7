"""Graphs: what every kind promises, exact small cases, networkx as the oracle, GraphML files."""

import networkx as nx
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats

from conet.base.errors import ConetError
from conet.config import GraphSettings
from conet.engine.softmax import entropy, softmax
from conet.engine.tables import TablePolicy
from conet.network import builders
from conet.network.graph import GRAPHS, Graph, build, from_edges
from conet.network.problems import Problems

UNDIRECTED = ("regular_undirected", "small_world", "scale_free")
DRAWN = ("regular", "erdos_renyi", *UNDIRECTED)


def pairs(graph: Graph) -> list[tuple[int, int]]:
    return list(zip(graph.sources().tolist(), graph.targets.tolist()))


def fitting(kind: str, nodes: int, degree: int) -> bool:
    even = {"regular_undirected": nodes * degree, "small_world": degree, "scale_free": degree}
    return degree < nodes and even.get(kind, 0) % 2 == 0


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(DRAWN), st.integers(2, 40), st.integers(1, 39), st.integers(0, 2**63 - 1))
def test_no_self_loop_no_doubled_edge_no_dead_end(kind, nodes, degree, seed):
    assume(fitting(kind, nodes, degree))
    graph = build(GraphSettings(kind=kind, nodes=nodes, degree=degree), seed)
    edges = pairs(graph)
    assert graph.nodes == nodes
    assert graph.edges == len(edges) == len(set(edges)) == graph.offsets[-1]
    assert all(source != target and 0 <= target < nodes for source, target in edges)
    assert np.diff(graph.offsets).min() >= 1
    assert (graph.offsets.dtype, graph.targets.dtype) == (np.int64, np.int32)
    if kind.startswith("regular"):
        assert graph.uniform_degree == degree
    if kind in UNDIRECTED:
        assert set(edges) == {(target, source) for source, target in edges}


@pytest.mark.parametrize("kind", DRAWN)
def test_one_seed_one_graph(kind):
    asked = GraphSettings(kind=kind, nodes=60, degree=6)
    first, again, other = build(asked, 5), build(asked, 5), build(asked, 6)
    assert pairs(first) == pairs(again)
    assert pairs(first) != pairs(other)


@pytest.mark.parametrize("kind", DRAWN)
@pytest.mark.parametrize("degree", [10, 11])
def test_too_large_a_degree_is_refused(kind, degree):
    with pytest.raises(ConetError, match=f"graph.degree={degree}; expected less than graph.nodes=10"):
        build(GraphSettings(kind=kind, nodes=10, degree=degree), 0)


@pytest.mark.parametrize(
    ("kind", "nodes"), [("regular_undirected", 9), ("small_world", 9), ("scale_free", 9)]
)
def test_odd_degrees_are_refused_not_rounded(kind, nodes):
    with pytest.raises(ConetError, match=r"graph\.degree=3"):
        build(GraphSettings(kind=kind, nodes=nodes, degree=3), 0)


@pytest.mark.parametrize(("kind", "freedom"), [("regular", 48), ("regular_undirected", 20)])
def test_links_are_drawn_uniformly(kind, freedom):
    """Chi-square over all pairs of 8 nodes; false-alarm rate 1e-4 each, seeds fixed.

    Degrees are fixed, which takes 8 directions from the 56 ordered pairs, and 8 from the 28 unordered
    ones; by symmetry all other directions vary alike.
    """
    counts, draws, share = np.zeros((8, 8)), 600, 3 / 7
    for seed in range(draws):
        graph = build(GraphSettings(kind=kind, nodes=8, degree=3), seed)
        counts[graph.sources(), graph.targets] += 1
    off_diagonal = counts[np.triu_indices(8, 1)] if kind in UNDIRECTED else counts[~np.eye(8, dtype=bool)]
    squares = (off_diagonal - draws * share) ** 2 / (draws * share * (1 - share))
    assert squares.mean() * freedom < stats.chi2.ppf(1 - 1e-4, freedom)


def test_erdos_renyi_has_binomial_degrees():
    """Mean and spread of the out-degree, each within 5 standard errors (false-alarm rate 1e-6)."""
    graph = build(GraphSettings(kind="erdos_renyi", nodes=2000, degree=20), 1)
    probability = 20 / 1999
    variance = 1999 * probability * (1 - probability)
    for degrees in (np.diff(graph.offsets), np.bincount(graph.targets, minlength=2000)):
        assert abs(degrees.mean() - 20) < 5 * np.sqrt(variance / 2000)
        assert abs(degrees.var() - variance) < 5 * variance * np.sqrt(2 / 2000)


def test_erdos_renyi_mends_dead_ends():
    graph = build(GraphSettings(kind="erdos_renyi", nodes=400, degree=1), 2)
    degrees = np.diff(graph.offsets)
    assert degrees.min() == 1
    assert 400 < graph.edges < 700  # a share exp(-1) of the nodes got one more: 547 expected
    assert build(GraphSettings(kind="erdos_renyi", nodes=12, degree=11), 2).edges == 12 * 11


def test_small_world_without_rewiring_is_the_ring():
    graph = build(GraphSettings(kind="small_world", nodes=9, degree=4, rewiring=0.0), 0)
    assert set(pairs(graph)) == {(i, (i + step) % 9) for i in range(9) for step in (-2, -1, 1, 2)}
    ring, rewired = (
        nx.average_shortest_path_length(
            builders.to_networkx(build(GraphSettings(kind="small_world", nodes=200, degree=6, rewiring=p), 0))
        )
        for p in (0.0, 0.2)
    )
    assert rewired < ring / 3


def test_scale_free_has_hubs_and_nearly_the_mean_degree():
    graph = build(GraphSettings(kind="scale_free", nodes=1000, degree=10), 0)
    degrees = np.diff(graph.offsets)
    assert graph.edges == 2 * 5 * (1000 - 5)
    assert degrees.min() == 5
    assert degrees.max() > 8 * degrees.mean()


def test_options_are_checked_against_the_builder():
    for changes, part in [
        ({"kind": "smallworld"}, "did you mean 'small_world'?"),
        ({"nods": 3}, "did you mean 'graph.nodes'?"),
        ({"kind": "small_world", "rewirin": 0.2}, "did you mean 'graph.rewiring'?"),
        ({"kind": "small_world", "rewiring": 1.5}, "graph.rewiring=1.5"),
        ({"kind": "small_world", "rewiring": float("nan")}, "graph.rewiring=nan"),
        ({"rewiring": 0.2}, "unknown key 'graph.rewiring'"),
        ({"file": "web.graphml"}, "set graph.kind=graphml"),
        ({"kind": "graphml"}, "graph.file=PATH"),
        ({"kind": "absent.py:mine"}, "no file absent.py"),
    ]:
        with pytest.raises(ConetError) as caught:
            build(GraphSettings(**changes), 0)
        assert part in str(caught.value)


@pytest.mark.parametrize(
    ("source", "part"),
    [
        ("value = 3", "a function (nodes, degree, seed, ...)"),
        ("def value(nodes): pass", "a function (nodes, degree, seed, ...)"),
        ("def value(nodes, degree, seed): return [1]", "returned a list"),
        ("def value(nodes, degree, seed, depth: int): pass", "no graph.depth"),
        ("def valeu(nodes, degree, seed): pass", "did you mean 'valeu'?"),
        ("1 / 0", "ZeroDivisionError"),
        ("def value(:", "SyntaxError"),
    ],
)
def test_a_file_that_is_no_graph(tmp_path, source, part):
    path = tmp_path / "mine.py"
    path.write_text(source)
    with pytest.raises(ConetError) as caught:
        build(GraphSettings(kind=f"{path}:value"), 0)
    assert part in str(caught.value)


def test_postponed_annotations_work_too(tmp_path):
    path = tmp_path / "postponed.py"
    path.write_text(
        "from __future__ import annotations\nimport numpy as np\nfrom conet.network.graph import from_edges\n"
        "def ring(nodes, degree, seed, step: int = 1):\n"
        "    here = np.arange(nodes)\n    return from_edges(here, (here + step) % nodes, nodes)\n"
    )
    graph = build(GraphSettings(kind=f"{path}:ring", nodes=5, step=2), 0)
    assert graph.targets.tolist() == [2, 3, 4, 0, 1]
    with pytest.raises(ConetError, match=r"graph\.step='x'"):
        build(GraphSettings(kind=f"{path}:ring", step="x"), 0)


@pytest.mark.parametrize(
    ("offsets", "targets", "part"),
    [
        ([0, 1], [0], "a graph of 1 nodes"),
        ([0, 1, 1], [1], "node 1"),
        ([0, 2, 1], [1], "without out-edges"),
        ([0, 1, 2], [1], "1 edges"),
        ([1, 2, 3], [1, 0, 0], "counted from 0"),
        ([0, 1, 2], [1, 2], "an edge at node 2; expected 0 to 1"),
        ([0, 1, 2], [1, -1], "an edge at node -1"),
    ],
)
def test_impossible_arrays_are_refused(offsets, targets, part):
    with pytest.raises(ConetError) as caught:
        Graph(np.array(offsets, np.int64), np.array(targets, np.int32))
    assert part in str(caught.value)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=60))
def test_from_edges_keeps_the_set_of_edges(drawn):
    ring = [(i, (i + 1) % 7) for i in range(7)]
    graph = from_edges(*np.array(drawn + ring).T, 7)
    assert pairs(graph) == sorted({(a, b) for a, b in drawn + ring if a != b})
    degrees = np.diff(graph.offsets)
    assert graph.uniform_degree == (degrees[0] if len(set(degrees)) == 1 else 0)


@pytest.mark.parametrize("edge", [(0, 3), (3, 0), (-1, 0)])
def test_from_edges_refuses_what_is_no_node(edge):
    with pytest.raises(ConetError, match="an edge at node"):
        from_edges(*np.array([(0, 1), (1, 2), (2, 0), edge]).T, 3)


def test_softmax_and_entropy_by_hand():
    graph = from_edges(np.array([0, 0, 1, 2, 2]), np.array([1, 2, 0, 0, 1]), 3)
    logits = np.array([0.0, np.log(3.0), 5.0, 1000.0, -1000.0])
    probability = softmax(logits, graph)
    assert probability == pytest.approx([0.25, 0.75, 1, 1, 0])
    assert entropy(probability, graph) == pytest.approx([-0.25 * np.log(0.25) - 0.75 * np.log(0.75), 0, 0])
    assert TablePolicy(graph, logits).probability == pytest.approx(probability, abs=1e-15)


@pytest.mark.parametrize("kind", DRAWN)
def test_graphml_round_trip(tmp_path, kind):
    graph = build(GraphSettings(kind=kind, nodes=24, degree=6), 3)
    tasks = Problems(np.array([0, 1], np.int32), np.array([1, 5], np.int32), 5)
    probability = TablePolicy(graph).probability
    path = tmp_path / "web.graphml"
    builders.write_graphml(graph, path, probability, tasks)
    again = build(GraphSettings(kind="graphml", nodes=2, degree=999, file=str(path)), 0)
    assert np.array_equal(again.offsets, graph.offsets)
    assert np.array_equal(again.targets, graph.targets)
    network = nx.read_graphml(path)
    assert [network.nodes[str(node)]["role"] for node in (0, 1, 2, 5)] == [
        "question",
        "both",
        "concept",
        "answer",
    ]
    written = {(int(a), int(b)): value for a, b, value in network.edges(data="probability")}
    assert written == dict(zip(pairs(graph), probability))
    assert pairs(builders.from_networkx(builders.to_networkx(graph))) == pairs(graph)


def graphml(body: str, direction: str = "directed") -> str:
    return (
        '<?xml version="1.0"?><graphml xmlns="http://graphml.graphdrawing.org/xmlns">'
        f'<graph edgedefault="{direction}">{body}</graph></graphml>'
    )


NODES = '<node id="zeta"/><node id="alpha"/><node id="mid"/>'
PATH = '<edge source="alpha" target="zeta"/><edge source="mid" target="alpha"/>'


def test_graphml_nodes_are_numbered_in_the_files_order(tmp_path):
    path = tmp_path / "three.graphml"
    path.write_text(graphml(NODES + PATH + '<edge source="zeta" target="mid"/>'))
    assert pairs(build(GraphSettings(kind="graphml", file=str(path)), 0)) == [(0, 2), (1, 0), (2, 1)]
    path.write_text(graphml(NODES + PATH, "undirected"))
    graph = build(GraphSettings(kind="graphml", file=str(path)), 0)
    assert pairs(graph) == [(0, 1), (1, 0), (1, 2), (2, 1)]


def test_graphml_counts_parallel_edges_once(tmp_path):
    path = tmp_path / "multi.graphml"
    double = '<edge source="zeta" target="mid"/>' * 2 + '<edge source="zeta" target="zeta"/>'
    path.write_text(graphml(NODES + PATH + double))
    assert pairs(build(GraphSettings(kind="graphml", file=str(path)), 0)) == [(0, 2), (1, 0), (2, 1)]


@pytest.mark.parametrize(
    ("text", "part"),
    [
        (graphml(NODES + PATH), "node 'zeta' without out-edges (1 in all)"),
        (graphml(NODES + PATH + '<edge source="zeta" target="zeta"/>'), "node 'zeta' without out-edges"),
        (graphml(NODES + PATH + '<node id="far"/>', "undirected"), "node 'far' without out-edges"),
        (graphml(NODES), "without edges"),
        (graphml(""), "without edges"),
        (graphml(NODES + '<edge source="alpha" target="zeta" directed="false"/>'), "a GraphML file"),
        ("<graphml></graphml>", "a GraphML file"),
        ("<html></html>", "a GraphML file"),
        ("not XML", "a GraphML file"),
        ("", "a GraphML file"),
    ],
)
def test_graphml_faults(tmp_path, text, part):
    path = tmp_path / "bad.graphml"
    path.write_text(text)
    with pytest.raises(ConetError) as caught:
        build(GraphSettings(kind="graphml", file=str(path)), 0)
    assert part in str(caught.value)
    assert "bad.graphml" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_graphml_paths(tmp_path):
    for path in (tmp_path / "absent.graphml", tmp_path):
        with pytest.raises(ConetError, match="a GraphML file"):
            build(GraphSettings(kind="graphml", file=str(path)), 0)
    with pytest.raises(ConetError, match="a file that can be written"):
        builders.write_graphml(from_edges([0, 1], [1, 0], 2), tmp_path / "absent" / "web.graphml")


def test_every_kind_is_registered():
    assert set(GRAPHS) == {*DRAWN, "graphml"}
