"""The run directory: how it appears, what it refuses, and what it says of damaged files."""

import errno
import json
import os
import shutil
from contextlib import suppress

import numpy as np
import polars as pl
import pytest

import conet
from conet import cli, report
from conet.base import files, journal
from conet.base.arrays import read_arrays, write_arrays
from conet.base.errors import ConetError
from conet.base.files import write_atomic
from conet.runs import directory

CONFIG = conet.preset("smoke").override(
    {
        "steps": 12,
        "graph.nodes": 40,
        "graph.degree": 5,
        "problems.count": 6,
        "problems.max_length": 8,
        "snapshots.checkpoint_every": 4,
        "snapshots.steps": (0, 4),
    }
)


@pytest.fixture(autouse=True)
def no_waiting_for_the_disk(monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


class Killed(BaseException):
    """Stands for the end of the process."""


def stop_at(step: int):
    def stop(row):
        if row["step"] == step:
            raise Killed

    return stop


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A finished run whose report is written; to be copied before it is damaged."""
    run = conet.run(CONFIG, tmp_path_factory.mktemp("store") / "run")
    report.write(run)
    return run


@pytest.fixture(scope="module")
def unfinished(tmp_path_factory):
    """A run that was ended after its checkpoint of step 8."""
    path = tmp_path_factory.mktemp("store") / "run"
    with pytest.raises(Killed):
        conet.run(CONFIG, path, progress=stop_at(10))
    return conet.Run(path)


def command(capsys, *arguments) -> tuple[int, str, list[str]]:
    """Exit code, stdout and the lines of stderr."""
    code = 0
    try:
        cli.main([str(argument) for argument in arguments])
    except SystemExit as end:
        code = int(end.code or 0)
    captured = capsys.readouterr()
    return code, captured.out, captured.err.splitlines()


def tree(path) -> dict[str, bytes]:
    return {str(file.relative_to(path)): file.read_bytes() for file in path.rglob("*") if file.is_file()}


# What a run directory holds --------------------------------------------------------------------------


def test_everything_is_there_and_nothing_half_written(finished):
    names = {name.split("/")[0] for name in tree(finished.path)}
    assert names == {
        "config.json",
        "provenance.json",
        "graph.safetensors",
        "digests.jsonl",
        "metrics.parquet",
        "evaluations.parquet",
        "events.jsonl",
        "checkpoint.safetensors",
        "summary.json",
        "report.html",
        "rollouts",
        "snapshots",
        "figures",
    }
    assert finished.config == CONFIG
    assert finished.snapshot_steps() == [0, 4, 12]
    assert oct(finished.path.stat().st_mode & 0o777) == "0o755"
    assert list(finished.path.parent.iterdir()) == [finished.path]


def test_provenance(tmp_path):
    run = conet.run(CONFIG, tmp_path / "run", command=["conet", "run"])
    found = run.provenance()
    assert (found["seed"], found["command"], found["objects"]) == (0, ["conet", "run"], [])
    assert found["config_hash"] == CONFIG.content_hash
    assert found["versions"]["numba"].count(".") >= 1
    assert set(found["machine"]) == {"system", "processor", "cores"}
    assert found["commit"] is None or len(found["commit"].removesuffix("+changes")) == 40


def test_arrays_come_back_as_they_were(tmp_path):
    arrays = {
        "f": np.random.default_rng(0).normal(size=(3, 4))[:, ::2],
        "i": np.arange(5, dtype=np.int32),
        "b": np.array([True, False]),
        "empty": np.zeros((0, 7), np.int32),
        "scalar": np.float64(2.5),
    }
    write_arrays(tmp_path / "x", arrays, {"note": "é\n"})
    found, metadata = read_arrays(tmp_path / "x")
    assert metadata["note"] == "é\n"
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array)
        assert found[name].dtype == np.asarray(array).dtype


def test_one_changed_bit_of_an_array_is_noticed(tmp_path):
    write_arrays(tmp_path / "x", {"logits": np.arange(100.0)})
    data = bytearray((tmp_path / "x").read_bytes())
    data[-300] ^= 1
    (tmp_path / "x").write_bytes(data)
    with pytest.raises(ConetError, match="checksum"):
        read_arrays(tmp_path / "x")


def test_snapshot_that_is_not_there_names_those_that_are(finished):
    with pytest.raises(ConetError, match="snapshot step: 0, 4, 12"):
        finished.snapshot(5)


# Places ----------------------------------------------------------------------------------------------


def test_existing_places_are_refused_and_left_alone(tmp_path, capsys):
    full, file = tmp_path / "full", tmp_path / "file"
    full.mkdir()
    (full / "mine").write_text("precious")
    file.write_text("precious")
    before = tree(tmp_path)
    for place in (full, file):
        code, out, lines = command(capsys, "run", "--preset", "smoke", "--out", place)
        assert (code, out, len(lines)) == (2, "", 1)
        assert str(place) in lines[0]
        assert "a new or an empty folder" in lines[0]
    assert tree(tmp_path) == before


@pytest.mark.parametrize("kind", ["new", "nested", "empty", "here", "link", "long"])
def test_places_that_will_do(kind, tmp_path, monkeypatch):
    place = tmp_path / "run"
    monkeypatch.chdir(tmp_path)
    if kind == "nested":
        place = tmp_path / "a/b/c"
    elif kind == "empty":
        place.mkdir()
    elif kind == "here":
        place.mkdir()
        monkeypatch.chdir(place)
        place = os.curdir
    elif kind == "link":
        (tmp_path / "real").mkdir()
        place.symlink_to("real")
    elif kind == "long":
        place = tmp_path / ("x" * 255)
    run = conet.run(CONFIG.override({"steps": 1}), place)
    monkeypatch.chdir(tmp_path)
    assert run.summary()["run"] == str(run.path)
    assert conet.Run(run.path).finished


@pytest.mark.parametrize(
    "place", ["/proc/nowhere/run", "{file}/run", "{tmp}/" + "x" * 256, "/dev/null", "{tmp}/\udcff"]
)
def test_places_that_cannot_be_written(place, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    place = place.format(file=tmp_path / "file", tmp=tmp_path)
    code, out, lines = command(capsys, "run", "--preset", "smoke", "--out", place)
    assert (code, out, len(lines)) == (2, "", 1)
    assert "got" in lines[0]
    assert "expected" in lines[0]
    assert os.listdir(tmp_path) == ["file"]


def test_the_directory_appears_whole(tmp_path, monkeypatch):
    """At every write before the rename nothing is to be seen; right after it, the run can be resumed."""
    place, seen = tmp_path / "run", []
    with monkeypatch.context() as watched:
        watched.setattr(files.os, "fsync", lambda descriptor: seen.append(place.exists()))
        with pytest.raises(Killed):
            conet.run(CONFIG, place, progress=stop_at(0))
    assert seen[:3] == [False] * 3  # config, provenance, graph
    assert {"config.json", "provenance.json", "graph.safetensors"} <= set(os.listdir(place))
    whole = conet.simulate(CONFIG)[1].policy.sha256
    assert conet.resume(place).summary()["state_sha256"] == whole


def test_two_starts_at_one_place(tmp_path, monkeypatch):
    """Another run appears there between the check and the rename: it is left alone."""
    place = tmp_path / "run"
    fill = directory._fill

    def slow(*arguments):
        place.mkdir()
        (place / "config.json").write_text("another's")
        fill(*arguments)

    monkeypatch.setattr(directory, "_fill", slow)
    with pytest.raises(ConetError, match="which is not empty"):
        conet.run(CONFIG, place)
    assert (place / "config.json").read_text() == "another's"
    assert os.listdir(tmp_path) == ["run"]


# Full disk -------------------------------------------------------------------------------------------


def fail_writes(monkeypatch, allowed: int) -> None:
    """After so many writes the disk is full: half of the file gets written."""
    left = [allowed]
    real = open

    class Full:
        def __init__(self, file):
            self.file = file

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self.file.close()

        def write(self, data):
            left[0] -= 1
            if left[0] < 0:
                self.file.write(data[: len(data) // 2])
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return self.file.write(data)

        def __getattr__(self, name):
            return getattr(self.file, name)

    for module in (files, journal):
        opened = lambda *arguments, **options: Full(real(*arguments, **options))  # noqa: E731
        monkeypatch.setattr(module, "open", opened, raising=False)


def writes_of_a_run(tmp_path, monkeypatch) -> int:
    """How many writes there are in a run, whose last one is the summary."""
    for allowed in range(20, 200):
        with monkeypatch.context() as full, suppress(ConetError):
            fail_writes(full, allowed)
            conet.run(CONFIG, tmp_path / f"count{allowed}")
            return allowed
    raise AssertionError


def test_full_disk_at_every_write(tmp_path, monkeypatch, capsys):
    """One clear line, no half-written file in sight, and the run goes on once there is space."""
    whole = conet.simulate(CONFIG)[1].policy.sha256
    total = writes_of_a_run(tmp_path, monkeypatch)
    assert total > 15
    for allowed in range(total):
        place = tmp_path / f"run{allowed}"
        with monkeypatch.context() as full:
            fail_writes(full, allowed)
            code, out, lines = command(capsys, "run", "--config", config_file(tmp_path), "--out", place)
        assert (code, out, len(lines)) == (2, "", 1), lines
        assert "No space left on device" in lines[0]
        assert not [name for name in os.listdir(tmp_path) if name.startswith(".")]
        if not place.exists():
            assert allowed < 4  # config, provenance, graph, digests
            continue
        assert not [
            name for name in tree(place) if os.path.basename(name).startswith(".") and ".lock" not in name
        ]
        for name in tree(place):  # whatever is there is whole
            if name.endswith(".safetensors"):
                read_arrays(place / name)
            elif name.endswith(".parquet"):
                pl.read_parquet(place / name)
            elif name.endswith(".json"):
                json.loads((place / name).read_text())
            elif name.endswith(".jsonl"):
                assert (place / name).read_bytes()[-1:] in (b"", b"\n")
                [json.loads(line) for line in (place / name).read_text().splitlines()]
        assert conet.resume(place).summary()["state_sha256"] == whole
        capsys.readouterr()  # it may say that it begins anew


def config_file(tmp_path):
    path = tmp_path / "config.json"
    path.write_text(CONFIG.to_json())
    return path


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "x.json"
    write_atomic(path, "old")
    fail_writes(monkeypatch, 0)
    with pytest.raises(ConetError, match="No space left"):
        write_atomic(path, "new and longer")
    assert os.listdir(tmp_path) == ["x.json"]
    assert path.read_text() == "old"


# Damage ----------------------------------------------------------------------------------------------

FILES = {
    "config.json": "config.json",
    "provenance.json": "provenance.json",
    "graph.safetensors": "graph.safetensors",
    "metrics.parquet": "metrics.parquet",
    "evaluations.parquet": "evaluations.parquet",
    "checkpoint.safetensors": "checkpoint.safetensors",
    "summary.json": "summary.json",
    "events.jsonl": "events.jsonl",
    "snapshot": "snapshots/step-00000004.safetensors",
    "rollouts": "rollouts/part-00000004.parquet",
}


def foreign_parquet() -> bytes:
    from io import BytesIO

    buffer = BytesIO()
    pl.DataFrame({"something": [1], "else": ["x"]}).write_parquet(buffer)
    return buffer.getvalue()


def foreign_arrays(tmp_path) -> bytes:
    write_arrays(tmp_path / "foreign", {"something": np.zeros(3)})
    return (tmp_path / "foreign").read_bytes()


@pytest.fixture(params=["truncated", "empty", "garbage", "foreign", "missing"])
def damage(request, tmp_path):
    def apply(path):
        data = path.read_bytes()
        if request.param == "missing":
            path.unlink()
            return
        new = {
            "truncated": data[: len(data) * 2 // 3],
            "empty": b"",
            "garbage": np.random.default_rng(0).bytes(len(data)),
            "foreign": {".parquet": foreign_parquet(), ".safetensors": foreign_arrays(tmp_path)}.get(
                path.suffix, b'{"something": [1, 2]}\n'
            ),
        }
        path.write_bytes(new[request.param])

    apply.kind = request.param
    return apply


READERS = {
    "provenance.json": lambda run: run.provenance(),
    "graph.safetensors": lambda run: (run.graph(), run.tasks()),
    "metrics.parquet": lambda run: run.metrics(),
    "evaluations.parquet": lambda run: run.evaluations(),
    "summary.json": lambda run: run.summary(),
    "snapshot": lambda run: run.snapshot(4),
    "rollouts": lambda run: run.rollouts(),
    "config.json": lambda run: conet.Run(run.path),
}


@pytest.mark.parametrize("name", READERS)
def test_readers_name_the_damaged_file(name, finished, damage, tmp_path):
    path = shutil.copytree(finished.path, tmp_path / "run")
    damage(path / FILES[name])
    if damage.kind == "missing" and name in ("snapshot", "rollouts"):
        return  # tested on their own
    if name == "config.json":
        with pytest.raises(ConetError, match=r"config.json"):
            conet.Run(path)
        return
    with pytest.raises(ConetError) as raised:
        READERS[name](conet.Run(path))
    assert str(path / FILES[name]) in str(raised.value)
    assert raised.value.remedy


@pytest.mark.parametrize("name", FILES)
def test_resuming_a_damaged_run_never_ends_in_a_traceback_or_a_wrong_state(
    name, unfinished, damage, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(report, "write", lambda run, *_: run.path)
    path = shutil.copytree(unfinished.path, tmp_path / "run")
    file = path / FILES[name].replace(".parquet", ".jsonl" if name.endswith(".parquet") else ".parquet")
    if not file.exists():
        assert name == "summary.json"  # the run is not finished
        file.write_bytes(b"")
    damage(file)
    code, out, lines = command(capsys, "resume", path, "--json")
    if code == 0:  # then there is nothing that counts on it
        assert damage.kind == "missing"
        assert name in ("checkpoint.safetensors", "summary.json")
        whole = conet.simulate(CONFIG)[1].policy.sha256
        assert json.loads(out.splitlines()[-1])["state_sha256"] == whole
        return
    assert (code, out) == (2, "")
    assert len(lines) == 1
    assert str(file) in lines[0]
    assert "expected" in lines[0]
    if damage.kind == "missing":
        assert "incomplete" in lines[0] or "no such file" in lines[0]


def test_the_remedy_for_a_damaged_checkpoint_works(unfinished, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(report, "write", lambda run, *_: run.path)
    path = shutil.copytree(unfinished.path, tmp_path / "run")
    checkpoint = path / "checkpoint.safetensors"
    checkpoint.write_bytes(checkpoint.read_bytes()[:-9])
    code, _, lines = command(capsys, "resume", path)
    assert code == 2
    assert f"delete {checkpoint}" in lines[0]
    checkpoint.unlink()
    code, out, _ = command(capsys, "resume", path, "--json")
    assert code == 0
    assert json.loads(out)["state_sha256"] == conet.simulate(CONFIG)[1].policy.sha256


def test_the_remedy_for_a_damaged_summary_works(finished, tmp_path, capsys):
    path = shutil.copytree(finished.path, tmp_path / "run")
    before = conet.Run(path).summary()
    (path / "summary.json").write_text("{")
    code, _, lines = command(capsys, "resume", path)
    assert code == 2
    assert "summary.json" in lines[0]
    assert "delete it" in lines[0]
    (path / "summary.json").unlink()
    code, out, _ = command(capsys, "resume", path, "--json")
    assert code == 0
    again = json.loads(out)
    assert {key: again[key] for key in before if key != "seconds"} == {
        key: before[key] for key in before if key != "seconds"
    }


@pytest.mark.parametrize(
    "name", ["metrics.parquet", "evaluations.parquet", "rollouts", "snapshot", "graph.safetensors"]
)
def test_a_report_of_a_damaged_run_names_the_file(name, finished, tmp_path, capsys):
    path = shutil.copytree(finished.path, tmp_path / "run")
    file = path / FILES[name]
    file.write_bytes(file.read_bytes()[:-40])
    code, out, lines = command(capsys, "report", path)
    assert (code, out, len(lines)) == (2, "", 1), lines
    assert str(file) in lines[0]


def test_a_report_of_an_unfinished_run_is_refused(unfinished, capsys):
    code, _, lines = command(capsys, "report", unfinished.path)
    assert (code, len(lines)) == (2, 1)
    assert "conet resume" in lines[0]


def test_an_unfinished_run_says_how_to_go_on(unfinished):
    with pytest.raises(ConetError, match=r"summary.json, which is not there.*conet resume"):
        unfinished.summary()


@pytest.mark.parametrize(
    "content", [b"[1]", b'{"steps": 0}', b'{"no_such_key": 1}', b"\xff\xfe", b"[" * 5000, b"{"]
)
def test_configs_that_are_none(content, finished, tmp_path, capsys):
    path = shutil.copytree(finished.path, tmp_path / "run")
    (path / "config.json").write_bytes(content)
    code, out, lines = command(capsys, "resume", path)
    assert (code, out, len(lines)) == (2, "", 1)
    assert "config.json" in lines[0]
