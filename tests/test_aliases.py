"""Settings under the names of version 0.1: they go on working, with one note; both names together do not."""

import json
import subprocess
import sys

import pytest

from conet.base import terminal
from conet.base.errors import ConetError
from conet.config import Config, aliases, flatten, hash_of, load, preset
from conet.runs import recipe

OLD = {
    "tasks.questions": 5,
    "tasks.max_length": 9,
    "schedule.strength": 0.3,
    "schedule.below": 0.2,
    "schedule.samples": 99,
}
NEW = {
    "problems.count": 5,
    "problems.max_length": 9,
    "schedule.sft_learning_rate": 0.3,
    "schedule.max_accuracy": 0.2,
    "schedule.harvest_samples": 99,
}


@pytest.fixture(autouse=True)
def nothing_noted(monkeypatch):
    monkeypatch.setattr(terminal, "_noted", set())


def test_old_names_set_the_same_settings_with_one_note_each(capsys):
    old = preset("smoke").override(OLD).override(OLD)
    assert old == preset("smoke").override(NEW)
    assert old.content_hash == preset("smoke").override(NEW).content_hash
    notes = capsys.readouterr().err.splitlines()
    assert sorted(notes) == sorted(f"conet: the setting {a} is now called {b}" for a, b in zip(OLD, NEW))


@pytest.mark.parametrize(("old", "new"), list(zip(OLD, NEW)))
def test_both_names_together_are_an_error_and_in_a_file_where_they_differ(old, new, tmp_path, capsys):
    with pytest.raises(ConetError, match="two names of one setting"):
        preset("smoke").override({old: OLD[old], new: NEW[new]})
    path = tmp_path / "mine.json"
    path.write_text(json.dumps({old: OLD[old], new: NEW[new]}))
    assert flatten(load(path).model_dump())[new] == NEW[new]
    assert capsys.readouterr().err == ""
    path.write_text(json.dumps({old: OLD[old], new: NEW[new] / 2}))
    with pytest.raises(ConetError, match="two names of one setting"):
        load(path)


def test_a_config_of_version_0_1_opens_without_a_note_and_its_hash_is_that_of_its_file(capsys):
    data = preset("smoke").model_dump(mode="json")
    data["tasks"] = data.pop("problems")
    data["tasks"]["questions"] = data["tasks"].pop("count")
    del data["learner"]["entropy"], data["policy"]  # which it had not
    for old, new in (
        ("strength", "sft_learning_rate"),
        ("below", "max_accuracy"),
        ("samples", "harvest_samples"),
    ):
        data["schedule"][old] = data["schedule"].pop(new)
    assert Config.from_json(json.dumps(data)) == preset("smoke")
    assert capsys.readouterr().err == ""
    # What version 0.1 wrote into provenance.json for its preset smoke.
    assert hash_of(data) == "d763ccf0d8599dba19c75f9926967e0d5f225d73dd154f3a5e4b608424c8278e"
    assert hash_of(json.loads(preset("smoke").to_json())) == preset("smoke").content_hash


def test_presets_print_both_names_and_can_be_read_back(capsys, tmp_path):
    both = aliases.both_names(preset("paper").model_dump(mode="json"), aliases.SETTINGS)
    assert both["tasks"] == {"questions": 128, "max_length": 15, "stop_at_any_answer": False, "file": None}
    assert both["schedule"]["strength"] == both["schedule"]["sft_learning_rate"] == 0.15
    assert Config.from_json(json.dumps(both)) == preset("paper")
    path = tmp_path / "paper.json"
    path.write_text(json.dumps(both))
    assert load(path) == preset("paper")
    assert capsys.readouterr().err == ""


def test_recipes_have_the_same_mechanism(capsys):
    tiny = recipe.load("tiny")
    old = tiny.override({"heating.below": 0.25, "heating.harvest": 128})
    assert old == tiny.override({"heating.max_accuracy": 0.25, "heating.harvest_samples": 128})
    assert len(capsys.readouterr().err.splitlines()) == 2
    with pytest.raises(ConetError, match="two names of one setting"):
        tiny.override({"heating.below": 0.25, "heating.max_accuracy": 0.25})
    data = json.loads(tiny.model_dump_json())
    data["heating"]["below"] = data["heating"].pop("max_accuracy")
    assert recipe.Recipe.from_json(json.dumps(data)) == tiny
    assert capsys.readouterr().err == ""


def test_the_command_line_notes_old_names_on_stderr_alone(tmp_path):
    command = [sys.executable, "-c", "from conet.cli import main; main()", "run", "--preset", "smoke"]
    command += ["--steps", "1", "--json", "--out", str(tmp_path / "run")]
    command += ["--set", "graph.nodes=30", "graph.degree=3", "tasks.questions=4"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["run"]
    assert done.stderr.count("the setting tasks.questions is now called problems.count") == 1
    refused = subprocess.run([*command, "problems.count=4"], capture_output=True, text=True)
    assert refused.returncode == 2
    assert "two names of one setting" in refused.stderr


def test_two_old_names_of_one_setting_are_refused(tmp_path):
    with pytest.raises(ConetError, match=r"two names of one setting|two names"):
        preset("smoke").override({"tasks.questions": 5, "tasks.count": 6})
    path = tmp_path / "config.json"
    path.write_text(json.dumps({"tasks": {"questions": 5, "count": 7}}))
    with pytest.raises(ConetError, match="two names of one setting"):
        load(path)
    path.write_text(json.dumps({"tasks": {"questions": 5, "count": 5}}))
    assert load(path).problems.count == 5
