"""The loop: one seed, one result; tables and summary recomputed from what lies in the directory."""

import hashlib
import json

import numpy as np
import polars as pl
import pytest

import conet
from conet.engine import sample as engine
from conet.engine import tables
from conet.engine import threads as threading
from conet.engine.softmax import entropy, softmax
from conet.engine.tables import TablePolicy
from conet.learners import LEARNERS
from conet.observables import web
from conet.rollouts import per_problem
from conet.runs.size import snapshot_steps
from conet.runs.trainer import Trainer

SMALL = conet.preset("smoke").override(
    {
        "steps": 24,
        "graph.nodes": 60,
        "graph.degree": 6,
        "problems.count": 10,
        "problems.max_length": 8,
        "learner.learning_rate": 20.0,
        "snapshots.checkpoint_every": 7,
        "snapshots.steps": (0, 7, 10),
    }
)
# 64 questions of 64 walks of at most 30 steps: 122,880 steps a batch, enough for several threads.
LARGE = SMALL.override(
    {
        "steps": 6,
        "graph.nodes": 200,
        "graph.degree": 8,
        "problems.count": 64,
        "problems.max_length": 30,
        "learner.rollouts": 64,
        "schedule.harvest_samples": 64,
        "schedule.heat_steps": 2,
        "schedule.max_accuracy": 0.5,
    }
)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    return conet.run(SMALL, tmp_path_factory.mktemp("train") / "run")


# One seed, one result --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"learner.optimizer": "adam", "learner.learning_rate": 0.1},
        {"schedule.name": "annealed_rlvr", "schedule.heat_at": 2},
        {"learner.name": "exact", "problems.max_length": 27, "steps": 2},
    ],
    ids=["sgd", "adam", "heat", "exact"],
)
def test_threads_do_not_change_a_bit(changes, monkeypatch):
    used = []
    pool = threading._pool
    monkeypatch.setattr(threading, "_pool", lambda threads: used.append(threads) or pool(threads))
    config = LARGE.override(changes)
    results = [conet.simulate(config, threads=threads) for threads in (1, 2, 3)]
    assert set(used) == {2, 3}, "the batches are too small to be shared out"
    assert len({training.policy.sha256 for _, training in results}) == 1
    assert all(metrics.equals(results[0][0]) for metrics, _ in results)


def test_a_seed_decides_everything_and_another_seed_changes_everything():
    first, again, other = (conet.simulate(SMALL.override({"seed": seed}))[1] for seed in (0, 0, 1))
    assert first.policy.sha256 == again.policy.sha256
    assert first.policy.sha256 != other.policy.sha256
    assert not np.array_equal(first.policy.graph.targets, other.policy.graph.targets)
    assert not np.array_equal(first.problems.questions, other.problems.questions)


@pytest.mark.parametrize(
    "changes",
    [
        {"snapshots.steps": (3, 5)},
        {"snapshots.web_every": 0},
        {"snapshots.checkpoint_every": 2},
        {"snapshots.rollouts": False},
        {"snapshots.traffic_walks": 5},
        {"web.threshold": 0.5},
        {"observables": ("frustration", "paths")},
    ],
    ids=lambda changes: "-".join(changes),
)
def test_watching_changes_nothing(changes, tmp_path, finished):
    run = conet.run(SMALL.override(changes), tmp_path / "run")
    assert run.summary()["state_sha256"] == finished.summary()["state_sha256"]


def test_in_memory_and_in_a_directory_agree(finished):
    metrics, training = conet.simulate(SMALL)
    assert metrics.equals(finished.metrics())
    assert training.policy.sha256 == finished.summary()["state_sha256"]
    assert training.walker_steps == finished.summary()["walker_steps"]


def test_content_hash_is_that_of_what_decides_the_result():
    assert SMALL.content_hash == SMALL.override({"preset": "mine"}).content_hash
    assert SMALL.content_hash != SMALL.override({"seed": 1}).content_hash


# Tables and summary ----------------------------------------------------------------------------------


def test_metrics_recomputed_from_the_rollouts(finished):
    metrics, rows = finished.metrics(), finished.rollouts().collect()
    assert metrics["step"].to_list() == list(range(24))
    assert rows.height == 24 * 10 * 8
    assert rows.select("step", "problem", "sample").is_unique().all()
    for step, part in rows.partition_by("step", as_dict=True).items():
        line = metrics.row(step[0], named=True)
        correct = part.filter("correct")
        solved = part.group_by("problem").agg(pl.col("correct").sum())["correct"].to_list()
        assert line["accuracy"] == pytest.approx(part["correct"].mean())
        assert line["correct_count"] == correct.height
        assert line["correct_length_sum"] == correct["length"].sum()
        assert line["correct_length"] == pytest.approx(correct["length"].mean())
        assert line["truncated_share"] == pytest.approx(part["truncated"].mean())
        assert line["groups_without_signal"] == pytest.approx(np.mean([c in (0, 8) for c in solved]))
    walked = np.cumsum(rows.group_by("step", maintain_order=True).agg(pl.col("length").sum())["length"])
    assert metrics["walker_steps"].to_list() == walked.tolist()
    assert set(metrics["phase"]) == {"rlvr"}
    assert set(rows["split"]) == {"train"}


