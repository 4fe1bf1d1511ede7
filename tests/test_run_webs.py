"""What a run directory gives back: policies, webs, merges, and observables evaluated afterwards."""

from pathlib import Path

import networkx as nx
import numpy as np
import pytest
from signing import sign_again

import conet
from conet.engine.softmax import softmax
from conet.network.islands import merge_tree, question_labels
from conet.observables import needs
from conet.observables.web import threshold_web

SMALL = conet.preset("smoke").override(
    {
        "steps": 40,
        "graph.nodes": 60,
        "graph.degree": 6,
        "problems.count": 10,
        "problems.max_length": 8,
        "learner.learning_rate": 20.0,
        "snapshots.steps": (0, 7, 20, 40),
        "observables": ("paths", "pass_at_k"),
    }
)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return conet.run(SMALL, tmp_path_factory.mktemp("webs") / "run")


def test_policy_and_web_of_a_snapshot(run):
    policy, found = run.policy(20), run.web(20)
    expected = threshold_web(policy, SMALL.web.threshold)
    assert np.array_equal(policy.logits, run.snapshot(20)["logits"])
    assert found.edges.tolist() == expected.edges.tolist()
    np.testing.assert_allclose(found.weights, expected.weights)
    assert found.labels.tolist() == expected.labels.tolist()
    assert run.policy().sha256 == run.summary()["state_sha256"]
    assert run.web().edges.tolist() == run.web(40).edges.tolist()
    assert len(run.web(20, threshold=0.9).edges) < len(found.edges)


def test_roles_and_traffic_of_the_nodes(run):
    arrays, problems, graph = run.snapshot(40), run.problems(), run.graph()
    found = run.web().attributes
    assert set(found["role"][problems.questions]) == {"question"}
    assert set(found["role"][problems.answers]) == {"answer"}
    assert (found["role"] == "none").sum() == 60 - 20
    flow = np.zeros((60, 60), int)
    flow[graph.sources()[arrays["traffic_edges"]], graph.targets[arrays["traffic_edges"]]] = arrays[
        "traffic_counts"
    ]
    assert found["traffic"].tolist() == np.maximum(flow.sum(axis=0), flow.sum(axis=1)).tolist()
    assert found["traffic"][problems.questions].max() >= 64


def test_webs_of_all_snapshots_go_to_networkx(run):
    webs = dict(run.webs())
    assert list(webs) == [0, 7, 20, 40]
    network = webs[40].to_networkx()
    probability = softmax(run.snapshot(40)["logits"], run.graph())
    assert sorted(network) == webs[40].nodes.tolist()
    assert min(nx.get_edge_attributes(network, "weight").values()) >= SMALL.web.threshold
    assert sum(nx.get_edge_attributes(network, "weight").values()) == pytest.approx(
        probability[probability >= SMALL.web.threshold].sum()
    )
    assert set(nx.get_node_attributes(network, "role").values()) <= {"none", "question", "answer"}


def test_merges_are_those_of_the_webs(run):
    webs = dict(run.webs())
    labels = question_labels(list(webs.values()), run.problems().questions)
    assert run.merges() == merge_tree(list(webs), labels)


def test_an_observable_evaluated_afterwards_is_the_column_of_the_run(run):
    metrics = run.metrics()
    later = run.observe("paths")
    assert later["step"].to_list() == [0, 7, 20, 40]
    during = metrics.filter(metrics["step"].is_in([0, 7, 20])).select(later.columns)
    assert later.head(3).equals(during, null_equal=True) or np.allclose(
        later.head(3).to_numpy(), during.to_numpy(), equal_nan=True, rtol=0, atol=0
    )


def test_what_needs_rollouts_alone_is_evaluated_at_every_step(run):
    @needs("rollouts")
    def accuracy(observation):
        return observation.rollouts["correct"].mean()

    found = run.observe(accuracy, "pass_at_k")
    metrics = run.metrics()
    assert found["step"].to_list() == list(range(40))
    np.testing.assert_allclose(found["accuracy"], metrics["accuracy"])
    assert found["pass_at_k.4"].to_list() == metrics["pass_at_k.4"].to_list()
    assert found["pass_at_k.1"].to_list() == pytest.approx(metrics["accuracy"].to_list())


def test_a_function_that_declares_nothing_is_evaluated_on_snapshots(run):
    def committed(observation):
        return len(observation.web.edges)

    assert run.observe(committed)["committed"].to_list() == [len(web.edges) for _, web in run.webs()]


def test_rollouts_are_read_in_blocks(run, monkeypatch):
    from conet.runs import observe

    whole = run.observe("groups")
    monkeypatch.setattr(observe, "MOST_ROWS", 100)
    assert run.observe("groups").equals(whole)


@pytest.mark.parametrize(
    ("ask", "what"),
    [
        (lambda run: run.web(5), "a snapshot step: 0, 7, 20, 40"),
        (lambda run: run.policy(-1), "step -1"),
        (lambda run: run.observe("wbe"), "did you mean 'web'"),
        (lambda run: run.observe(), "no observable"),
        (lambda run: run.observe("groups", split="eval"), "no rollouts of split 'eval'; expected 'train'"),
    ],
)
def test_what_is_not_there_is_named(run, ask, what):
    with pytest.raises(conet.ConetError) as found:
        ask(run)
    assert what in str(found.value)


def test_a_run_without_snapshots_or_rollouts_says_so(tmp_path):
    bare = conet.run(
        SMALL.override({"steps": 3, "snapshots.steps": (), "snapshots.rollouts": False, "observables": ()}),
        tmp_path / "bare",
    )
    for path in (bare.path / "snapshots").iterdir():
        path.unlink()
    sign_again(bare.path)
    bare = conet.Run(bare.path)
    for ask in (bare.policy, bare.web, lambda: bare.observe("web"), lambda: bare.observe("groups")):
        with pytest.raises(conet.ConetError, match="holds no snapshot"):
            ask()
    assert list(bare.webs()) == []
    assert bare.merges() == []


@pytest.mark.parametrize(
    ("place", "kind", "first", "wrong"),
    [
        ("llm-0.1/finished", "language_model", 0, 0.5),
        ("trl/plain", "log", 1, 1 / 3),
        ("verl/rollout", "log", 1, 1 / 3),
    ],
)
def test_observables_of_rollouts_work_on_language_models_and_logs(place, kind, first, wrong):
    run = conet.Run(Path(__file__).parent / "data" / place)
    found = run.observe("groups", "pass_at_k")
    assert run.kind == kind
    assert (found["step"][0], found["groups.all_wrong"][0]) == (first, pytest.approx(wrong))
    assert found["pass_at_k.1"].is_between(0, 1).all()
    with pytest.raises(conet.ConetError, match="needs web"):
        run.observe("web")
