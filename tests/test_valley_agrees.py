"""One estimator of the V: a run's summary, its terminal line, its report and its diagnosis say the same."""

import importlib
import shutil

import polars as pl
import pytest

import conet
from conet import report
from conet.base.errors import ConetError
from conet.cli.summary import describe
from conet.detect import Valley
from conet.detect.valley import from_json
from conet.diagnosis.text import described
from conet.report.run import headline
from conet.runs.lengths import correct_length, counts_of, stages_of

# Small enough for a test, large enough for verdicts that differ from seed to seed.
LIKE_REFERENCE = {
    "graph.nodes": 400,
    "problems.count": 64,
    "learner.learning_rate": 200.0,
    "steps": 260,
    "snapshots.web_every": 100,
    "snapshots.traffic_walks": 2,
    "snapshots.pass_walks": 2,
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    place = tmp_path_factory.mktemp("runs")
    config = conet.preset("reference").override(LIKE_REFERENCE)
    return [conet.run(config.override({"seed": seed}), place / str(seed)) for seed in range(4)]


@pytest.mark.parametrize("seed", range(4))
def test_run_and_diagnosis_agree(runs, seed):
    run = runs[seed]
    found, length = conet.diagnose(run.path), run.summary()["correct_length"]
    numbers = found.findings
    for name in ("v", "v_bottom_step", "v_bottom_interval"):
        assert numbers[name] == length[name]
    assert numbers["v_shortest"]["step"] == length["min_step"]
    assert numbers["v_shortest"]["length"] == length["min"]
    assert numbers["v_shortest"]["interval"] == length["min_interval"]
    for name in ("start_ratio", "end_ratio"):
        assert numbers["v_pooled"][name] == length[name]
    words = length["v_why"]
    verdict, _, evidence = words.partition(": ")
    assert verdict == numbers["v"]
    told = words.replace("step", "update")  # as all these lines call it
    assert f"V               {told}, so not the ratio of the lengths above" in describe(run.summary())
    assert any(evidence in line and verdict in line for line in described(found, "-").splitlines())
    assert (
        f"{told}, so not the ratio of these lengths"
        in {name: text for name, _, text in headline(run.summary())}["correct length"]
    )
    stages = stages_of(run)
    assert stages.v_bottom == length["v_bottom_step"]
    valley = found.detail("correct-length")
    assert stages.valley == (valley.judgement, valley.why, valley.bottom)


def test_the_summary_tells_the_v_to_the_report(runs, monkeypatch):
    """The V of a finished run is not found a second time, and the figures are the same as if it were."""
    module = importlib.import_module("conet.detect.stages")  # the package has a function of this name
    with monkeypatch.context() as patched:
        patched.setattr(module, "find_valley", lambda counts: pytest.fail("found again"))
        told = [conet.Run(runs[0].path).view(name) for name in runs[0].figures()]
    monkeypatch.setattr("conet.runs.lengths.from_json", lambda told: None)
    assert [conet.Run(runs[0].path).view(name) for name in runs[0].figures()] == told


def test_what_no_summary_tells_is_found(runs, monkeypatch):
    """Of a run that goes on, and of version 0.1, whose summaries tell of no V."""
    assert from_json({"start": 8.0, "min": 3.0, "min_step": 3, "end": 4.0}) is None
    monkeypatch.setattr(conet.Run, "finished", property(lambda run: False))
    assert isinstance(stages_of(runs[0]).valley, Valley)


def test_verdicts_differ_from_seed_to_seed(runs):
    """Else the test above would not show much."""
    assert len({run.summary()["correct_length"]["v"] for run in runs}) >= 2


def test_the_page_says_it_too(runs):
    run = runs[0]
    page = report.write(run).read_text(encoding="utf-8")
    assert run.summary()["correct_length"]["v_why"] in page


def test_a_run_without_rollouts_has_no_verdict(tmp_path):
    config = conet.preset("smoke").override({"steps": 30, "snapshots.rollouts": False})
    run = conet.run(config, tmp_path / "run")
    length = run.summary()["correct_length"]
    assert (length["v"], length["v_bottom_step"]) == (None, None)
    assert "kept no rollouts" in length["v_why"]
    assert length["min"] is not None
    assert counts_of(run.path) is None
    assert stages_of(run).valley.bottom.estimate == length["min_step"]


def test_a_run_without_rollouts_whose_phases_draw_more_has_stages(tmp_path):
    """Its metrics alone tell how many rollouts there were."""
    (tmp_path / "mine.py").write_text(
        "from conet.runs.schedule import AtStep, Phase\n\n"
        "def more(setup):\n"
        "    return Phase('a', until=AtStep(30)), Phase('b', options={'rollouts': 64})\n"
    )
    settings = {"steps": 90, "learner.rollouts": 4, "schedule.name": f"{tmp_path}/mine.py:more"}
    config = conet.preset("smoke").override(settings)
    kept = conet.run(config, tmp_path / "kept")
    run = conet.run(config.override({"snapshots.rollouts": False}), tmp_path / "run")
    assert run.metrics()["correct_count"].max() > 4 * len(run.problems())
    assert stages_of(run).knee == stages_of(kept).knee


def test_only_what_was_trained_on_counts(tmp_path):
    """While a run is heated its rollouts are only watched."""
    config = conet.preset("smoke").override(
        {"steps": 60, "schedule.name": "annealed_rlvr", "schedule.heat_at": 20, "schedule.sft_steps": 10}
    )
    run = conet.run(config, tmp_path / "run")
    steps = counts_of(run.path).steps
    assert not set(range(20, 30)) & set(steps.tolist())
    assert correct_length(run.path)["min_step"] == conet.diagnose(run.path).findings["v_shortest"]["step"]


def test_damaged_rollouts_are_named(runs, tmp_path):
    place = tmp_path / "copy"
    shutil.copytree(runs[0].path, place)
    next((place / "rollouts").iterdir()).write_bytes(b"PAR1 torn")
    for read in (correct_length, counts_of):
        with pytest.raises(ConetError, match="part-"):
            read(place)


def test_rollouts_that_cannot_be_read_at_the_end_leave_no_summary(runs, tmp_path, monkeypatch):
    """One without them would stay for good; the run goes on, and gets the same as an undisturbed one."""

    def failing(path, **options):
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as disk:
        disk.setattr(pl, "read_parquet", failing)
        with pytest.raises(ConetError, match="part-"):
            conet.run(runs[0].config, tmp_path / "run")
    summaries = conet.resume(tmp_path / "run").summary(), runs[0].summary()
    first, second = ({key: one[key] for key in one if key not in ("run", "seconds")} for one in summaries)
    assert first == second
