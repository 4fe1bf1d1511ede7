"""The transformer policy: exact gradients, cached and uncached walks, its measures, and its run directory."""

import itertools
import json

import numpy as np
import pytest

import conet
from conet import cli
from conet.base.errors import ConetError
from conet.config import PolicySettings
from conet.engine.sample import Walks
from conet.engine.tables import TablePolicy
from conet.learners.base import Batch
from conet.learners.exact import Exact
from conet.learners.grpo import GRPO
from conet.network.graph import Graph, regular
from conet.network.problems import Problems
from conet.observables.markov import markov
from conet.runs.schedule import Phase
from conet.runs.trainer import Trainer

pytestmark = pytest.mark.neural

TINY = PolicySettings(kind="neural", width=8, pretraining_steps=60, pretraining_rate=0.05)
SMALL = {
    "graph.nodes": 20,
    "graph.degree": 4,
    "problems.count": 5,
    "problems.max_length": 5,
    "policy.width": 8,
    "policy.pretraining_steps": 100,
    "learner.rollouts": 8,
    "learner.learning_rate": 0.01,
    "snapshots.traffic_walks": 4,
    "snapshots.pass_walks": 4,
}


@pytest.fixture(autouse=True, scope="module")
def own_cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CONET_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


def policy_on(graph, length, settings=TINY, double=True):
    from conet.neural.policy import NeuralPolicy

    policy = NeuralPolicy(settings, graph, length, 1)
    if double:
        policy.model.double()
    return policy


@pytest.fixture(scope="module")
def triangle():
    """Three nodes, one of them with one edge alone, a problem, and walks of two hops."""
    graph = Graph(np.array([0, 2, 4, 5]), np.array([1, 2, 0, 2, 0], np.int32))
    policy = policy_on(graph, 2, TINY.model_copy(update={"width": 4, "depth": 1, "heads": 1}))
    policy.problems = Problems(np.array([0], np.int32), np.array([2], np.int32), 2)
    policy.move(np.random.default_rng(0).standard_normal(policy.size) / 3)
    return policy


def every_walk(policy):
    """All walks of the problem 0 → 2, those that end by an illegal move among them."""
    graph, rows = policy.graph, []
    for named in itertools.product(range(policy.vocabulary), repeat=2):
        node, path, illegal = 0, [], -1
        for token in named:
            edge = int(policy.edge_of(np.array([node]), np.array([token]))[0])
            if edge < 0:
                illegal = token
                break
            path.append(edge)
            node = int(graph.targets[edge])
            if node == 2:
                break
        rows.append((tuple(path), illegal, node == 2 and illegal < 0))
    rows = sorted(set(rows))
    return Walks(
        problems=np.zeros(1, np.int32),
        starts=np.zeros(len(rows), np.int32),
        edges=np.array([[*path, 0, 0][:2] for path, *_ in rows], np.int32),
        length=np.array([len(path) for path, *_ in rows], np.int32),
        correct=np.array([correct for *_, correct in rows]),
        rollouts=len(rows),
        illegal=np.array([illegal for _, illegal, _ in rows], np.int32),
    )


def differences(policy, value, size=1e-5):
    """Central differences of a function of the policy along each weight."""
    found = np.zeros(policy.size)
    for place in range(policy.size):
        step = np.zeros(policy.size)
        step[place] = size
        policy.move(step)
        above = value()
        policy.move(-2 * step)
        found[place] = (above - value()) / (2 * size)
        policy.move(step)
    return found


def test_the_probabilities_of_all_walks_add_up_to_one(triangle):
    walks = every_walk(triangle)
    assert (walks.illegal >= 0).any()
    assert walks.correct.sum() == 2  # 0 → 2 and 0 → 1 → 2
    assert np.exp(triangle.log_probabilities(walks).sum(axis=1)).sum() == pytest.approx(1, abs=1e-12)


