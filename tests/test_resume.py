"""A run that was killed goes on bit for bit: at every write in one process, and with real kills."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

import conet
from conet import cli
from conet.base import digests, files, journal
from conet.base.errors import ConetError
from conet.runs import launch
from conet.runs.trainer import Trainer

# Heating from step 9 on, Adam (whose moments have to be kept), observables of two kinds of columns.
CONFIG = conet.preset("smoke").override(
    {
        "steps": 20,
        "graph.nodes": 40,
        "graph.degree": 5,
        "problems.count": 6,
        "problems.max_length": 8,
        "learner.optimizer": "adam",
        "learner.learning_rate": 0.2,
        "observables": ("paths",),
        "schedule.name": "annealed_rlvr",
        "schedule.heat_at": 7,
        "schedule.heat_steps": 6,
        "schedule.harvest_samples": 64,
        "schedule.max_accuracy": 0.9,
        "snapshots.checkpoint_every": 5,
        "snapshots.steps": (0, 5, 9),
    }
)


class Killed(BaseException):
    """Stands for the end of the process: nothing may catch it and tidy up."""


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return conet.run(CONFIG, tmp_path_factory.mktemp("resume") / "whole")


def assert_same(run: conet.Run, whole: conet.Run) -> None:
    first, second = run.summary(), whole.summary()
    own = {"run", "seconds"}
    assert {key: first[key] for key in first if key not in own} == {
        key: second[key] for key in second if key not in own
    }
    assert run.metrics().equals(whole.metrics())
    assert run.metrics().schema == whole.metrics().schema
    assert run.evaluations().equals(whole.evaluations())
    assert run.rollouts().collect().equals(whole.rollouts().collect())
    assert run.snapshot_steps() == whole.snapshot_steps()
    for step in run.snapshot_steps():
        for name, array in run.snapshot(step).items():
            assert array.tobytes() == whole.snapshot(step)[name].tobytes()
    assert [event for event in run.events() if event["event"] != "resumed"] == whole.events()
    hidden = [file.name for file in run.path.rglob(".*")]
    assert not hidden, f"left behind: {hidden}"


def kill_at_write(monkeypatch, number: int, torn: bool) -> None:
    """Die in the middle of a write, or between the write and the rename that makes it count."""
    left = [number]
    replace, append = os.replace, journal._write_all

    def dying(source, target):
        left[0] -= 1
        if left[0] < 0:
            if torn:
                os.truncate(source, os.path.getsize(source) // 2)
            raise Killed
        replace(source, target)

    def dying_append(file, data):
        left[0] -= 1
        if left[0] < 0:
            append(file, data[: len(data) // 2] if torn else b"")
            raise Killed
        append(file, data)

    monkeypatch.setattr(files.os, "replace", dying)
    monkeypatch.setattr(journal, "_write_all", dying_append)


def test_killed_at_every_write(whole, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    writes = []
    with monkeypatch.context() as counted:
        replace, append = os.replace, journal._write_all
        counted.setattr(files.os, "replace", lambda *paths: (writes.append(paths), replace(*paths)))
        counted.setattr(journal, "_write_all", lambda *what: (writes.append(what), append(*what)))
        conet.run(CONFIG, tmp_path / "count")
    assert len(writes) > 30
    for number in range(4, len(writes)):  # before the fourth the directory is not there yet
        place = tmp_path / f"run{number}"
        with monkeypatch.context() as killing:
            kill_at_write(killing, number, torn=number % 2 == 0)
            with pytest.raises(Killed):
                conet.run(CONFIG, place)
        assert not conet.Run(place).finished
        assert_same(conet.resume(place), whole)
        shutil.rmtree(place)


@pytest.mark.parametrize("seed", range(4))
def test_killed_again_and_again(seed, whole, tmp_path, monkeypatch):
    """Every attempt gets a few writes further; random, but repeatable."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    rng, place, attempts = random.Random(seed), tmp_path / "run", 0
    start = lambda: conet.run(CONFIG, place)  # noqa: E731
    while not (place / "summary.json").exists():
        with monkeypatch.context() as killing, suppress(Killed):
            # From one checkpoint to the next there are a dozen writes; with more there is progress every time.
            kill_at_write(killing, rng.randrange(16, 24), torn=rng.random() < 0.5)
            start()
        start = lambda: conet.resume(place)  # noqa: E731
        attempts += 1
        assert attempts < 20
    assert attempts > 1
    assert_same(conet.Run(place), whole)


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("step", [0, 4, 5, 6, 7, 8, 12, 13, 19])
def test_killed_at_a_step(step, threads, whole, tmp_path):
    def stop(row):
        if row["step"] == step:
            raise Killed

    with pytest.raises(Killed):
        conet.run(CONFIG, tmp_path / "run", progress=stop, threads=threads)
    assert_same(conet.resume(tmp_path / "run", threads=4 - threads), whole)


