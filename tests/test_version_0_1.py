"""Runs that version 0.1 wrote still open, go on and report."""

import json
import shutil
from pathlib import Path

import pytest

import conet
from conet import cli
from conet.base.errors import ConetError

DATA = Path(__file__).parent / "data"


@pytest.fixture
def finished(tmp_path: Path) -> Path:
    return shutil.copytree(DATA / "run-0.1/finished", tmp_path / "finished")


@pytest.fixture
def unfinished(tmp_path: Path) -> Path:
    return shutil.copytree(DATA / "run-0.1/unfinished", tmp_path / "unfinished")


def names(run: conet.Run) -> list[tuple[int, str]]:
    return [(event["step"], event["event"]) for event in run.events()]


def same(run: conet.Run, old: conet.Run) -> bool:
    """Whether the metrics that version 0.1 had are the same."""
    return run.metrics().select(old.metrics().columns).equals(old.metrics())


def test_a_finished_run_opens(finished: Path) -> None:
    run = conet.Run(finished)
    assert (run.kind, run.finished, run.verified) == ("walks", True, False)
    assert run.config.problems.count == 6
    assert run.config.schedule.max_accuracy == 0.9
    assert run.metrics().height == 20
    assert run.rollouts().collect().height == 20 * 6 * run.config.learner.rollouts
    assert run.snapshot_steps() == [0, 5, 9, 20]
    assert set(run.evaluations()["step"]) == {0, 5, 9, 20}
    assert run.summary()["run"] == str(finished)
    assert run.provenance()["versions"]["conet-rlvr"] == "0.1.0"
    assert names(run) == [
        (0, "phase_started"),
        (7, "heating_started"),
        (13, "heating_ended"),
        (13, "phase_started"),
    ]
    run.verify()


def test_a_finished_run_is_reported_and_resumed(finished: Path, capsys: pytest.CaptureFixture) -> None:
    cli.main(["resume", str(finished), "--json"])
    printed = json.loads(capsys.readouterr().out)
    assert printed == json.loads((finished / "summary.json").read_text()) | {"run": str(finished)}
    assert (finished / "report.html").exists()


def test_an_unfinished_run_goes_on_to_the_same_end(finished: Path, unfinished: Path) -> None:
    run, whole = conet.resume(unfinished), conet.Run(finished)
    first, second = run.summary(), whole.summary()
    for key in second:
        if key not in (
            "run",
            "seconds",
            "correct_length",
        ):  # whose end is that of the updates by rollouts, today
            assert first[key] == second[key], key
    assert first["rollouts"] == (20 * run.config.learner.rollouts + 64) * 6
    assert same(run, whole)
    assert run.evaluations().equals(whole.evaluations())
    assert run.rollouts().collect().equals(whole.rollouts().collect())
    for step in whole.snapshot_steps():
        assert run.snapshot(step)["logits"].tobytes() == whole.snapshot(step)["logits"].tobytes()
    assert [name for name in names(run) if name[1] != "resumed"] == names(whole)
    assert {file.name for file in unfinished.iterdir()} == {
        "config.json",
        "provenance.json",
        "graph.safetensors",
        "digests.jsonl",
        "metrics.parquet",
        "evaluations.parquet",
        "events.jsonl",
        "checkpoint.safetensors",
        "summary.json",
        "rollouts",
        "snapshots",
    }
    assert run.verified
    run.verify()


class Killed(BaseException):
    """Stands for the end of the process."""


@pytest.mark.parametrize("step", [10, 14, 15, 19])
def test_killed_again_before_and_after_the_first_checkpoint_of_today(
    finished: Path, unfinished: Path, step: int
) -> None:
    def stop(row: dict) -> None:
        if row["step"] == step:
            raise Killed

    with pytest.raises(Killed):
        conet.resume(unfinished, progress=stop)
    assert conet.Run(unfinished).metrics()["step"].to_list()[:10] == list(range(10))
    run = conet.resume(unfinished)
    assert run.summary()["state_sha256"] == conet.Run(finished).summary()["state_sha256"]
    assert same(run, conet.Run(finished))


def test_an_unfinished_run_that_lost_metrics_is_refused(unfinished: Path) -> None:
    table = conet.Run(unfinished).metrics()
    table.head(7).write_parquet(unfinished / "metrics.parquet")
    with pytest.raises(ConetError, match=r"metrics.parquet.*7 of 10 steps"):
        conet.resume(unfinished)


def test_a_language_model_opens(tmp_path: Path) -> None:
    place = shutil.copytree(DATA / "llm-0.1/finished", tmp_path / "run")
    run = conet.Run(place)
    assert (run.kind, run.finished, run.verified) == ("language_model", True, False)
    assert run.config.heating.max_accuracy == 1.0
    assert run.metrics()["phase"].to_list() == ["rlvr"] * 2 + ["heat"] * 3 + ["rlvr"]
    assert names(run) == [(2, "heating_started"), (5, "heating_ended")]
    assert run.summary()["steps"] == 6
    assert run.problems().columns[:2] == ["problem", "name"]
    assert set(run.rollouts().collect()["step"]) == {0, 1, 2, 5}
    with pytest.raises(ConetError, match=r"the concept network of .*a run of a language model"):
        run.graph()


@pytest.mark.llm
def test_a_language_model_goes_on_to_its_end(tmp_path: Path) -> None:
    """What was done stays as it was; it heats on by today's rule, so its weights are others at the end."""
    torch = pytest.importorskip("torch")

    from conet.llm import train

    torch.set_num_threads(1)
    place = shutil.copytree(DATA / "llm-0.1/unfinished", tmp_path / "run")
    train.go_on(place)
    run, whole = conet.Run(place), conet.Run(DATA / "llm-0.1/finished")
    mine, before = run.metrics(), whole.metrics()
    assert mine["step"].to_list() == before["step"].to_list()
    done = mine["step"] < 4  # updates of its checkpoint
    shared = ["step", "phase", "accuracy", "correct_length"]
    assert mine.filter(done).select(shared).equals(before.filter(done).select(shared))
    rollouts = run.rollouts().collect(), whole.rollouts().collect()
    first, second = (rows.filter(rows["step"] < 4) for rows in rollouts)
    assert first.equals(second)
    assert [name for name in names(run) if name[1] != "phase_started"] == names(whole)
    run.verify()