def test_the_gradient_of_the_expected_reward_is_that_of_finite_differences(triangle):
    walks = every_walk(triangle)

    def expected():
        return float(np.exp(triangle.log_probabilities(walks).sum(axis=1)) @ walks.correct)

    weights = np.exp(triangle.log_probabilities(walks).sum(axis=1)) * walks.correct
    gradient = triangle.ascent(walks, weights).values
    assert np.linalg.norm(gradient) > 1e-3
    np.testing.assert_allclose(gradient, differences(triangle, expected), atol=1e-9)


def test_the_gradient_of_the_entropy_is_that_of_finite_differences(triangle):
    walks = every_walk(triangle)
    choices = walks.choices().sum()

    def entropy():
        return triangle.mean_entropy(walks) * choices

    gradient = triangle.ascent(walks, np.zeros(len(walks.length)), 0.7).values
    np.testing.assert_allclose(gradient, 0.7 * differences(triangle, entropy), atol=1e-8)


@pytest.fixture(scope="module")
def world():
    graph = regular(12, 3, 0)
    problems = Problems(np.array([0, 1, 2], np.int32), np.array([5, 6, 7], np.int32), 5, True)
    return policy_on(graph, 5), problems


def pretrain(policy):
    from conet.neural.pretraining import pretrain

    return pretrain(policy, 0)


def test_pretraining_teaches_the_edges_and_nothing_else():
    graph = regular(12, 3, 0)
    policy = policy_on(graph, 5, TINY.model_copy(update={"pretraining_steps": 400, "max_illegal": 0.02}))
    told = pretrain(policy)
    assert told["illegal_moves"] <= 0.02
    assert told["steps"] < 400
    problems = Problems(np.array([0, 1, 2], np.int32), np.array([5, 6, 7], np.int32), 5)
    found = markov(policy, policy.sample(problems, 64, 1))
    assert found.given_node == pytest.approx(np.log(3), abs=0.03)
    assert found.problem + found.history < 0.03
    assert found.illegal < 0.05


def test_walks_with_a_cache_are_those_without(world):
    from conet.neural.walking import walk

    policy, problems = world
    picked = np.arange(3, dtype=np.int32)
    one, visits = walk(policy, problems, picked, 50, 7)
    other, again = walk(policy, problems, picked, 50, 7, cached=False)
    for name in ("edges", "length", "correct", "illegal"):
        assert np.array_equal(getattr(one, name), getattr(other, name)), name
    np.testing.assert_allclose(visits.edges, again.edges, atol=1e-9)
    assert visits.nodes.sum() == one.choices().sum()


@pytest.mark.parametrize("answer", ["shown", "hidden"])
@pytest.mark.parametrize("architecture", ["gpt2", "llama"])
def test_walks_keep_to_the_graph_and_end_where_they_should(architecture, answer):
    changes = {"architecture": architecture, "answer": answer, "pretraining_steps": 40}
    graph = regular(12, 3, 0)
    policy = policy_on(graph, 5, TINY.model_copy(update=changes), double=False)
    pretrain(policy)
    problems = Problems(np.array([0, 1, 2], np.int32), np.array([5, 6, 7], np.int32), 5, True)
    walks = policy.sample(problems, 200, 3)
    sources = graph.sources()
    for start, path, length, correct, illegal, problem in zip(
        walks.starts, walks.edges, walks.length, walks.correct, walks.illegal, walks.problem
    ):
        nodes = [start, *graph.targets[path[:length]]]
        assert nodes[:-1] == sources[path[:length]].tolist()
        assert correct == (length > 0 and nodes[-1] == problems.answers[problem])
        ended = length > 0 and nodes[-1] in problems.answers
        assert ended or illegal >= 0 or length == 5
        assert not (ended and illegal >= 0)
        assert illegal < 0 or illegal not in graph.targets[3 * nodes[-1] : 3 * nodes[-1] + 3]
    assert (walks.illegal >= 0).any()
    assert np.array_equal(walks.edges, policy.sample(problems, 200, 3).edges)
    assert not np.array_equal(walks.edges, policy.sample(problems, 200, 4).edges)
    some = policy.sample(problems, 200, 3, chosen=[2])
    assert np.array_equal(some.length, walks.length[400:])