@pytest.mark.parametrize("step", [1, 6, 30, 60])
def test_the_detector_goes_on_where_it_was(step):
    """Through JSON, as in a checkpoint: the same evidence at every later step, and the same word."""
    config = conet.preset("smoke").override(
        {"steps": 90, "schedule.name": "annealed_rlvr", "snapshots.web_every": 0}
    )
    straight = Trainer(config)
    for _ in range(step):
        straight.advance()
    arrays, state = straight.state()
    resumed = Trainer(config)
    resumed.load({name: array.copy() for name, array in arrays.items()}, json.loads(json.dumps(state)))
    assert resumed.events == straight.events
    while straight.step < 90:
        assert resumed.advance() == straight.advance()
        assert json.dumps(resumed.detector.state()) == json.dumps(straight.detector.state())
        assert resumed.detector.heat_now == straight.detector.heat_now
    assert resumed.policy.sha256 == straight.policy.sha256
    assert resumed.events == straight.events
    assert "heating_skipped" in [event["event"] for event in straight.events]


def test_heating_goes_on_with_the_same_lessons(whole):
    """The run above really is heated across a checkpoint; else the tests would not test it."""
    assert whole.metrics()["phase"].to_list() == ["rlvr"] * 7 + ["heat"] * 6 + ["rlvr"] * 7
    event = next(event for event in whole.events() if event["event"] == "heating_started")
    assert event["demonstrations"] > 0


def test_killed_while_the_report_is_written(whole, tmp_path, capsys, monkeypatch):
    """Resuming completes it; once more, and the finished run is not touched at all."""
    place = shutil.copytree(whole.path, tmp_path / "run")
    with monkeypatch.context() as killing:
        kill_at_write(killing, 2, torn=True)
        with pytest.raises(Killed):
            cli.main(["resume", str(place)])
    assert not (place / "report.html").exists()
    written, replace = [], os.replace
    with monkeypatch.context() as watched:
        watched.setattr(files.os, "replace", lambda a, b: (written.append(Path(b).name), replace(a, b)))
        cli.main(["resume", str(place), "--json"])
    printed = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert printed == json.loads((place / "summary.json").read_text()) | {"run": str(place)}
    assert (place / "report.html").read_text(encoding="utf-8").rstrip().endswith("</html>")
    assert written[-1] == "report.html", "it marks the report as complete, so it has to come last"
    before = state_of(place)
    cli.main(["resume", str(place), "--json"])
    assert json.loads(capsys.readouterr().out.splitlines()[-1]) == printed
    assert state_of(place) == before


def state_of(place: Path) -> dict[Path, tuple[int, bytes]]:
    return {file: (file.stat().st_mtime_ns, file.read_bytes()) for file in place.rglob("*") if file.is_file()}


# Other processes -------------------------------------------------------------------------------------


def test_a_run_that_another_process_works_on(whole, tmp_path, capsys):
    """One clear line, and nothing is changed; the lock ends with the process that holds it."""
    place = tmp_path / "run"

    def stop(row):
        raise Killed

    with pytest.raises(Killed):
        conet.run(CONFIG, place, progress=stop)
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import fcntl, sys, time; file = open(sys.argv[1], 'w'); fcntl.flock(file, fcntl.LOCK_EX);"
            "print('held', flush=True); time.sleep(60)",
            str(place / ".lock"),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(SystemExit) as end:
            cli.main(["resume", str(place)])
        captured = capsys.readouterr()
        assert end.value.code == 2
        assert captured.out == ""
        assert len(captured.err.splitlines()) == 1
        assert "another process" in captured.err
        assert str(place) in captured.err
    finally:
        holder.kill()
        holder.wait()
    assert (place / ".lock").exists()  # a file alone blocks nobody
    assert_same(conet.resume(place), whole)


@pytest.mark.parametrize("damage", [False, True])
def test_a_run_that_was_finished_by_another_process_meanwhile(damage, whole, tmp_path, monkeypatch):
    """Between the first look and the lock: it is returned as it is, checked and tidied like any finished one."""
    place, exclusive = killed_at(tmp_path / "run", 13), launch.exclusive

    def slow(path):
        monkeypatch.undo()
        conet.resume(place)
        (place / "metrics.jsonl").touch()  # as a kill at the very end leaves it
        if damage:
            part = next((place / "rollouts").iterdir())
            part.write_bytes(part.read_bytes()[:-1])
        return exclusive(path)

    monkeypatch.setattr(launch, "exclusive", slow)
    if damage:
        with pytest.raises(ConetError, match="does not match its digest"):
            launch.resume(place)
    else:
        assert_same(launch.resume(place), whole)
        assert not (place / "metrics.jsonl").exists()


def killed_at(place: Path, step: int) -> Path:
    def progress(row):
        if row["step"] == step:
            raise Killed

    with pytest.raises(Killed):
        conet.run(CONFIG, place, progress=progress)
    return place


def everything(run: conet.Run) -> list[object]:
    """What a run holds, read by every reader."""
    return [
        run.metrics().to_dicts(),
        run.evaluations().to_dicts(),
        run.rollouts().collect().to_dicts(),
        run.events(),
        [list(run.snapshot(step)) for step in run.snapshot_steps()],
    ]


