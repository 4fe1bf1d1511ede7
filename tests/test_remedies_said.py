"""What a diagnosis advises: what it rests on, and what helps walks, solved problems and hopeless ones."""

import importlib
import pkgutil

import numpy as np
import pytest
from logs import rollouts
from trouble import curve, run, saved

import conet
from conet.diagnosis import Remedy, findings, remedies, scalar_rules
from conet.diagnosis.log import Log
from conet.runs.launch import run as run_walks

FROZEN = {"problems.count": 60, "learner.learning_rate": 600.0, "snapshots.web_every": 0}


def remedy(found: conet.Diagnosis, name: str) -> Remedy:
    return next(line.remedy for line in found.headlines if line.name == name)


def all_remedies() -> list[Remedy]:
    modules = [
        importlib.import_module(f"{findings.__name__}.{name.name}")
        for name in pkgutil.iter_modules(findings.__path__)
    ]
    found = []
    for module in (remedies, scalar_rules, *modules):
        for value in vars(module).values():
            values = value.values() if isinstance(value, dict) else [value]
            found += [each for each in values if isinstance(each, Remedy)]
    return found


def test_a_temperature_is_only_ever_the_name_of_the_schedule_and_lines_stay_lines():
    assert len(all_remedies()) > 25
    for said in all_remedies():
        line = f"{said.text} ({said.source})"
        assert "temperature" not in line.replace("schedule.name=temperature", ""), line
        assert "\n" not in line
        assert len(line) < 700


@pytest.mark.parametrize("said", [remedies.ENTROPY, remedies.COLLAPSE])
def test_an_entropy_bonus_says_what_it_rests_on(said):
    for words in ("in CoNet", "ten seeds", "two small language models", "nothing beyond chance", "not tried"):
        assert words in said.text
    assert "docs/results-annealing.md" in said.source
    assert "schedule.name=temperature is that bonus" in said.source


@pytest.mark.parametrize(
    ("accuracy", "first", "rest"),
    [
        (np.full((40, 20), 1.0), "stop, or go on with harder problems", ""),
        (np.tile(np.r_[np.full(19, 0.0), 0.5], (40, 1)), "if verifier and format", "warmup.steps"),
        (np.tile(np.r_[np.full(10, 0.0), np.full(10, 1.0)], (40, 1)), "draw more answers", "adaptive_groups"),
    ],
    ids=["all right", "all wrong", "both"],
)
def test_groups_without_signal_get_the_remedy_that_can_help(accuracy, first, rest, tmp_path):
    said = remedy(conet.diagnose(saved(rollouts(accuracy), tmp_path)), "groups without signal")
    assert said.text.startswith(first)
    assert rest in said.source
    assert ("adaptive_groups" in said.source) is (rest == "adaptive_groups")


def test_a_log_of_a_trainer_keeps_the_names_of_trainers(tmp_path):
    found = conet.diagnose(saved(run(curve((1, 0.1), (40, 0.7)), truncated=0.6), tmp_path))
    assert found.log.walks is None
    assert "TRL: max_completion_length" in remedy(found, "truncated").source


@pytest.mark.parametrize(
    ("changes", "has_bonus"),
    [
        ({}, False),
        ({"schedule.name": "temperature", "schedule.cooling": "none"}, False),
        ({"learner.entropy": 1e-9}, True),  # so little that it freezes all the same
        ({"schedule.name": "temperature", "schedule.cooling": "constant", "learner.entropy": 1e-9}, True),
    ],
)
def test_a_run_of_walks_is_told_its_own_settings(changes, has_bonus, tmp_path):
    changes = FROZEN | changes
    found = conet.diagnose(run_walks(conet.preset("smoke").override(changes), tmp_path / "run").path)
    lines = {line.name: line.remedy for line in found.headlines if line.remedy is not None}
    assert {"diversity", "truncated", "groups without signal", "dead problems"} <= set(lines)
    for name in ("diversity", "truncated", "groups without signal", "dead problems"):
        said = lines[name]
        assert "TRL" not in said.source
        assert "verl" not in said.source
    assert "problems.max_length" in lines["truncated"].source
    names = ("diversity", "dead problems")
    if not has_bonus:
        assert all(lines[name].source.startswith("`conet run`: schedule.name=temperature") for name in names)
    else:  # it has one already
        assert all("schedule.name" not in lines[name].source for name in names)


def test_settings_that_remedies_of_walks_name_are_settings():
    known = conet.preset("smoke").override({"schedule.name": "temperature"})
    for said in remedies.WALKS.values():
        for word in said.source.replace(",", " ").replace(";", " ").split():
            key, _, value = word.partition("=")
            if "." in key and not key.startswith("docs/"):
                values = {
                    "adaptive_groups": True,
                    "entropy_share": 0.4,
                    "learning_rate": 9.0,
                    "stop_at_any_answer": False,
                }
                known.override({key: value if key == "schedule.name" else values.get(key.split(".")[1], 8)})


LATE = curve((1, 0.1), (15, 0.8), (30, 0.8), (40, 0.2))
TROUBLES = {
    "stage collapsed": run(curve((1, 0.15), (12, 0.6), (26, 0.72), (29, 0), (40, 0)), truncated=0.7),
    "stage falling": run(LATE, length=curve((1, 100), (28, 100), (32, 400), (40, 400))),
    "stage flat": run(curve((1, 0.3), (40, 0.3)), length=curve((1, 300), (20, 300), (25, 60), (40, 60))),
}


@pytest.mark.parametrize("trouble", TROUBLES)
def test_in_trouble_too_walks_are_told_their_own_settings(trouble, tmp_path, monkeypatch):
    """The rollouts of a log, taken for those of walks: all that is said for answers has its other word."""
    place = saved(TROUBLES[trouble], tmp_path)
    usual = conet.diagnose(place)
    monkeypatch.setattr(Log, "walks", conet.preset("smoke"))
    found = conet.diagnose(place)
    assert [line.name for line in found.headlines] == [line.name for line in usual.headlines]
    assert found.findings["stage"] == trouble.split()[1]
    for line in found.headlines:
        if line.name not in ("stage", "length explodes", "length shrinks", "truncated", "forgotten problems"):
            continue
        said = line.text + str(line.remedy or "`conet run`: nothing")
        assert not {"TRL", "verl", "token", "GRPOConfig", "length limit"} & set(
            said.replace("'", " ").split()
        )
        assert "`conet run`: " in said
        assert "length limit" not in said