def test_walks_follow_the_probabilities(triangle):
    walks = every_walk(triangle)
    expected = np.exp(triangle.log_probabilities(walks).sum(axis=1))
    draws = 20_000
    drawn = triangle.sample(triangle.problems, draws, 5)
    rows = [
        (*edges[:length].tolist(), -1, illegal)
        for edges, length, illegal in zip(drawn.edges, drawn.length, drawn.illegal)
    ]
    counts = {row: rows.count(row) for row in set(rows)}
    keys = [
        (*edges[:length].tolist(), -1, illegal)
        for edges, length, illegal in zip(walks.edges, walks.length, walks.illegal)
    ]
    seen = np.array([counts.pop(key, 0) for key in keys])
    assert not counts
    # Each count within five standard deviations: false alarm below 1e-5, and the seed is fixed.
    assert (np.abs(seen - draws * expected) <= 5 * np.sqrt(draws * expected * (1 - expected)) + 1).all()


def test_equal_walks_are_read_once_and_count_as_often_as_they_are(world):
    policy, problems = world
    walks = policy.sample(problems, 20, 1)
    weights = np.random.default_rng(0).standard_normal(walks.edges.shape)
    single = [policy.ascent(walks.select(np.array([one])), weights[[one]]).values for one in range(60)]
    np.testing.assert_allclose(policy.ascent(walks, weights).values, np.sum(single, axis=0), atol=1e-10)


def test_the_mean_is_that_of_the_visited_contexts(world):
    policy, problems = world
    walks = policy.sample(problems, 30, 2)
    legal, illegal = policy.next_hops(walks)
    chose = walks.choices()
    np.testing.assert_allclose(legal.sum(axis=2), chose, atol=1e-9)
    assert not illegal[~chose].any()
    at_start = legal[:30, 0].mean(axis=0)
    elsewhere = [
        legal[walk, hop]
        for walk, hop in np.argwhere(chose)
        if hop and policy.graph.targets[walks.edges[walk, hop - 1]] == 0
    ]
    mean = (30 * at_start + np.sum(elsewhere, axis=0)) / (30 + len(elsewhere)) if elsewhere else at_start
    np.testing.assert_allclose(policy.probability[:3], mean, atol=1e-9)
    path = walks.edges[0, :1].tolist()
    node = int(policy.graph.targets[path[0]])
    asked = policy.out_probabilities(node, 0, path)
    if walks.choices()[0, 1]:
        np.testing.assert_allclose(asked, legal[0, 1], atol=1e-9)


def test_learners_that_need_a_table_say_so(world):
    policy, problems = world
    walks = policy.sample(problems, 8, 1)
    batch = Batch(
        walks=walks,
        policy=policy,
        problems=problems,
        behaviour=policy.hop_probabilities(walks),
        reference=policy.probability,
    )
    for learner in (Exact(entropy=0.1), GRPO(kl=0.1), GRPO(logit_decay=0.1)):
        with pytest.raises(ConetError, match="on a NeuralPolicy"):
            learner.total_gradient(batch)
    assert np.linalg.norm(GRPO(epochs=2, clip=0.2).total_gradient(batch).values) >= 0


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"learner.kl": 0.1}, r"learner\.kl=0\.1 with policy\.kind=neural; expected the table policy"),
        ({"learner.logit_decay": 0.1, "learner.optimizer": "sgd"}, r"learner\.logit_decay=0\.1 with policy"),
        ({"learner.name": "exact"}, r"learner\.name=exact with policy\.kind=neural"),
        ({"observables": ["frustration"]}, r"'frustration', which needs table, on policy\.kind=neural"),
    ],
)
def test_what_needs_a_table_is_refused_before_the_pretraining(changes, said, monkeypatch):
    monkeypatch.setattr("conet.neural.policy.pretrained", lambda policy, seed: pytest.fail("pretrained"))
    with pytest.raises(ConetError, match=said):
        Trainer(conet.preset("neural").override({**SMALL, **changes}))