def test_rollouts_are_those_of_the_recorded_policy(finished):
    """The snapshot of step 10 is the policy that walked at step 10."""
    policy = TablePolicy(finished.graph(), finished.snapshot(10)["logits"])
    walks = policy.sample(finished.tasks(), 8, engine.stream_key(0, 10, engine.TRAIN))
    part = finished.rollouts().filter(pl.col("step") == 10).collect()
    assert part["length"].to_list() == walks.length.tolist()
    assert part["correct"].to_list() == walks.correct.tolist()


def test_webs_recomputed_from_the_snapshots(finished):
    assert finished.snapshot_steps() == [0, 7, 10, 24]
    values = {(row["step"], row["name"], row["k"]): row["value"] for row in finished.evaluations().to_dicts()}
    graph, tasks = finished.graph(), finished.tasks()
    for step in finished.snapshot_steps():
        snapshot = finished.snapshot(step)
        policy = TablePolicy(graph, snapshot["logits"])
        expected = web.threshold_web(policy, 0.3).summary(tasks.questions)
        for name, value in expected.items():
            assert values[step, name, 0] == pytest.approx(value)
            if step < 24:
                assert finished.metrics()[name][step] == pytest.approx(value)
        walks = policy.sample(tasks, 64, engine.stream_key(0, step, engine.TRAFFIC))
        used = walks.edges[walks.used() & walks.correct[:, None]]
        edges, counts = np.unique(used, return_counts=True)
        assert snapshot["traffic_edges"].tolist() == edges.tolist()
        assert snapshot["traffic_counts"].tolist() == counts.tolist()
        sources, targets = graph.sources()[edges], graph.targets[edges]
        nodes = len(set(sources.tolist()) | set(targets.tolist()))
        # Directed edges: two nodes that lead to each other count twice.
        assert values[step, "traffic_mean_degree", 0] == pytest.approx(2 * len(edges) / nodes)
    first = softmax(finished.snapshot(10)["logits"], graph)
    assert finished.metrics()["policy_entropy"][10] == pytest.approx(entropy(first, graph).mean())


def test_summary_recomputed(finished):
    summary, metrics = finished.summary(), finished.metrics()
    assert summary["run"] == str(finished.path)
    assert (summary["steps"], summary["seed"]) == (24, 0)
    assert summary["accuracy"] == pytest.approx(metrics["accuracy"][-20:].mean())
    totals, counts = metrics["correct_length_sum"].to_numpy(), metrics["correct_count"].to_numpy()
    window = [
        totals[max(0, step - 4) : step + 5].sum() / counts[max(0, step - 4) : step + 5].sum()
        for step in range(24)
    ]
    length = summary["correct_length"]
    assert length["start"] == pytest.approx(totals[:5].sum() / counts[:5].sum())
    assert length["end"] == pytest.approx(totals[-20:].sum() / counts[-20:].sum())
    assert length["min"] == pytest.approx(min(window))
    assert length["min_step"] == int(np.argmin(window))
    final = TablePolicy(finished.graph(), finished.snapshot(24)["logits"])
    thresholded = web.threshold_web(final, 0.3)
    islands = [*metrics["islands"].to_list(), thresholded.components]
    assert summary["islands"] == {
        "peak": max(islands),
        "peak_step": islands.index(max(islands)),
        "end": thresholded.components,
    }
    assert summary["web"]["components"] == thresholded.components
    assert summary["web"]["mean_degree"] == pytest.approx(thresholded.mean_degree)
    assert summary["web"]["cycle_rank"] == thresholded.cycle_rank
    walks = final.sample(finished.tasks(), 256, engine.stream_key(0, 24, engine.PASS_AT_K))
    assert summary["pass_at_k"]["1"] == pytest.approx(walks.correct.mean())
    assert summary["pass_at_k"]["256"] == pytest.approx(walks.correct.reshape(10, 256).any(axis=1).mean())
    assert [int(k) for k in summary["pass_at_k"]] == [1, 2, 4, 8, 16, 32, 64, 128, 256]
    logits = np.ascontiguousarray(finished.snapshot(24)["logits"])
    assert summary["state_sha256"] == hashlib.sha256(logits.tobytes()).hexdigest()
    assert summary["seconds"] > 0