def test_a_run_that_was_open_while_it_ended_is_read_to_the_end(whole, tmp_path):
    """Also one that is finished a second time, after its summary was deleted."""
    place = killed_at(tmp_path / "run", 13)
    run = conet.Run(place)
    everything(run)
    assert conet.resume(place).finished
    assert_same(run, whole)
    (place / "summary.json").unlink()
    run.metrics()
    conet.resume(place)
    assert_same(run, whole)


def test_reading_a_run_that_goes_on_reads_its_digests_once(tmp_path, monkeypatch):
    """Else the time grows with the square of the number of parts and snapshots."""
    place, reads = killed_at(tmp_path / "run", 18), []
    count = digests.read_sound
    monkeypatch.setattr(digests, "read_sound", lambda *what: (reads.append(what), count(*what))[1])
    found = everything(conet.Run(place))
    assert len(found[4]) > 2
    assert len(reads) == 1


@pytest.mark.parametrize("torn", [False, True])
def test_killed_while_a_deleted_summary_is_made_again(torn, whole, tmp_path, monkeypatch):
    """At the first writes of the resume, which bring back the growing tables."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    for number in range(6):
        place = shutil.copytree(whole.path, tmp_path / f"run{number}")
        (place / "summary.json").unlink()
        with monkeypatch.context() as killing:
            kill_at_write(killing, number, torn)
            with pytest.raises(Killed):
                conet.resume(place)
        assert conet.Run(place).metrics().equals(whole.metrics())
        assert_same(conet.resume(place), whole)


@pytest.mark.parametrize("left", ["", '{"step": 0', "nothing of the kind\n"])
@pytest.mark.parametrize("name", ["metrics", "evaluations"])
def test_what_is_left_of_a_growing_table_of_a_run_at_its_end_does_not_count(name, left, whole, tmp_path):
    place = shutil.copytree(whole.path, tmp_path / "run")
    (place / "summary.json").unlink()
    (place / f"{name}.jsonl").write_text(left)
    assert getattr(conet.Run(place), name)().equals(getattr(whole, name)())
    assert_same(conet.resume(place), whole)


def test_a_journal_that_begins_anew_stays_as_it_was_until_all_is_there(tmp_path, monkeypatch):
    rows = journal.Journal(tmp_path / "rows")
    rows.add([{"step": 0}])
    rows.flush()
    with monkeypatch.context() as killing:
        kill_at_write(killing, 0, torn=True)
        with pytest.raises(Killed):
            rows.start([{"step": 1}, {"step": 2}])
    assert journal.read(tmp_path / "rows") == [{"step": 0}]
    rows.start([{"step": 1}, {"step": 2}])
    rows.add([{"step": 3}])
    rows.flush()
    assert rows.restore(rows.mark()) == journal.read(tmp_path / "rows")
    assert [row["step"] for row in journal.read(tmp_path / "rows")] == [1, 2, 3]


CONET = str(Path(sys.executable).with_name("conet"))


@pytest.mark.long
def test_really_killed_at_random_moments(tmp_path):
    """kill -9 of the real command: in training, while heating, and while the report is written."""
    rng = random.Random(0)
    config = CONFIG.override(
        {
            "steps": 900,
            "schedule.heat_at": 25,
            "schedule.heat_steps": 600,
            "snapshots.checkpoint_every": 20,
            "snapshots.web_every": 5,
            "observables": (),
        }
    )
    path = tmp_path / "config.json"
    path.write_text(config.to_json())
    place = tmp_path / "run"
    stages = []
    command = [CONET, "run", "--config", str(path), "--out", str(place), "--json"]
    for attempt in range(30):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        # Wait until it has got somewhere, then for a random while, and kill it if it still runs.
        goal = ["start", "checkpoint", "heat", "end"][min(attempt, 3)]
        mark = time.monotonic()
        while process.poll() is None and not reached(place, goal) and time.monotonic() - mark < 60:
            time.sleep(0.005)
        time.sleep(rng.uniform(0, 0.25))
        process.send_signal(signal.SIGKILL)
        out, _ = process.communicate()
        if process.returncode == 0:
            break
        assert process.returncode == -signal.SIGKILL
        stages.append(stage(place))
        if place.exists():
            command = [CONET, "resume", str(place), "--json"]
        if attempt == 3:
            out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
            break
    assert len(stages) >= 3
    printed = json.loads(out.splitlines()[-1])
    assert (place / "report.html").exists()
    training = conet.run(config, tmp_path / "whole")
    assert printed["state_sha256"] == training.summary()["state_sha256"]
    assert_same(conet.Run(place), training)


def reached(place: Path, goal: str) -> bool:
    if goal == "start":
        return place.exists()
    if goal == "end":
        return (place / "summary.json").exists()
    with suppress(OSError):
        if goal == "heat":
            return "heating_s" in (place / "events.jsonl").read_text()
        return (place / "checkpoint.safetensors").exists()
    return False


def stage(place: Path) -> str:
    return next((goal for goal in ("end", "heat", "checkpoint", "start") if reached(place, goal)), "before")