@pytest.mark.parametrize("name", ["kl", "logit_decay"])
def test_an_option_that_changes_and_needs_a_table_is_refused_before_the_pretraining(name, monkeypatch):
    """Its learner has 0 before the phase begins, and would say so at an update."""
    monkeypatch.setattr("conet.neural.policy.pretrained", lambda policy, seed: pytest.fail("pretrained"))
    phase = Phase("penalty", options={name: lambda clock: 0.1})
    said = rf"learner\.{name}, which phase 'penalty' changes, with policy\.kind=neural; expected the table"
    with pytest.raises(ConetError, match=said):
        Trainer(conet.preset("neural").override({**SMALL, "learner.optimizer": "sgd"}), schedule=[phase])


def test_a_model_that_looks_at_its_last_token_alone_knows_neither_problem_nor_history():
    import torch

    graph = regular(12, 3, 0)
    policy = policy_on(graph, 5)
    with torch.no_grad():
        for block in policy.model.transformer.h:
            block.attn.c_proj.weight.zero_()
            block.attn.c_proj.bias.zero_()
        policy.model.transformer.wpe.weight.zero_()
    problems = Problems(np.array([0, 1, 2], np.int32), np.array([5, 6, 7], np.int32), 5)
    walks = policy.sample(problems, 300, 1)
    found = markov(policy, walks)
    assert found.problem == pytest.approx(0, abs=1e-12)
    assert found.history == pytest.approx(0, abs=1e-12)
    assert found.states == pytest.approx(1)
    # The same walks, of the table that it is.
    table = TablePolicy(graph, np.log(policy.probability))
    legal, _ = table.next_hops(walks)
    np.testing.assert_allclose(legal, policy.next_hops(walks)[0], atol=1e-9)


def test_what_is_pretrained_is_kept_and_what_is_damaged_made_anew(tmp_path, monkeypatch):
    from conet.neural import pretraining
    from conet.neural.policy import make

    monkeypatch.setenv("CONET_CACHE", str(tmp_path / "kept"))
    graph, calls = regular(12, 3, 0), []
    real = pretraining.pretrain
    monkeypatch.setattr(pretraining, "pretrain", lambda *given: calls.append(1) or real(*given))
    settings = TINY.model_copy(update={"pretraining_steps": 5})
    first = make(settings, graph, 5, 0)
    again = make(settings, graph, 5, 0)
    assert len(calls) == 1
    assert first.sha256 == again.sha256
    assert first.pretraining == again.pretraining
    assert make(settings, graph, 5, 1).sha256 != first.sha256
    assert make(settings, regular(12, 3, 1), 5, 0).sha256 != first.sha256
    assert len(calls) == 3
    for file in (tmp_path / "kept").iterdir():
        file.write_bytes(file.read_bytes()[:200])
    assert make(settings, graph, 5, 0).sha256 == first.sha256
    assert len(calls) == 4


def test_a_width_that_the_heads_do_not_divide_is_one_line():
    with pytest.raises(ConetError, match=r"policy\.width=5 with policy\.heads=2"):
        policy_on(regular(12, 3, 0), 5, TINY.model_copy(update={"width": 5}))


# The run directory -------------------------------------------------------------------------------------

ANNEALED = conet.preset("neural").override(
    {
        **SMALL,
        "steps": 8,
        "observables": ("markov", "residual_frustration"),
        "schedule.name": "annealed_rlvr",
        "schedule.heat_at": 3,
        "schedule.heat_steps": 2,
        "schedule.harvest_samples": 64,
        "schedule.max_accuracy": 1.0,
        "snapshots.checkpoint_every": 2,
        "snapshots.steps": (0, 4, 8),
    }
)