def test_the_final_policy_is_the_first_plus_all_updates(finished):
    """24 GRPO steps again from the recorded rollouts, with nothing but numpy."""
    graph, tasks = finished.graph(), finished.tasks()
    logits, sources = np.zeros(graph.edges), graph.sources()
    for step in range(24):
        policy = TablePolicy(graph, logits)
        walks = policy.sample(tasks, 8, engine.stream_key(0, step, engine.TRAIN))
        rewards = walks.correct.reshape(10, 8).astype(float)
        centred, spread = rewards - rewards.mean(axis=1, keepdims=True), rewards.std(axis=1, keepdims=True)
        advantage = np.where(spread > 0, centred / np.where(spread > 0, spread, 1), 0)
        slope = np.zeros(graph.edges)
        for walk, weight in enumerate(advantage.reshape(-1) / 80):
            for edge in walks.edges[walk, : walks.length[walk]]:
                slope[sources == sources[edge]] -= weight * policy.probability[sources == sources[edge]]
                slope[edge] += weight
        logits = logits + 20.0 * slope
    np.testing.assert_allclose(finished.snapshot(24)["logits"], logits, atol=1e-9)


def test_heat_map_of_an_annealed_run(tmp_path):
    config = SMALL.override(
        {
            "schedule.name": "annealed_rlvr",
            "schedule.heat_at": 4,
            "schedule.heat_steps": 3,
            "schedule.harvest_samples": 64,
            "schedule.max_accuracy": 0.9,
        }
    )
    run = conet.run(config, tmp_path / "run")
    rows = run.rollouts().collect()
    heated = rows.filter(pl.col("phase") == "heat")
    assert sorted(heated["step"].unique()) == [4, 5, 6]
    assert set(heated["split"]) == {"eval"}
    assert per_problem(run.rollouts(), ("train", "eval")).height == 24 * 10
    names = [event["event"] for event in run.events()]
    assert names[:4] == ["phase_started", "heating_started", "heating_ended", "phase_started"]


# What Python may give --------------------------------------------------------------------------------


def test_objects_in_place_of_settings(tmp_path):
    targets = np.sort((np.arange(12)[:, None] + [1, 5]) % 12, axis=1).ravel()
    graph = conet.Graph(np.arange(0, 25, 2), targets.astype(np.int32))
    tasks = conet.Problems(np.array([0, 2], np.int32), np.array([6, 9], np.int32), 6)
    seen = []
    run = conet.run(
        SMALL,
        tmp_path / "run",
        graph=graph,
        tasks=tasks,
        progress=seen.append,
        observers={"half": lambda observation: observation.step / 2},
    )
    np.testing.assert_array_equal(run.graph().targets, graph.targets)
    np.testing.assert_array_equal(run.tasks().answers, [6, 9])
    assert run.metrics()["half"].to_list() == [step / 2 for step in range(24)]
    assert [row["step"] for row in seen] == list(range(24))


def test_a_run_with_python_objects_is_not_resumed_without_them(tmp_path):
    class Stop(Exception):
        pass

    def stop(row):
        if row["step"] == 8:
            raise Stop

    learner = LEARNERS["rloo"](learning_rate=5.0)
    with pytest.raises(Stop):
        conet.run(SMALL, tmp_path / "run", learner=learner, progress=stop)
    with pytest.raises(conet.ConetError, match=r"Python objects of its own: learner.*conet.resume"):
        conet.resume(tmp_path / "run")
    whole = conet.simulate(SMALL, learner=learner)[1].policy.sha256
    assert conet.resume(tmp_path / "run", learner=learner).summary()["state_sha256"] == whole


def test_unsolvable_questions_give_a_run_of_zeros(tmp_path):
    graph = conet.Graph(np.arange(7), np.array([1, 2, 0, 4, 5, 3], np.int32))
    tasks = conet.Problems(np.array([0], np.int32), np.array([4], np.int32), 5)
    run = conet.run(SMALL, tmp_path / "run", graph=graph, problems=tasks)
    summary = run.summary()
    assert summary["accuracy"] == 0.0
    length = summary["correct_length"]
    assert length.pop("v_why") == "no rollout was correct"
    assert set(length.values()) == {None}
    assert summary["pass_at_k"]["256"] == 0.0
    json.loads(json.dumps(summary, allow_nan=False))


def test_one_step_is_a_run(tmp_path):
    run = conet.run(SMALL.override({"steps": 1}), tmp_path / "run")
    assert run.metrics().height == 1
    assert run.summary()["steps"] == 1


@pytest.mark.parametrize("preset", ["smoke", "reference", "paper", "critical", "large"])
def test_snapshot_steps_of_the_presets(preset):
    config = conet.preset(preset)
    steps = snapshot_steps(config)
    assert len(steps) <= 23
    assert steps == sorted(set(steps))
    assert all(0 <= step <= config.steps for step in steps)


def test_large_batches_use_threads():
    """The settings above stay worth a thread; else the test of determinism would test nothing."""
    assert tables._WORTH_A_THREAD <= 64 * 64 * 27
    assert len(Trainer(LARGE).problems) == 64
