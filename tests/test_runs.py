"""One class opens any run; what is written while a run goes on; who may write where."""

import errno
import json
import os
import shutil
import stat
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import polars as pl
import pytest

import conet
from conet import cli
from conet.base import lock
from conet.base.errors import ConetError, Interrupted
from conet.base.files import CannotWrite, cannot_write, damaged
from conet.base.journal import Journal, read, read_sound
from conet.base.lock import Busy, exclusive, is_held
from conet.runs import directory, recorder
from conet.runs.directory import check_out, created
from conet.runs.endings import saying_where
from conet.runs.recorder import Recorder

DATA = Path(__file__).parent / "data"
CONFIG = conet.preset("smoke").override(
    {
        "steps": 60,
        "graph.nodes": 40,
        "graph.degree": 5,
        "problems.count": 6,
        "problems.max_length": 8,
        "snapshots.checkpoint_every": 25,
        "snapshots.steps": (0, 30),
    }
)


@pytest.fixture(autouse=True)
def no_waiting_for_the_disk(monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


class Killed(BaseException):
    """Stands for the end of the process."""


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return conet.run(CONFIG, tmp_path_factory.mktemp("runs") / "whole")


# Kinds of runs ---------------------------------------------------------------------------------------


def test_a_run_of_walks(whole):
    assert (whole.kind, whole.finished, whole.verified) == ("walks", True, True)
    assert repr(whole) == f"Run('{whole.path}', walks)"
    assert whole.config == CONFIG
    assert len(whole.problems()) == 6


@pytest.mark.parametrize("log", ["trl/plain", "verl/rollout", "verl/rollout/1.jsonl"])
def test_a_log(log):
    run = conet.Run(DATA / log)
    assert (run.kind, run.finished, run.verified, run.config) == ("log", None, False, None)
    metrics, rollouts = run.metrics(), run.rollouts().collect()
    assert {"step", "phase", "accuracy", "correct_length", "correct_count", "truncated_share"} <= set(
        metrics.columns
    )
    train = rollouts.filter(pl.col("split") == "train")
    assert metrics["correct_count"].sum() == train["correct"].sum()
    assert metrics["step"].to_list() == sorted(train["step"].unique())
    assert run.problems().height == rollouts["problem"].n_unique()
    for what in ("provenance", "events", "evaluations", "graph", "tasks", "snapshot_steps"):
        with pytest.raises(ConetError, match=r"a log, which has none; expected a run of") as caught:
            getattr(run, what)()
        page = str(caught.value).split()[-1]
        assert "`run.kind` is" in (Path(__file__).parents[1] / page).read_text(encoding="utf-8")
    with pytest.raises(ConetError, match="conet diagnose"):
        run.summary()


def test_a_diagnosed_log(tmp_path):
    log = shutil.copytree(DATA / "trl/plain", tmp_path / "log")
    cli.main(["diagnose", str(log), "--out", str(tmp_path / "found")])
    run = conet.Run(tmp_path / "found")
    assert run.kind == "log"
    assert run.summary()["format"] == "trl"
    assert run.metrics().equals(conet.Run(log).metrics())
    log.rename(tmp_path / "moved")
    assert run.summary()["samples"] > 0
    with pytest.raises(ConetError, match=r"the log that .* is a diagnosis of, which does not exist"):
        run.rollouts()


def test_the_folder_of_a_trainer_with_its_model_is_a_log(tmp_path):
    """Its config.json is that of the model."""
    log = shutil.copytree(DATA / "trl/plain", tmp_path / "log")
    (log / "config.json").write_text('{"architectures": ["LlamaForCausalLM"]}')
    assert conet.Run(log).kind == "log"


def test_what_is_no_run_is_said(tmp_path):
    with pytest.raises(ConetError, match=r"holds no config\.json; expected a run directory, or a log"):
        conet.Run(tmp_path)
    with pytest.raises(ConetError, match="does not exist"):
        conet.Run(tmp_path / "nowhere")


def test_what_cannot_be_resumed_says_what_can():
    with pytest.raises(ConetError, match=r"a log.*expected a run of CoNet's walks"):
        conet.resume(DATA / "trl/plain")
    with pytest.raises(ConetError, match="conet llm resume"):
        conet.resume(DATA / "llm-0.1/unfinished")


# While it runs ---------------------------------------------------------------------------------------


def test_metrics_of_a_running_training_are_never_far_behind(tmp_path, whole):
    """At most twenty updates; and events and evaluations at once."""
    seen = []

    def look(row):
        run = conet.Run(tmp_path / "run")
        metrics = run.metrics()
        seen.append(row["step"] + 1 - metrics.height)
        assert metrics.equals(whole.metrics().head(metrics.height)[:, : metrics.width])
        assert [event["event"] for event in run.events()] == ["phase_started"]
        assert run.evaluations()["step"].max() == (0 if row["step"] < 30 else 30)
        assert not run.finished

    conet.run(CONFIG, tmp_path / "run", progress=look)
    assert max(seen) < recorder.MOST_UPDATES
    assert min(seen) == 0
    assert len(seen) == 60


def test_what_waits_is_written_while_an_update_takes_long(tmp_path, monkeypatch):
    """The 21st update does not end before the 20 rows and their events can be read."""
    monkeypatch.setattr(recorder, "MOST_UPDATES", 1000)
    monkeypatch.setattr(recorder, "MOST_SECONDS", 0.5)
    seen = []

    def slow(observation):
        if observation.step == 20:
            run, patience = conet.Run(tmp_path / "run"), 600
            while run.metrics().height < 20 and patience:
                time.sleep(0.05)
                run, patience = conet.Run(tmp_path / "run"), patience - 1
            seen.append(run.metrics()["step"].to_list())
        return 0.0

    conet.run(CONFIG.override({"steps": 25}), tmp_path / "run", observables={"slow": slow})
    assert seen == [list(range(20))]


def test_a_finished_run_leaves_nothing_behind(whole):
    assert sorted(file.name for file in whole.path.iterdir()) == [
        "checkpoint.safetensors",
        "config.json",
        "digests.jsonl",
        "evaluations.parquet",
        "events.jsonl",
        "figures",
        "graph.safetensors",
        "metrics.parquet",
        "provenance.json",
        "rollouts",
        "snapshots",
        "summary.json",
    ]
    assert os.listdir(whole.path.parent) == ["whole"]


def test_a_kill_at_the_very_end_is_tidied_up(tmp_path, monkeypatch):
    def dying(path):
        raise Killed

    with monkeypatch.context() as killing:
        killing.setattr(recorder, "remove_growing", dying)
        with pytest.raises(Killed):
            conet.run(CONFIG, tmp_path / "run")
    (tmp_path / "run/figures/.islands.svg.999999999").write_text("half")
    assert (tmp_path / "run/metrics.jsonl").exists()
    run = conet.resume(tmp_path / "run")
    assert not (run.path / "metrics.jsonl").exists()
    assert not list(run.path.rglob(".*"))
    run.verify()


def test_the_summary_counts_updates_rollouts_and_hops(whole):
    summary = whole.summary()
    assert (summary["updates"], summary["rollouts"]) == (60, 60 * 6 * CONFIG.learner.rollouts)
    assert summary["walker_steps"] == whole.rollouts().collect()["length"].sum()


# What fails leaves nothing ---------------------------------------------------------------------------


def test_a_failed_observable_leaves_no_half_made_run(tmp_path, capsys):
    (tmp_path / "mine.py").write_text("def mine(observation):\n    return observation.nothing\n")
    settings = ["--set", f'observables=["{tmp_path}/mine.py:mine"]', "steps=3"]
    with pytest.raises(SystemExit) as end:
        cli.main(["run", "--preset", "smoke", *settings, "--out", str(tmp_path / "run")])
    assert end.value.code == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert "run" not in os.listdir(tmp_path)
    assert not list(tmp_path.glob(".*"))


def test_out_of_memory_at_the_first_update_leaves_nothing(tmp_path):
    def lacking(row):
        raise MemoryError

    with pytest.raises(MemoryError):
        conet.run(CONFIG, tmp_path / "run", progress=lacking)
    assert os.listdir(tmp_path) == []


def test_what_fails_after_a_checkpoint_can_go_on(tmp_path, whole):
    def failing(row):
        if row["step"] == 30:
            raise ConetError("something")

    with pytest.raises(ConetError, match="something"):
        conet.run(CONFIG, tmp_path / "run", progress=failing)
    assert conet.resume(tmp_path / "run").metrics().equals(whole.metrics())


def test_an_interrupted_run_says_where_it_is(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    def interrupting(row):
        raise KeyboardInterrupt

    with pytest.raises(Interrupted) as end:
        conet.run(CONFIG, progress=interrupting)
    assert end.value.path.parent == tmp_path / "runs"
    assert conet.resume(end.value.path).finished


# Places ----------------------------------------------------------------------------------------------


def test_two_runs_that_start_in_the_same_second(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(directory.time, "strftime", lambda form: "20260101-000000")
    small = CONFIG.override({"steps": 1})
    runs: list[Path] = []
    barrier = threading.Barrier(4)

    def start():
        barrier.wait()
        with created(None, small.preset, 0, {"config.json": b"{}"}, ["rollouts"]) as held:
            runs.append(held.path)

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expected = {f"smoke-s0-20260101-000000{end}" for end in ("", "-2", "-3", "-4")}
    assert {path.name for path in runs} == expected
    assert set(os.listdir(tmp_path / "runs")) == expected


def test_a_new_directory_that_another_run_holds_to_remove_it_is_left_to_it(tmp_path, monkeypatch):
    """Between making and holding it, another that starts may take it for one that was left."""
    monkeypatch.chdir(tmp_path)
    real, met = directory.exclusive, []

    def held_by_another(path):
        if met:
            return real(path)
        met.append(path)
        raise Busy(str(path), "a folder that nobody writes into now", "wait until it ends")

    monkeypatch.setattr(directory, "exclusive", held_by_another)
    with created(None, CONFIG.preset, 0, {"config.json": b"{}"}, ["rollouts"]) as held:
        assert held.path.name.startswith("smoke-s0-")
    assert met


@pytest.mark.parametrize("begun", [True, False])
def test_a_default_place_that_another_run_takes_just_now_is_passed_over(begun, tmp_path, monkeypatch):
    """It appears after it has been looked at: finished, or just begun and held."""
    monkeypatch.chdir(tmp_path)
    held = ExitStack()

    class Racing(type(Path())):
        def exists(self, **options):
            found = super().exists(**options)
            if not found and self.name == "x":
                if begun:
                    conet.run(CONFIG.override({"steps": 1}), Path(self), threads=1)
                else:
                    files = {"config.json": b"{}"}
                    held.enter_context(created(Path(self), "x", 0, files, ["rollouts"]))
            return found

    monkeypatch.setattr(directory, "default_places", lambda name, seed: iter(map(Racing, ("x", "x-2"))))
    with held, created(None, "x", 0, {"config.json": b"{}"}, ["rollouts"]) as mine:
        assert mine.path == tmp_path / "x-2"
    assert not list(tmp_path.glob(".*"))


def test_what_a_kill_during_creation_left_is_removed_by_the_next_run(tmp_path):
    left = tmp_path / ".conet-abcdefgh"
    left.mkdir()
    (left / "config.json").write_text("{")
    (left / ".provenance.json.1234").write_text("{")
    (left / ".lock").write_text("")
    conet.run(CONFIG.override({"steps": 1}), tmp_path / "run")
    assert os.listdir(tmp_path) == ["run"]


def test_a_directory_of_such_a_name_with_something_else_in_it_is_left_alone(tmp_path):
    (tmp_path / ".conet-notes").mkdir()
    (tmp_path / ".conet-notes/mine").write_text("precious")
    conet.run(CONFIG.override({"steps": 1}), tmp_path / "run")
    assert (tmp_path / ".conet-notes/mine").read_text() == "precious"


def test_a_directory_that_another_process_is_making_is_left_alone(tmp_path):
    busy = tmp_path / ".conet-abcdefgh"
    busy.mkdir()
    with exclusive(busy):
        conet.run(CONFIG.override({"steps": 1}), tmp_path / "run")
        assert sorted(os.listdir(tmp_path)) == [".conet-abcdefgh", "run"]


# Who may write ---------------------------------------------------------------------------------------

HOLD = """
import sys, time
from pathlib import Path
from conet.base.lock import exclusive, is_held
with exclusive(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_folder_that_is_held_is_so_where_the_system_does_not_list_its_lock(tmp_path, monkeypatch):
    """The list has other numbers on some file systems, and lacks what other containers hold."""
    for listed in (lock._listed_locks(), {(7, 7, 7)}, set()):
        monkeypatch.setattr(lock, "_listed_locks", lambda listed=listed: listed)
        assert not is_held(tmp_path)
        with exclusive(tmp_path):
            assert is_held(tmp_path)
        (tmp_path / lock.NAME).touch()  # as a killed process leaves it
        assert not is_held(tmp_path)


def test_whoever_asks_whether_a_folder_is_held_keeps_nobody_out(tmp_path, monkeypatch):
    (tmp_path / lock.NAME).touch()
    with open(tmp_path / lock.NAME) as asking:
        lock.fcntl.flock(asking, lock.fcntl.LOCK_SH)
        monkeypatch.setattr(time, "sleep", lambda seconds: asking.close())
        with exclusive(tmp_path) as held:
            held.check()


def test_a_deleted_lock_lets_no_second_one_in(tmp_path):
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        (tmp_path / lock.NAME).unlink()
        with pytest.raises(ConetError, match="another process"), exclusive(tmp_path):
            pass
    finally:
        holder.kill()
        holder.wait()
    with exclusive(tmp_path):
        assert os.listdir(tmp_path) == [lock.NAME]
    assert os.listdir(tmp_path) == []


def test_a_deleted_lock_ends_the_run_where_it_is_all_that_keeps_others_out(tmp_path, monkeypatch):
    """On file systems that lock no directories."""

    def no_directories(descriptor, operation):
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        flock(descriptor, operation)

    flock = lock.fcntl.flock
    with exclusive(tmp_path) as held:
        (tmp_path / lock.NAME).unlink()
        held.check()  # the directory is locked
    with monkeypatch.context() as other:
        other.setattr(lock.fcntl, "flock", no_directories)
        with exclusive(tmp_path) as held:
            held.check()
            with pytest.raises(ConetError, match="another process"), exclusive(tmp_path):
                pass
            (tmp_path / lock.NAME).unlink()
            with pytest.raises(ConetError, match="deleted or replaced"):
                held.check()
            with exclusive(tmp_path), pytest.raises(ConetError, match="deleted or replaced"):
                held.check()


@pytest.mark.parametrize(
    ("settings", "command"), [("config.json", "conet resume"), ("recipe.json", "conet llm resume")]
)
def test_what_goes_on_with_a_run_is_named_wherever_it_is_said(settings, command, tmp_path):
    """Also where its directory stands elsewhere by now."""
    run = tmp_path / "run"
    run.mkdir()
    for name in ("provenance.json", settings):
        (run / name).write_text("{}")
    rows = Journal(run / "events.jsonl")
    rows.flush()
    mark = rows.mark()
    (run / "events.jsonl").write_text("no row\n")
    _, damage = read_sound(run / "events.jsonl", mark)
    said = [str(damage), str(damaged(run / "rollouts/part-00000000.parquet", OSError()))]
    with pytest.raises(ConetError) as taken:
        check_out(run)
    said.append(str(taken.value))
    with exclusive(run) as held:
        run.rename(tmp_path / "moved")
        with pytest.raises(ConetError) as moved:
            held.check()
    said.append(str(moved.value))
    with exclusive(tmp_path / "moved") as held, pytest.raises(CannotWrite) as full, saying_where(held):
        raise cannot_write(run, OSError(errno.ENOSPC, "full"))
    for line in (*said, str(full.value)):
        assert f"`{command}" in line


@pytest.mark.parametrize("step", [26, 49])
def test_a_run_whose_directory_was_moved_writes_into_no_other(step, tmp_path, whole):
    """Another run stands in its place now: it stays as it is, and the moved one goes on where it is."""
    place, moved = tmp_path / "run", tmp_path / "moved"

    def swap(row):
        if row["step"] == step:
            place.rename(moved)
            conet.run(CONFIG.override({"seed": 1}), place)
            others.update({file: file.read_bytes() for file in place.rglob("*") if file.is_file()})

    others: dict[Path, bytes] = {}
    with pytest.raises(ConetError, match=r"no longer the directory.*conet resume"):
        conet.run(CONFIG, place, progress=swap)
    assert {file: file.read_bytes() for file in place.rglob("*") if file.is_file()} == others
    assert conet.resume(moved).metrics().equals(whole.metrics())


@pytest.mark.parametrize("step", [5, 26])
def test_what_stands_where_a_moved_run_was_is_never_removed(step, tmp_path):
    place = tmp_path / "run"

    def swap(row):
        if row["step"] == step:
            place.rename(tmp_path / "moved")
            place.mkdir()
            (place / "thesis.txt").write_text("mine")

    with pytest.raises(ConetError, match="no longer the directory"):
        conet.run(CONFIG, place, progress=swap)
    assert (place / "thesis.txt").read_text() == "mine"


# The journal -----------------------------------------------------------------------------------------


def test_rows_come_back_as_they_were(tmp_path):
    rows = [
        {"step": 0, "x": 0.1 + 0.2, "none": None, "word": "é\u2028"},
        {"step": 1, "x": 1e-300, "none": True},
    ]
    journal = Journal(tmp_path / "rows")
    journal.add(rows)
    journal.flush()
    assert read(tmp_path / "rows") == rows
    mark = journal.mark()
    journal.add([{"step": 2}])
    journal.flush()
    assert len(read(tmp_path / "rows", mark)) == 3
    again = Journal(tmp_path / "rows")
    assert again.restore(mark) == rows
    again.add([{"step": 3}])
    again.flush()
    assert [row["step"] for row in read(tmp_path / "rows")] == [0, 1, 3]


def test_a_row_on_its_way_is_left_out(tmp_path):
    journal = Journal(tmp_path / "rows")
    journal.add([{"step": 0}, {"step": 1}])
    journal.flush()
    data = (tmp_path / "rows").read_bytes()
    for size in range(len(data) + 1):
        (tmp_path / "rows").write_bytes(data[:size])
        found = [row["step"] for row in read(tmp_path / "rows")]
        assert found == [0, 1][: data[:size].count(b"\n")]


def test_every_flipped_bit_of_a_journal_is_noticed(tmp_path):
    journal = Journal(tmp_path / "rows")
    journal.add([{"step": 0, "x": 37.5}, {"step": 1, "x": 17.25}])
    journal.flush()
    data = (tmp_path / "rows").read_bytes()
    for bit in range(8 * len(data)):
        wrong = bytearray(data)
        wrong[bit // 8] ^= 1 << bit % 8
        (tmp_path / "rows").write_bytes(bytes(wrong))
        try:
            found = read(tmp_path / "rows")
        except ConetError:
            continue
        assert found == [{"step": 0, "x": 37.5}]  # the last line's end is gone, as if it were on its way


class Full:
    """A file on a disk that is full after three bytes."""

    def __init__(self, file):
        self.file = file

    def write(self, data):
        self.file.write(bytes(data[:3]))
        raise OSError(28, "No space left on device")

    def fileno(self):
        return self.file.fileno()


def test_a_failed_append_leaves_the_file_as_it_was(tmp_path, monkeypatch):
    journal = Journal(tmp_path / "rows")
    journal.add([{"step": 0}])
    journal.flush()

    monkeypatch.setattr(journal, "_file", Full(journal._file))
    journal.add([{"step": 1}])
    with pytest.raises(ConetError, match="No space left"):
        journal.flush()
    assert read(tmp_path / "rows") == [{"step": 0}]
    monkeypatch.undo()
    journal.flush()
    assert read(tmp_path / "rows") == [{"step": 0}, {"step": 1}]


def test_what_could_not_be_removed_at_once_is_removed_before_the_next_append(tmp_path, monkeypatch):
    """A write that fails in the middle, and then the truncation: else the mark is of a file that never was."""
    journal = Journal(tmp_path / "rows")
    journal.add([{"step": 0}])
    journal.flush()

    def broken(*_):
        raise OSError(5, "Input/output error")

    whole = journal._file
    journal._file = Full(whole)
    monkeypatch.setattr(os, "truncate", broken)
    journal.add([{"step": 1}])
    with pytest.raises(ConetError, match="No space left"):
        journal.flush()
    journal._file = whole
    for rows in ([], [{"step": 2}]):
        journal.add(rows)
        with pytest.raises(ConetError, match="Input/output error"):
            journal.flush()
    assert read(tmp_path / "rows") == [{"step": 0}]
    monkeypatch.undo()
    journal.flush()
    assert Journal(tmp_path / "rows").restore(journal.mark()) == [{"step": 0}, {"step": 1}, {"step": 2}]


def test_a_large_run_says_beforehand_what_it_will_write(tmp_path):
    said: list[str] = []
    conet.run(CONFIG.override({"steps": 1}), tmp_path / "small", tell=said.append)
    assert said == []
    from conet.runs.size import announce, expected_size

    config = conet.preset("reference").override({"graph.nodes": 10**6, "snapshots.steps": (0, 100)})
    size = expected_size(config, edges=40 * 10**6, problems=128)
    assert size["snapshots"] == pytest.approx(3 * 8 * 40e6, rel=0.01)
    announce(config, 40 * 10**6, 128, said.append)
    assert "snapshots 1.0" in said[0]
    assert "GB" in said[0]


def test_the_estimate_of_what_is_written_holds(whole):
    from conet.runs.size import expected_size

    size = expected_size(CONFIG, whole.graph().edges, 6)
    real = sum(file.stat().st_size for file in (whole.path / "snapshots").iterdir())
    assert real / 2 < size["snapshots"] < 2 * real


def test_a_recorder_of_a_language_model_has_no_evaluations(tmp_path):
    with (
        created(tmp_path / "run", "x", 0, {"recipe.json": b"{}"}, ["rollouts"]) as held,
        Recorder(held, pl.concat, evaluates=False) as record,
    ):
        record.begin()
        record.step({"step": 0, "accuracy": 0.5}, [])
        record.rollouts(0, pl.DataFrame({"step": [0]}))
        record.write_tables()
        record.commit([{"step": 0, "event": "phase_started"}])
        record.finish({"kind": "llm"})
    assert sorted(file.name for file in (tmp_path / "run").iterdir()) == [
        "digests.jsonl",
        "events.jsonl",
        "metrics.parquet",
        "recipe.json",
        "rollouts",
        "summary.json",
    ]
    listed = [row["name"] for row in read(tmp_path / "run/digests.jsonl")]
    assert sorted(listed) == [
        "events.jsonl",
        "metrics.parquet",
        "recipe.json",
        "rollouts/part-00000000.parquet",
        "summary.json",
    ]
    assert json.loads((tmp_path / "run/summary.json").read_text()) == {"kind": "llm"}