class Killed(BaseException):
    """Stands for the end of the process."""


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return conet.run(ANNEALED, tmp_path_factory.mktemp("neural") / "whole")


def test_a_killed_run_goes_on_bit_for_bit(whole, tmp_path, monkeypatch):
    advance, done = Trainer.advance, []

    def dying(self):
        done.append(1)
        if len(done) == 6:
            raise Killed
        return advance(self)

    monkeypatch.setattr(Trainer, "advance", dying)
    with pytest.raises(Killed):
        conet.run(ANNEALED, tmp_path / "run")
    monkeypatch.undo()
    again = conet.resume(tmp_path / "run")
    first, second = again.summary(), whole.summary()
    own = {"run", "seconds"}
    assert {key: first[key] for key in first if key not in own} == {
        key: second[key] for key in second if key not in own
    }
    assert again.metrics().equals(whole.metrics())
    assert again.rollouts().collect().equals(whole.rollouts().collect())
    for name, array in whole.snapshot(8).items():
        assert np.array_equal(again.snapshot(8)[name], array), name


def test_a_run_says_what_it_was(whole):
    summary, metrics = whole.summary(), whole.metrics()
    assert summary["policy"]["kind"] == "neural"
    assert 0 < summary["policy"]["pretraining"]["illegal_moves"] < 1
    assert 0 <= summary["illegal_moves"] < 1
    assert "torch" in whole.provenance()["versions"]
    assert "heat" in metrics["phase"].to_list()
    np.testing.assert_allclose(
        metrics["markov.given_node"] - metrics["markov.given_problem"], metrics["markov.problem"], atol=1e-12
    )
    np.testing.assert_allclose(
        metrics["markov.given_problem"] - metrics["markov.given_history"],
        metrics["markov.history"],
        atol=1e-12,
    )
    rollouts = whole.rollouts().collect()
    assert not (rollouts["correct"] & rollouts["truncated"]).any()
    assert rollouts["length"].max() <= 5


def test_a_run_is_read_like_any_other(whole, tmp_path, capsys):
    policy = whole.policy(8)
    assert policy.sha256 == whole.summary()["state_sha256"]
    assert whole.web(8).weights.max() <= 1
    assert whole.observe("markov", "web").height == 3
    cli.main(["report", str(whole.path)])
    cli.main(["diagnose", str(whole.path), "--out", str(tmp_path / "said"), "--json"])
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["samples"] > 0


@pytest.mark.parametrize("schedule", ["rlvr", "temperature"])
def test_a_schedule_runs_in_the_transformer(schedule):
    metrics, trainer = conet.simulate(
        conet.preset("neural").override({**SMALL, "steps": 15, "schedule.name": schedule})
    )
    assert metrics["accuracy"].tail(3).mean() > metrics["accuracy"].head(3).mean()
    assert trainer.policy.finite


def test_a_rate_that_diverges_is_one_line():
    config = conet.preset("neural").override({**SMALL, "steps": 9, "learner.optimizer": "sgd"})
    with pytest.raises(ConetError, match=r"learning_rate"):
        conet.simulate(config.override({"learner.learning_rate": 1e30}))


def test_a_rate_of_supervised_updates_that_broke_the_weights_is_named_by_the_phase_after_it():
    config = conet.preset("neural").override({**SMALL, "steps": 9, "schedule.name": "temperature"})
    taught = {"schedule.cooling": "none", "schedule.sft_every": 2, "schedule.max_accuracy": 1.0}
    with (
        np.errstate(all="ignore"),
        pytest.raises(ConetError, match=r"in phase 'rlvr'.*learner\.learning_rate.*sft_learning_rate=1e\+20"),
    ):
        conet.simulate(config.override({**taught, "schedule.sft_learning_rate": 1e20}))
