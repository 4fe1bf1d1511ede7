"""Code of the user's own that a run's settings name: what it began with, and whether it may run at all."""

import json
import os
import shutil
import sys
from pathlib import Path

import pytest
from signing import sign_again, unsign

import conet
from conet import cli
from conet.base.errors import ConetError
from conet.base.registry import load_file, places
from conet.runs import code

CODE = """
from pathlib import Path
Path(__file__).with_name("ran").write_text("it ran")
def seven(observation):
    return 7.0
"""
SMALL = {
    "steps": 6,
    "graph.nodes": 30,
    "graph.degree": 4,
    "problems.count": 5,
    "problems.max_length": 8,
    "snapshots.checkpoint_every": 2,
    "observables": ("code/mine.py:seven",),
}


class Killed(BaseException):
    """Stands for the end of the process."""


def stop(row: dict) -> None:
    if row["step"] == 3:
        raise Killed


@pytest.fixture
def unfinished(tmp_path, monkeypatch) -> Path:
    """A run whose config names code beside it by a relative path."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "code").mkdir()
    (tmp_path / "code/mine.py").write_text(CODE)
    with pytest.raises(Killed):
        conet.run(conet.preset("smoke").override(SMALL), "run", progress=stop)
    (tmp_path / "code/ran").unlink()
    for name in [name for name in sys.modules if name.startswith("conet_user_")]:
        monkeypatch.delitem(sys.modules, name)  # as in a new process
    return tmp_path / "run"


def ran(place: Path) -> bool:
    return any(place.rglob("ran"))


def test_a_run_notes_its_code_and_goes_on_from_any_folder(unfinished, tmp_path, monkeypatch):
    known = conet.Run(unfinished).provenance()["code"]
    assert known.keys() == {"code/mine.py"}
    assert known["code/mine.py"]["path"] == str(tmp_path / "code/mine.py")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    metrics = conet.resume("../run").metrics()
    assert metrics["code/mine.py:seven"].to_list() == [7.0] * 6


@pytest.mark.parametrize("change", ["7.0\n", "8.0\n"])
def test_changed_code_is_refused_or_accepted_and_noted(change, unfinished, tmp_path, capsys):
    file = tmp_path / "code/mine.py"
    file.write_text(CODE.replace("7.0\n", change))
    if change == "7.0\n":
        assert conet.resume(unfinished).finished
        return
    with pytest.raises(SystemExit) as end:
        cli.main(["resume", str(unfinished)])
    assert end.value.code == 2
    assert "mine.py, which has changed" in (said := capsys.readouterr().err)
    assert "--accept-changed-code" in said
    assert not ran(tmp_path)
    cli.main(["resume", str(unfinished), "--accept-changed-code"])
    run = conet.Run(unfinished)
    assert run.metrics()["code/mine.py:seven"].to_list() == [7.0] * 2 + [8.0] * 4
    (event,) = [event for event in run.events() if event["event"] == "code_changed"]
    assert event == {
        "step": 2,
        "event": "code_changed",
        "file": "code/mine.py",
        "sha256": code.digest(file.read_bytes()),
    }


def test_what_was_accepted_once_is_not_asked_again(unfinished, tmp_path):
    (tmp_path / "code/mine.py").write_text(CODE.replace("7.0", "8.0"))

    def later(row: dict) -> None:
        if row["step"] == 5:
            raise Killed

    with pytest.raises(Killed):
        conet.resume(unfinished, accept_changed_code=True, progress=later)
    assert conet.resume(unfinished).finished
    events = [event["event"] for event in conet.Run(unfinished).events()]
    assert events.count("code_changed") == 1


def test_code_that_is_gone_is_said(unfinished, tmp_path):
    (tmp_path / "code/mine.py").unlink()
    with pytest.raises(ConetError, match=r"no file code/mine\.py, which was /.*mine\.py when"):
        conet.resume(unfinished)


def test_a_file_edited_within_the_same_second_is_loaded_anew(tmp_path):
    file = tmp_path / "mine.py"
    for number in range(10):
        file.write_text(f"value = {number}\n")
        os.utime(file, (0, 0))
        assert load_file(file, "number").value == number


# Whose code it is -------------------------------------------------------------------------------------


def stranger(run: Path, tmp_path: Path) -> None:
    """Let the config and the record name a file inside the run, as someone might who sends a run around."""
    (run / "evil.py").write_text(CODE)
    for name in ("config.json", "provenance.json"):
        text = (run / name).read_text().replace(str(tmp_path / "code/mine.py"), str(run / "evil.py"))
        (run / name).write_text(text.replace("code/mine.py", str(run / "evil.py")))
    sign_again(run)
    marked = json.loads((run / "provenance.json").read_text())["code"][str(run / "evil.py")]
    assert marked["path"] == str(run / "evil.py")


def unmarked(run: Path) -> None:
    """Remove the checkpoint, which has a mark of the digests."""
    (run / "checkpoint.safetensors").unlink()
    for name in ("rollouts", "snapshots"):
        shutil.rmtree(run / name)
        (run / name).mkdir()


@pytest.mark.parametrize("where", ["inside", "link", "another's", "unknown"])
def test_code_of_a_stranger_runs_only_where_it_is_trusted(where, unfinished, tmp_path, monkeypatch, capsys):
    unmarked(unfinished)
    if where == "inside":
        stranger(unfinished, tmp_path)
    elif where == "link":
        stranger(unfinished, tmp_path)
        shutil.move(unfinished / "evil.py", tmp_path / "evil.py")
        (unfinished / "evil.py").symlink_to(tmp_path / "evil.py")
    elif where == "another's":
        monkeypatch.setattr(os, "getuid", lambda: 12345)
    else:
        provenance = json.loads((unfinished / "provenance.json").read_text())
        (unfinished / "provenance.json").write_text(json.dumps(provenance | {"code": {}}))
        unsign(unfinished)
    with pytest.raises(SystemExit) as end:
        cli.main(["resume", str(unfinished), "--accept-changed-code"])
    assert end.value.code == 2
    assert "add --trust" in capsys.readouterr().err
    assert not ran(tmp_path)
    cli.main(["resume", str(unfinished), "--trust"])
    assert ran(tmp_path)
    assert conet.Run(unfinished).finished


@pytest.mark.parametrize("noted", ["gone", "relative", "link"])
def test_code_sent_with_a_run_does_not_run_by_itself(noted, unfinished, tmp_path, monkeypatch, capsys):
    """The run was packed together with its code, whose hash it has; whoever unpacks it owns both."""
    unmarked(unfinished)
    archive = tmp_path / "archive"
    archive.mkdir()
    for name in ("run", "code"):
        shutil.move(tmp_path / name, archive / name)
    monkeypatch.chdir(archive)
    if noted != "gone":
        place = "code/mine.py" if noted == "relative" else str(tmp_path / "link/code/mine.py")
        (tmp_path / "link").symlink_to(archive)
        text = (archive / "run/provenance.json").read_text()
        (archive / "run/provenance.json").write_text(text.replace(str(tmp_path / "code/mine.py"), place))
        sign_again(archive / "run")
    with pytest.raises(SystemExit) as end:
        cli.main(["resume", "run"])
    assert end.value.code == 2
    said = capsys.readouterr().err
    assert "mine.py, code that" in said
    assert "is not where it was when the run began" in said
    assert "add --trust" in said
    assert not ran(tmp_path)
    cli.main(["resume", "run", "--trust"])
    assert conet.Run("run").finished


def test_no_command_that_reads_a_run_runs_its_code(tmp_path, monkeypatch):
    """Neither those of walks nor opening a recipe; an observable evaluated afterwards asks the learner."""
    monkeypatch.chdir(tmp_path)
    learner = "from conet.learners.grpo import GRPO\nclass Mine(GRPO):\n    pass\n"
    (tmp_path / "mine.py").write_text(CODE + learner)
    names = {"observables": ("mine.py:seven",), "learner.name": "mine.py:Mine", "learner.rollouts": 4}
    run = conet.run(conet.preset("smoke").override(SMALL | names), "run").path
    cli.main(["report", "run"])
    (tmp_path / "mine.py").unlink()
    (tmp_path / "ran").unlink()
    shutil.copy(run / "config.json", tmp_path / "config.json")
    text = (run / "config.json").read_text().replace("mine.py", f"{run}/mine.py")
    (run / "config.json").write_text(text)
    (run / "mine.py").write_text(CODE + learner)
    sign_again(run)
    shutil.copytree(run, tmp_path / "again")
    for command in (
        ["report", "run"],
        ["report", "run", "--format", "svg"],
        ["resume", "run"],
        ["diagnose", "run", "--out", "found"],
        ["compare", "run", "again", "--out", "compared"],
        ["export", "run", "--format", "csv", "--out", "web.csv"],
    ):
        cli.main(command)
    opened = conet.Run(run)
    for read in (opened.metrics, opened.web, opened.summary, opened.merges, opened.figures):
        read()
    with pytest.raises(ConetError, match=r"lies inside it.*trust=True"):
        opened.observe("web")
    with pytest.raises(ConetError, match="needs web"):
        conet.runs.recipe.Recipe.from_json(json.dumps({"name": "x", "observables": ["web"]}))
    recipe = conet.runs.recipe.Recipe.from_json(
        json.dumps({"name": "x", "observables": [f"{run}/mine.py:seven"]})
    )
    assert recipe.observables
    assert not ran(tmp_path)
    assert opened.observe("web", trust=True).height
    assert ran(tmp_path)


def test_code_that_the_user_names_needs_no_trust(unfinished, tmp_path):
    (unfinished / "own.py").write_text("def eight(observation):\n    return 8.0\n")
    run = conet.resume(unfinished)
    assert run.observe(f"{unfinished}/own.py:eight").columns == ["step", f"{unfinished}/own.py:eight"]


def test_a_verifier_is_looked_for_where_the_run_began(tmp_path):
    """Its processes are told the whole path, since they know nothing of the run."""
    from conet.llm.judge import Judge

    (tmp_path / "mine.py").write_text("def judge(completion, answer):\n    return 1.0\n")
    asked = []

    def place(path: Path) -> Path:
        asked.append(path)
        return tmp_path / path

    with places(place):
        judge = Judge("mine.py:judge")
    assert (judge.asked, asked) == (f"{tmp_path}/mine.py:judge", [Path("mine.py")])
    with pytest.raises(ConetError, match="a file that exists"):
        Judge("mine.py:judge")
