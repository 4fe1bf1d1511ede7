"""The benchmark's result: what it holds, whatever the machine; nothing here judges a time."""

import json
import sys
from dataclasses import replace

import pytest

from conet.bench import Size, engine, format_table, rivals, run_bench, timing
from conet.engine.tables import TablePolicy
from conet.network.graph import regular

SMALL = Size(nodes=60, degree=6, questions=8, rollouts=4, max_length=6)
LARGE = Size(nodes=90, degree=5, questions=10, rollouts=3, max_length=5)
KEYS = {
    "name",
    "nodes",
    "degree",
    "questions",
    "rollouts",
    "max_length",
    "policy",
    "threads",
    "msteps_per_s",
    "seconds",
}


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(timing, "TURN", 0.0)


@pytest.fixture
def no_rivals(monkeypatch):
    for name in rivals.RIVALS:
        monkeypatch.setitem(sys.modules, name, None)


def test_results_have_the_promised_keys(impatient, no_rivals, monkeypatch):
    monkeypatch.setattr("conet.bench.run.processors", lambda: 2)
    lines = []
    result = run_bench(lines.append, small=SMALL, large=LARGE)
    assert json.loads(json.dumps(result)) == result
    assert lines
    for row in result["results"]:
        assert row.keys() >= KEYS
        assert row["seconds"] >= row["seconds_min"] > 0
        assert row["msteps_per_s"] == pytest.approx(row["steps"] / row["seconds"] / 1e6)
    kinds = {(row["name"], row["nodes"], row["policy"], row["threads"]) for row in result["results"]}
    assert kinds >= {
        ("sample", 60, "uniform", 1),
        ("sample", 60, "uniform", 2),
        ("sample", 60, "trained", 1),
        ("update", 60, "uniform", 1),
        ("update", 60, "trained", 1),
        ("sample", 90, "uniform", 1),
        ("update", 90, "uniform", 1),
    }
    assert set(result["ratios"]) == {
        "two_threads_over_one",
        "update_over_sample",
        "update_over_sample_trained",
    }
    assert 16 < result["bytes_per_edge"]["60"] < 20


def test_missing_rivals_are_skipped(impatient, no_rivals):
    result = run_bench(quick=True, small=SMALL)
    assert set(result["skipped"]) >= {"torch", "csrgraph", "igraph"}
    assert not {row["name"] for row in result["results"]} & set(rivals.RIVALS)
    assert "skipped: torch (not installed)" in format_table(result)


def test_a_rival_that_fails_to_import_is_skipped(monkeypatch):
    def fail(name):
        raise AttributeError("numpy has no attribute 'float'")

    monkeypatch.setattr(rivals.importlib, "import_module", fail)
    cases, skipped = rivals.rivals(engine.Bench(SMALL, regular(60, 6, 0)))
    assert cases == []
    assert skipped["csrgraph"] == "import fails: AttributeError"


@pytest.mark.parametrize("name", rivals.RIVALS)
def test_rivals_count_the_steps_they_take(name):
    module = pytest.importorskip(name)
    steps = rivals.RIVALS[name](module, engine.Bench(SMALL, regular(60, 6, 0)))()["steps"]
    most = SMALL.questions * SMALL.rollouts * SMALL.max_length
    # Walks of the loop end at their answer, those of the others cannot.
    assert 0.5 * most < steps < most if name == "torch" else steps == most


def test_one_processor_leaves_two_threads_out(impatient, no_rivals, monkeypatch):
    monkeypatch.setattr("conet.bench.run.processors", lambda: 1)
    result = run_bench(quick=True, small=SMALL)
    assert "two threads" in result["skipped"]
    assert {row["threads"] for row in result["results"]} == {1}
    assert "two_threads_over_one" not in result["ratios"]
    assert "one processor" in format_table(result)


def test_updates_are_undone_before_the_next_case():
    graph = regular(60, 6, 0)
    bench = engine.Bench(SMALL, graph, engine.trained_logits(SMALL, graph))
    few = bench.with_size(replace(SMALL, questions=3))
    before = bench.policy.sha256
    for case in (bench.update(engine.make(engine.preset("reference").learner)), few.sample()):
        case.work()
        case.put_back()
    assert bench.policy.sha256 == before
    assert (bench.policy.records == TablePolicy(graph, bench.policy.logits).records).all()


def test_questions_of_a_larger_graph_are_refused():
    bench = engine.Bench(SMALL, regular(60, 6, 0)).with_size(replace(LARGE, nodes=6_000))
    with pytest.raises(ValueError, match="expected 0 to 59"):
        bench.sample().work()


def test_table_has_a_line_for_every_result(impatient, no_rivals):
    result = run_bench(quick=True, small=SMALL)
    text = format_table(result)
    heads = sum(line.startswith(("sample ", "update ")) for line in text.splitlines())
    assert heads == len(result["results"])
    for word in ("two threads", "bytes an edge", "Python"):
        assert word in text
