"""A run checks itself: whatever is changed in its files is refused, or changes nothing that can be read of it."""

import json
import os
import random
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from signing import unsign

import conet
from conet import cli
from conet.base.errors import ConetError
from conet.base.lock import exclusive
from conet.cli.summary import describe, describe_heating
from conet.diagnosis import diagnose
from conet.diagnosis.comparison.sides import read_json
from conet.readers import read
from conet.report.run import headline
from conet.runs import recorder

CONFIG = conet.preset("smoke").override(
    {
        "steps": 24,
        "graph.nodes": 30,
        "graph.degree": 4,
        "problems.count": 5,
        "problems.max_length": 8,
        "learner.learning_rate": 37.5,
        "snapshots.checkpoint_every": 10,
        "snapshots.steps": (0, 7, 15),
    }
)
ROUNDS = 25  # changes of each kind and file; verification/faults.py makes many more

OTHERS = [pytest.param(kind, marks=pytest.mark.long) for kind in ("digit", "cut")]


@pytest.fixture(autouse=True)
def no_waiting_for_the_disk(monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


class Killed(BaseException):
    """Stands for the end of the process."""


def stop(row: dict) -> None:
    if row["step"] == 22:
        raise Killed


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    return conet.run(CONFIG, tmp_path_factory.mktemp("damage") / "run").path


@pytest.fixture(scope="module")
def unfinished(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("damage") / "run"
    with pytest.raises(Killed):
        conet.run(CONFIG, path, progress=stop)
    return path


def everything(path: Path) -> dict[str, Any]:
    """Whatever can be read of a run."""
    run = conet.Run(path)
    found: dict[str, Any] = {
        "config": run.config.to_json(),
        "metrics": run.metrics().to_dicts(),
        "evaluations": run.evaluations().to_dicts(),
        "rollouts": run.rollouts().collect().to_dicts(),
        "graph": run.graph().targets.tolist(),
        "problems": run.tasks().questions.tolist(),
        "events": run.events(),
        "snapshots": {step: run.snapshot(step)["logits"].tobytes() for step in run.snapshot_steps()},
        "diagnosed": read(path).rows.to_dicts(),
    }
    if run.finished:
        found["summary"] = {key: value for key, value in run.summary().items() if key != "run"}
    return found


def files(path: Path) -> list[str]:
    return sorted(str(file.relative_to(path)) for file in path.rglob("*") if file.is_file())


def changed(data: bytes, kind: str, rng: random.Random) -> bytes:
    """A file's content with one thing changed; the same where it has nothing of that kind."""
    if kind == "bit" and data:
        wrong = bytearray(data)
        wrong[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        return bytes(wrong)
    if kind == "digit":
        digits = [place for place, byte in enumerate(data) if 48 <= byte <= 57]
        if digits:
            place = rng.choice(digits)
            other = rng.choice([digit for digit in b"0123456789" if digit != data[place]])
            return data[:place] + bytes([other]) + data[place + 1 :]
    if kind == "line" and data:
        lines = data.splitlines(keepends=True)
        place = rng.randrange(len(lines))
        return b"".join(lines[:place] + lines[place + 1 :])
    if kind == "cut" and data:
        return data[: rng.randrange(len(data))]
    return data


@pytest.mark.parametrize("kind", ["bit", *OTHERS])
def test_no_change_of_a_finished_run_is_silent(kind, finished, tmp_path):
    path = shutil.copytree(finished, tmp_path / "run")
    before, rng = everything(path), random.Random(0)
    refused = {}
    for name in files(path):
        data = (path / name).read_bytes()
        for _ in range(ROUNDS):
            (path / name).write_bytes(changed(data, kind, rng))
            try:
                found = everything(path)
            except ConetError:
                refused[name] = refused.get(name, 0) + 1
            else:
                assert found == before, name
        (path / name).write_bytes(data)
    assert {"config.json", "summary.json", "metrics.parquet", "evaluations.parquet"} <= set(refused)
    assert everything(path) == before


@pytest.mark.parametrize("kind", ["bit", *OTHERS])
def test_no_change_of_an_unfinished_run_is_silent(kind, unfinished, finished, tmp_path):
    """It goes on to the same end, or not at all."""
    whole = everything(finished)
    rng = random.Random(1)
    refused = set()
    for name in files(unfinished):
        for _ in range(3):
            path = shutil.copytree(unfinished, tmp_path / "run")
            data = (path / name).read_bytes()
            (path / name).write_bytes(changed(data, kind, rng))
            try:
                conet.resume(path)
            except ConetError:
                refused.add(name)
            else:
                found = everything(path)
                for key in ("seconds", "run"):
                    found["summary"][key] = whole["summary"][key] = None
                found["events"] = [event for event in found["events"] if event["event"] != "resumed"]
                assert found == whole, name
            shutil.rmtree(path)
    assert refused == set(files(unfinished))


@pytest.mark.parametrize("kind", ["bit", *OTHERS, pytest.param("line", marks=pytest.mark.long)])
def test_no_change_is_silent_in_what_is_read_of_an_unfinished_run(kind, unfinished, tmp_path):
    path = shutil.copytree(unfinished, tmp_path / "run")
    before, rng = everything(path), random.Random(2)
    refused = set()
    for name in files(path):
        data = (path / name).read_bytes()
        for _ in range(ROUNDS):
            (path / name).write_bytes(changed(data, kind, rng))
            try:
                found = everything(path)
            except ConetError:
                refused.add(name)
            else:
                for table in ("metrics", "evaluations", "events"):  # beyond the checkpoint it may be short
                    found[table] += before[table][len(found[table]) :]
                assert found == before, name
        (path / name).write_bytes(data)
    assert {"digests.jsonl", "metrics.jsonl", "evaluations.jsonl", "events.jsonl"} <= refused


@pytest.mark.parametrize("name", ["digests.jsonl", "metrics.jsonl", "evaluations.jsonl", "events.jsonl"])
def test_damage_behind_the_last_checkpoint_costs_nothing(name, unfinished, finished, tmp_path):
    """A power cut may leave anything there: readers say what goes on from the checkpoint, and it does."""
    path = shutil.copytree(unfinished, tmp_path / "run")
    with (path / name).open("ab") as file:
        file.write(bytes(50) + b"\n")
    with pytest.raises(ConetError, match=f"`conet resume {path}` drops what was written after its last"):
        everything(path)
    found, whole = conet.resume(path), conet.Run(finished)
    assert found.summary()["state_sha256"] == whole.summary()["state_sha256"]
    assert found.metrics().equals(whole.metrics())


def test_damage_to_the_digests_before_the_first_checkpoint(unfinished, finished, tmp_path):
    """What the run was created with is listed before it; where it is not, nothing is trusted."""
    path = shutil.copytree(unfinished, tmp_path / "run")
    (path / "checkpoint.safetensors").unlink()
    lines = (path / "digests.jsonl").read_bytes().splitlines(keepends=True)
    created = [line for line in lines if b'"created"' in line]
    (path / "digests.jsonl").write_bytes(b"".join(created[:-1]) + bytes(50) + b"\n")
    with pytest.raises(ConetError, match=r"digests\.jsonl"):
        conet.resume(path)
    (path / "digests.jsonl").write_bytes(b"".join(created) + bytes(50) + b"\n")
    assert conet.resume(path).metrics().equals(conet.Run(finished).metrics())


@pytest.mark.parametrize("name", ["metrics", "events"])
def test_what_is_said_of_a_missing_table_fits(name, unfinished, tmp_path):
    """`conet resume` cannot go on without it, so it is not what is recommended."""
    path = shutil.copytree(unfinished, tmp_path / "run")
    (path / f"{name}.jsonl").unlink()
    with pytest.raises(ConetError, match=rf"{name}\.jsonl: no such file") as error:
        everything(path)
    assert "resume" not in error.value.remedy
    assert "start the run again" in error.value.remedy


def test_a_summary_is_to_be_deleted_only_where_that_helps(finished, tmp_path):
    """Where the digests end before it."""
    path = shutil.copytree(finished, tmp_path / "run")
    lines = (path / "digests.jsonl").read_bytes().splitlines(keepends=True)
    (path / "digests.jsonl").write_bytes(b"".join(lines[:-1]))
    with pytest.raises(ConetError, match="delete it, and resuming the run makes it again"):
        conet.resume(path)
    (path / "digests.jsonl").write_bytes(b"".join(lines[:4]))
    with pytest.raises(ConetError, match=r"restore digests\.jsonl from a copy"):
        conet.resume(path)


def test_a_line_that_is_taken_out_of_the_digests_is_missed(finished, tmp_path):
    path = shutil.copytree(finished, tmp_path / "run")
    lines = (path / "digests.jsonl").read_bytes().splitlines(keepends=True)
    for number in range(len(lines)):
        (path / "digests.jsonl").write_bytes(b"".join(lines[:number] + lines[number + 1 :]))
        with pytest.raises(ConetError, match=r"incomplete|does not match its digest"):
            everything(path)


def test_what_has_no_digest_does_not_count(finished, unfinished, tmp_path):
    """A part or a snapshot that another run left."""
    for whole in (finished, unfinished):
        path = shutil.copytree(whole, tmp_path / whole.parent.name)
        before = everything(path)
        shutil.copy(path / "rollouts/part-00000010.parquet", path / "rollouts/part-00000099.parquet")
        shutil.copy(
            path / "snapshots/step-00000007.safetensors", path / "snapshots/step-00000008.safetensors"
        )
        assert everything(path) == before


def test_each_command_compares_what_the_documentation_says(finished, tmp_path, monkeypatch):
    """Those files, and no others."""
    monkeypatch.setattr("conet.report.pages.pictures", lambda views, drawers=None: [list(views), []][1])
    other = conet.run(CONFIG.override({"seed": 1}), tmp_path / "other").path
    path, out = tmp_path / "run", tmp_path / "out"
    calls = {
        "report": ["report", path],
        "compare": ["compare", path, other, "--out", out / "compared"],
        "diagnose": ["diagnose", path, "--out", out / "found"],
        "export": ["export", path, "--format", "csv", "--out", out / "web.csv"],
    }
    page = (Path(__file__).parents[1] / "docs/run-directory.md").read_text()
    for command, call in calls.items():
        row = re.search(rf"\| `conet {command}` \| (.*config.*|.*rollouts.*) \|", page)
        assert row is not None
        refused = set()
        for name in set(files(finished)) - {"digests.jsonl"}:
            shutil.copytree(finished, path)
            (path / name).write_bytes(changed((path / name).read_bytes(), "bit", random.Random(5)))
            try:
                cli.main(list(map(str, call)))
            except SystemExit as end:
                refused.add((re.sub("/.*", "/", name), end.code))
            shutil.rmtree(path)
        assert refused == {(name, 2) for name in re.findall("`(.*?)`", row[1])}, command


def test_a_comparison_checks_the_summary_of_a_language_model(finished, tmp_path):
    path = shutil.copytree(finished, tmp_path / "run")
    text = (path / "summary.json").read_text()
    (path / "summary.json").write_text(text.replace("0.", "1.", 1))
    with pytest.raises(ConetError, match="digest"):
        read_json(path / "summary.json")


def test_an_edited_config_ends_with_exit_code_2(unfinished, tmp_path, capsys):
    path = shutil.copytree(unfinished, tmp_path / "run")
    config = path / "config.json"
    config.write_text(config.read_text().replace("37.5", "17.5"))
    for command in ("resume", "report"):
        with pytest.raises(SystemExit) as end:
            cli.main([command, str(path)])
        assert end.value.code == 2
        assert "config.json: ValueError: its content does not match its digest" in capsys.readouterr().err


def test_a_run_that_is_refused_keeps_no_lock_of_a_killed_process(unfinished, tmp_path, capsys):
    path = shutil.copytree(unfinished, tmp_path / "run")
    (path / ".lock").touch()
    config = path / "config.json"
    config.write_text(config.read_text().replace("37.5", "17.5"))
    for _ in range(2):
        with pytest.raises(SystemExit):
            cli.main(["resume", str(path)])
        assert not [name for name in files(path) if name.startswith(".")]
    (path / ".lock").touch()
    with exclusive(path):  # one that is alive keeps it
        with pytest.raises(SystemExit):
            cli.main(["resume", str(path)])
        assert (path / ".lock").exists()
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs/.lock").touch()
    with pytest.raises(SystemExit):
        cli.main(["resume", str(tmp_path / "theirs")])
    assert (tmp_path / "theirs/.lock").exists()


@pytest.mark.parametrize("name", ["rollouts", "snapshots", "metrics", "evaluations", "digests.jsonl"])
def test_a_hole_is_said(name, finished, tmp_path, capsys):
    """By every command that reads what is missing."""
    path = shutil.copytree(finished, tmp_path / "run")
    for place in [f for f in files(path) if f.startswith(name)][-1:]:
        (path / place).unlink()
    with pytest.raises(ConetError, match="incomplete"):
        everything(path)
    commands = [["report", str(path)]]
    if name == "rollouts":
        commands += [["diagnose", str(path), "--out", str(tmp_path / "found")]]
    for command in commands:
        with pytest.raises(SystemExit) as end:
            cli.main(command)
        assert end.value.code == 2
        assert "incomplete" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["rollouts/part-00000010.parquet", "snapshots/step-00000007.safetensors"])
def test_a_hole_is_said_when_a_run_goes_on(name, unfinished, tmp_path):
    path = shutil.copytree(unfinished, tmp_path / "run")
    (path / name).unlink()
    with pytest.raises(ConetError, match="incomplete"):
        conet.resume(path)


@pytest.mark.parametrize("name", ["metrics", "evaluations", "events", "digests"])
def test_a_hole_in_what_grows_is_said(name, unfinished, tmp_path):
    """By what is read, and by the run when it goes on, of the same file."""
    path = shutil.copytree(unfinished, tmp_path / "run")
    (path / f"{name}.jsonl").unlink()
    for call in (everything, conet.resume):
        with pytest.raises(ConetError, match=rf"{name}\.jsonl: no such file, so the run is incomplete"):
            call(path)


def test_a_diagnosis_says_how_far_an_unfinished_run_is(unfinished, finished, tmp_path, capsys):
    for run, place in ((unfinished, unfinished), (unfinished, unfinished / "rollouts"), (finished, finished)):
        cli.main(["diagnose", str(place), "--out", str(tmp_path / "out")])
        said = f"note: {place} is unfinished: its rollouts end at step 19 of 24\n"
        assert capsys.readouterr().err.endswith(said) == (run == unfinished)
    path = shutil.copytree(unfinished, tmp_path / "run")
    (path / "config.json").write_text("{")
    with pytest.raises(SystemExit) as ended:
        cli.main(["diagnose", str(path), "--out", str(tmp_path / "out")])
    assert ended.value.code == 2
    assert "config.json: ValueError: its content does not match its digest" in capsys.readouterr().err


def test_a_stale_table_is_noticed(finished, tmp_path):
    """One that was whole, of the same run, some updates ago; and one of another run."""
    path = shutil.copytree(finished, tmp_path / "run")
    run = conet.Run(path)
    run.metrics().head(20).write_parquet(path / "metrics.parquet")
    with pytest.raises(ConetError, match=r"metrics\.parquet.*digest"):
        conet.Run(path).metrics()
    other = conet.run(CONFIG.override({"seed": 1}), tmp_path / "other").path
    for name in ("metrics.parquet", "summary.json", "snapshots/step-00000007.safetensors"):
        mixed = shutil.copytree(finished, tmp_path / "mixed")
        shutil.copy(other / name, mixed / name)
        with pytest.raises(ConetError, match="digest"):
            everything(mixed)
        shutil.rmtree(mixed)


def test_copies_of_a_run_that_goes_on_are_whole_or_said_to_be_incomplete(tmp_path):
    """Whatever order a copy takes the files in, while checkpoints are written."""
    rng, copies = random.Random(3), []

    def copying(row: dict) -> None:
        """Copy each file at its own moment."""
        names = files(tmp_path / "run")
        for number in range(8):
            copy = tmp_path / f"copy{number}"
            for name in rng.sample(names, max(1, len(names) // 6)):
                (copy / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(tmp_path / "run" / name, copy / name)
        copies[:] = [tmp_path / f"copy{number}" for number in range(8)]

    conet.run(CONFIG, tmp_path / "run", progress=copying)
    whole = conet.Run(tmp_path / "run").summary()["state_sha256"]
    read, refused = [], []
    for copy in copies:
        try:
            state = conet.resume(copy).summary()["state_sha256"]
        except ConetError as error:
            refused.append(str(error))
        else:
            assert state == whole
            assert set(conet.Run(copy).metrics()["step"]) == set(range(24))
            read.append(copy)
    assert read, refused
    assert refused
    assert all(re.search("incomplete|no such file|digest", reason) for reason in refused)


# Version 0.1 has no digests ----------------------------------------------------------------------------


def test_holes_of_a_run_without_digests_are_said_as_far_as_they_show(finished, tmp_path):
    path = shutil.copytree(finished, tmp_path / "run")
    unsign(path)
    assert not conet.Run(path).verified
    assert everything(path)["metrics"]
    for name in ("rollouts/part-00000010.parquet", "snapshots/step-00000007.safetensors"):
        data = (path / name).read_bytes()
        (path / name).unlink()
        with pytest.raises(ConetError, match="incomplete"):
            everything(path)
        (path / name).write_bytes(data)
    evaluations = conet.Run(path).evaluations()
    evaluations.filter(evaluations["step"] != 7).write_parquet(path / "evaluations.parquet")
    with pytest.raises(ConetError, match="no evaluation of update 7, so the run is incomplete"):
        everything(path)
    (path / "rollouts/part-00000010.parquet").unlink()
    with pytest.raises(ConetError, match="no rollouts of updates 10 to 19, so the run is incomplete"):
        read(path)
    table = conet.Run(path).metrics()
    table.head(20).write_parquet(path / "metrics.parquet")
    with pytest.raises(ConetError, match="20 of 24 updates, so the run is incomplete"):
        conet.Run(path).metrics()


@pytest.mark.parametrize("place", ["", "rollouts"])
def test_a_run_whose_digests_and_provenance_are_lost_is_diagnosed_with_a_note(
    place, finished, tmp_path, capsys
):
    path = shutil.copytree(finished, tmp_path / "run")
    for name in ("digests.jsonl", "provenance.json"):
        (path / name).unlink()
    cli.main(["diagnose", str(path / place), "--out", str(tmp_path / "out")])
    assert f"{path / place} is unverified" in capsys.readouterr().err
    (path / "rollouts/part-00000010.parquet").unlink()
    with pytest.raises(ConetError, match="so the run is incomplete"):
        read(path / place)


@pytest.mark.parametrize("command", ["resume", "report", "diagnose", "compare", "export"])
def test_a_run_without_digests_opens_with_a_note(command, finished, tmp_path, capsys):
    path = shutil.copytree(finished, tmp_path / "run")
    unsign(path)
    more = {
        "diagnose": ["--out", str(tmp_path / "out")],
        "compare": [str(finished), "--out", str(tmp_path / "out")],
        "export": ["--format", "csv", "--out", str(tmp_path / "web.csv")],
    }
    cli.main([command, str(path), *more.get(command, [])])
    captured = capsys.readouterr()
    assert f"{path} is unverified" in captured.err
    assert "unverified" not in captured.out
    cli.main(["resume", str(finished), "--json"])
    captured = capsys.readouterr()
    assert "unverified" not in captured.err
    assert json.loads(captured.out)["steps"] == 24


def every_key(found: dict, place: tuple = ()) -> list[tuple]:
    keys = [(*place, key) for key in found]
    return keys + [
        inner
        for key in found
        if isinstance(found[key], dict)
        for inner in every_key(found[key], (*place, key))
    ]


@pytest.mark.parametrize("value", ["nothing", "text", [], {}, None, True])
def test_a_summary_without_digest_that_is_changed_ends_in_no_traceback(value, finished, tmp_path):
    """What is printed and drawn of it is there, or it is refused in one line."""
    path = shutil.copytree(finished, tmp_path / "run")
    unsign(path)
    whole = json.loads((path / "summary.json").read_text())
    refused = set()
    for key in every_key(whole):
        changed = json.loads(json.dumps(whole))
        inner = changed
        for part in key[:-1]:
            inner = inner[part]
        if value == "nothing":
            del inner[key[-1]]
        else:
            inner[key[-1]] = value
        (path / "summary.json").write_text(json.dumps(changed))
        try:
            summary = conet.Run(path).summary()
        except ConetError:
            refused.add(".".join(key))
        else:
            describe(summary)
            headline(summary)
            describe_heating(summary.get("heating"))
    if value in ("nothing", "text"):
        assert {"accuracy", "islands.peak", "web.mean_degree", "correct_length.start"} <= refused


def test_metrics_without_digest_that_are_changed_end_in_no_traceback(finished, tmp_path):
    path = shutil.copytree(finished, tmp_path / "run")
    unsign(path)
    whole = conet.Run(path).metrics()
    text, nothing = pl.lit("text"), pl.lit(None)
    wrong = [
        *(whole.with_columns(text.alias(name)) for name in whole.columns if name not in ("phase", "learner")),
        *(whole.drop(name) for name in ("step", "phase", "accuracy", "correct_count")),
        *(whole.with_columns(nothing.alias(name)) for name in ("step", "phase")),
        *(whole.head(0), whole.head(20), pl.concat([whole, whole.tail(1)])),
        pl.concat([whole.head(23), whole.head(1)]),
    ]
    for table in wrong:
        table.write_parquet(path / "metrics.parquet")
        with pytest.raises(ConetError, match=r"metrics\.parquet"):
            conet.Run(path).metrics()
    others = {"in reverse": whole.reverse()}
    others |= {f"without {name}": whole.drop(name) for name in whole.columns[6:]}
    others |= {
        f"no {name}": whole.with_columns(nothing.alias(name))
        for name in whole.columns
        if name not in ("step", "phase")
    }
    refused = set()
    for what, table in others.items():
        table.write_parquet(path / "metrics.parquet")
        run = conet.Run(path)
        try:
            assert [run.view(name) for name in run.figures()]
        except ConetError:
            refused.add(what)
    assert refused == {"without correct_length_sum", "without islands", "no learner"}


def test_a_table_of_another_run_is_not_taken_for_a_lost_one(finished, unfinished, tmp_path):
    path = shutil.copytree(unfinished, tmp_path / "run")
    (path / "metrics.jsonl").unlink()
    shutil.copy(finished / "metrics.parquet", path)
    with pytest.raises(ConetError, match=r"metrics\.jsonl"):
        conet.resume(path)


@pytest.fixture(scope="module")
def ahead(tmp_path_factory) -> Path:
    """A killed run whose tables are ahead of its checkpoint, of update 20."""
    path = tmp_path_factory.mktemp("damage") / "run"
    config = CONFIG.override({"snapshots.steps": (0, 7, 15, 21)})
    with pytest.MonkeyPatch.context() as at_once:
        at_once.setattr(recorder, "MOST_UPDATES", 1)
        with pytest.raises(Killed):
            conet.run(config, path, progress=stop)
    return path


@pytest.mark.parametrize("kind", ["out", "twice", "moved"])
def test_rows_after_the_last_checkpoint_are_those_of_its_updates(kind, ahead, tmp_path):
    path = shutil.copytree(ahead, tmp_path / "run")
    lines = (path / "metrics.jsonl").read_bytes().splitlines(keepends=True)
    assert len(lines) > 21
    changed = {
        "out": [*lines[:20], *lines[21:]],
        "twice": [*lines[:21], *lines[20:]],
        "moved": [*lines[:20], lines[21], lines[20]],
    }
    (path / "metrics.jsonl").write_bytes(b"".join(changed[kind]))
    with pytest.raises(ConetError, match="incomplete"):
        conet.Run(path).metrics()


def test_evaluations_after_the_last_checkpoint_are_whole(ahead, tmp_path):
    path = shutil.copytree(ahead, tmp_path / "run")
    lines = (path / "evaluations.jsonl").read_bytes().splitlines(keepends=True)
    (path / "evaluations.jsonl").write_bytes(b"".join(lines[:-1]))
    with pytest.raises(ConetError, match="incomplete"):
        conet.Run(path).evaluations()


def test_a_full_disk_is_not_blamed_on_the_checkpoint(ahead, tmp_path, monkeypatch):
    path = shutil.copytree(ahead, tmp_path / "run")

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as at_once:
        at_once.setattr(os, "truncate", full)
        with pytest.raises(ConetError) as caught:
            conet.resume(path)
    assert "No space left" in str(caught.value)
    assert "delete" not in str(caught.value)
    conet.resume(path)


def test_a_run_without_its_checkpoint_says_what_it_makes_again(unfinished, finished, tmp_path, capsys):
    path = shutil.copytree(unfinished, tmp_path / "run")
    done = len((path / "metrics.jsonl").read_bytes().splitlines())
    (path / "checkpoint.safetensors").unlink()
    run = conet.resume(path)
    assert f"its first {done} updates are made again" in capsys.readouterr().err
    assert run.summary()["state_sha256"] == conet.Run(finished).summary()["state_sha256"]


def test_heatings_are_those_of_the_steps_that_there_are_rollouts_of(tmp_path):
    """Events are written sooner than rollouts; and a run without its settings is one that is not whole."""
    heated = {"schedule.name": "annealed_rlvr", "schedule.heat_at": 4, "schedule.heat_steps": 3}
    heated |= {"schedule.harvest_samples": 64, "schedule.max_accuracy": 0.9, "steps": 12}
    small = {"graph.nodes": 40, "graph.degree": 5, "problems.count": 6, "problems.max_length": 8}
    conet.run(conet.preset("smoke").override(heated | small), tmp_path / "run", threads=1)
    record = read(tmp_path / "run")
    assert [one["ended_step"] for one in diagnose(record).log.heatings] == [7]
    early = replace(record, rows=record.rows.filter(pl.col("step") < 4))
    assert [one["ended_step"] for one in diagnose(early).log.heatings] == [None]
    for name in ("config.json", "events.jsonl"):
        (tmp_path / "run" / name).unlink()
    with pytest.raises(ConetError, match="incomplete"):
        _ = diagnose(read(tmp_path / "run")).log.heatings
