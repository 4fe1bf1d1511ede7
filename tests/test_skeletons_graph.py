"""What every graph promises: each registered kind, the skeleton and the example, none skipped."""

import inspect
import json
import subprocess
import sys
from pathlib import Path

import networkx as nx
import numpy as np
import pytest

import conet
from conet.base.errors import ConetError
from conet.base.registry import load_file
from conet.config import GraphSettings
from conet.engine.tables import TablePolicy
from conet.network.builders import to_networkx, write_graphml
from conet.network.graph import GRAPHS, Graph, build

ROOT = Path(__file__).parents[1]


def functions(path: Path) -> list[str]:
    """Name every function that a file defines as ``path:name``."""
    module = load_file(path, "graph")
    return [
        f"{path.relative_to(ROOT)}:{name}"
        for name, value in vars(module).items()
        if inspect.isfunction(value) and value.__module__ == module.__name__
    ]


FILES = [ROOT / "docs" / "skeletons" / "graph.py", *sorted((ROOT / "examples").glob("*graph*.py"))]
EVERY_KIND = [*sorted(GRAPHS), *(name for path in FILES for name in functions(path))]


@pytest.fixture(params=EVERY_KIND)
def asked(request, tmp_path, monkeypatch) -> GraphSettings:
    """Settings of 48 nodes and degree 6, the only size that every kind must have."""
    monkeypatch.chdir(ROOT)
    file = None
    if request.param == "graphml":
        file = str(tmp_path / "web.graphml")
        write_graphml(build(GraphSettings(kind="regular", nodes=48, degree=6), 0), file)
    return GraphSettings(kind=request.param, nodes=48, degree=6, file=file)


def pairs(graph: Graph) -> list[tuple[int, int]]:
    return list(zip(graph.sources().tolist(), graph.targets.tolist()))


def test_nothing_is_left_out():
    assert {"regular", "graphml", "examples/my_graph.py:ring_of_cliques"} <= set(EVERY_KIND)
    assert "docs/skeletons/graph.py:my_graph" in EVERY_KIND
    assert len(EVERY_KIND) == len(set(EVERY_KIND)) == len(GRAPHS) + 2


def test_graph_is_simple_and_goes_on_everywhere(asked):
    graph = build(asked, 3)
    assert isinstance(graph, conet.Graph)
    assert graph.nodes == 48
    assert len(set(pairs(graph))) == graph.edges
    assert all(source != target for source, target in pairs(graph))
    assert np.diff(graph.offsets).min() >= 1
    assert graph.edges / graph.nodes == pytest.approx(6, rel=0.2)
    assert (graph.offsets.dtype, graph.targets.dtype) == (np.int64, np.int32)
    assert TablePolicy(graph).probability.sum() == pytest.approx(48)


def test_same_seed_same_graph(asked):
    first, again = build(asked, 3), build(asked, 3)
    assert pairs(first) == pairs(again)


def test_options_are_documented_and_checked(asked):
    with pytest.raises(ConetError, match=r"unknown key 'graph\.nonsense'"):
        build(GraphSettings(**asked.model_dump(), nonsense=1), 0)


def test_impossible_size_is_refused(asked):
    if asked.kind == "graphml":  # the file decides the size
        asked = asked.model_copy(update={"file": "absent.graphml"})
    with pytest.raises(ConetError) as caught:
        build(asked.model_copy(update={"degree": 48}), 0)
    assert caught.value.expected
    assert caught.value.remedy


def test_a_run_learns_on_it(asked):
    config = conet.preset("smoke").override(
        {f"graph.{key}": value for key, value in asked.model_dump().items()}
        | {"steps": 40, "problems.count": 4, "learner.learning_rate": 9.0}
    )
    metrics, _ = conet.simulate(config)
    accuracy = metrics["accuracy"]
    assert accuracy[-5:].mean() > accuracy[:5].mean()


def test_example_from_the_command_line(tmp_path):
    command = [
        Path(sys.executable).with_name("conet"),
        "run",
        "--preset",
        "smoke",
        "--steps",
        "3",
        "--json",
        "--set",
        "graph.kind=examples/my_graph.py:ring_of_cliques",
        "graph.reach=2",
        "--out",
        tmp_path / "run",
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["steps"] == 3
    assert conet.Run(tmp_path / "run").graph().uniform_degree == 12


def test_ring_of_cliques():
    path = ROOT / "examples" / "my_graph.py"
    graph = build(GraphSettings(kind=f"{path}:ring_of_cliques", nodes=24, degree=4), 0)
    assert graph.uniform_degree == 4
    for source, target in pairs(graph):
        assert (target // 4 - source // 4) % 6 in (0, 1)
    assert nx.is_strongly_connected(to_networkx(graph))
    far = build(GraphSettings(kind=f"{path}:ring_of_cliques", nodes=24, degree=4, reach=3), 0)
    assert {(target // 4 - source // 4) % 6 for source, target in pairs(far)} == {0, 1, 2, 3}
    for nodes, degree, reach in [(25, 4, 1), (24, 1, 1), (24, 4, 6), (24, 4, 0)]:
        with pytest.raises(ConetError):
            build(GraphSettings(kind=f"{path}:ring_of_cliques", nodes=nodes, degree=degree, reach=reach), 0)


def test_shortcuts_of_the_skeleton():
    path = ROOT / "docs" / "skeletons" / "graph.py"
    ring = build(GraphSettings(kind=f"{path}:my_graph", nodes=10, degree=2), 0)
    assert set(pairs(ring)) == {(i, (i + ahead) % 10) for i in range(10) for ahead in (1, 2)}
    moved = build(GraphSettings(kind=f"{path}:my_graph", nodes=200, degree=4, shortcuts=0.25), 0)
    ahead = (moved.targets - moved.sources()) % 200
    # Of 800 edges 200 are moved, give or take 12: false-alarm rate 1e-6 for a bound of 60, seed fixed.
    assert abs((ahead > 4).sum() - 200) < 60
