"""Objects from Python: under their keywords, with old keywords, and what is said of wrong ones."""

import inspect
import sys
import types

import numpy as np
import pytest

import conet
from conet.base import progress as lines
from conet.base import terminal
from conet.engine.tables import TablePolicy
from conet.learners import LEARNERS
from conet.runs.objects import OLD_NAMES
from conet.runs.schedule import AtStep, Phase
from conet.runs.trainer import Trainer

SMALL = conet.preset("smoke").override(
    {
        "steps": 6,
        "graph.nodes": 40,
        "graph.degree": 5,
        "problems.count": 6,
        "problems.max_length": 8,
        "snapshots.checkpoint_every": 2,
        "snapshots.web_every": 0,
    }
)
GRAPH = conet.Graph(np.arange(0, 25, 2), np.sort((np.arange(12)[:, None] + [1, 5]) % 12, axis=1).ravel())
PROBLEMS = conet.Problems(np.array([0, 2], np.int32), np.array([6, 9], np.int32), 6)
LEARNER = LEARNERS["rloo"](rollouts=4, learning_rate=5.0)


def half(observation) -> float:
    return observation.step / 2


def two_learners(setup, rest="rlvr"):
    return Phase("rlvr", until=AtStep(3)), Phase(rest, learner="reinforce")


OBJECTS = {
    "graph": GRAPH,
    "problems": PROBLEMS,
    "learner": LEARNER,
    "observables": [half],
    "schedule": two_learners,
}


class Stop(Exception):
    pass


def test_all_objects_in_a_directory_in_memory_and_resumed(tmp_path):
    whole = conet.run(SMALL, tmp_path / "whole", **OBJECTS)
    metrics, trainer = conet.simulate(SMALL, **OBJECTS)
    assert metrics.equals(whole.metrics())
    assert trainer.policy.sha256 == whole.summary()["state_sha256"]
    assert metrics["half"].to_list() == [step / 2 for step in range(6)]
    assert metrics["learner"].to_list() == ["rloo"] * 3 + ["reinforce"] * 3
    assert whole.provenance()["objects"] == ["learner", "observables", "schedule"]

    def stop(row):
        if row["step"] == 4:
            raise Stop

    with pytest.raises(Stop):
        conet.run(SMALL, tmp_path / "run", progress=stop, **OBJECTS)
    again = {name: OBJECTS[name] for name in ("learner", "observables", "schedule")}
    assert conet.resume(tmp_path / "run", **again).summary()["state_sha256"] == trainer.policy.sha256


@pytest.mark.parametrize("observables", [[half], (half,), {"half": half}, [half, "paths"]])
def test_observables_as_a_list_or_by_name(observables):
    metrics, _ = conet.simulate(SMALL, observables=observables)
    assert metrics["half"].to_list() == [step / 2 for step in range(6)]


@pytest.mark.parametrize("schedule", [two_learners, two_learners(None), list(two_learners(None))])
def test_a_schedule_as_a_function_or_phases(schedule):
    assert (
        conet.simulate(SMALL, schedule=schedule)[0]["learner"].to_list() == ["grpo"] * 3 + ["reinforce"] * 3
    )


# Old keywords ------------------------------------------------------------------------------------------


@pytest.fixture
def notes(monkeypatch, capsys):
    monkeypatch.setattr(terminal, "_noted", set())
    return lambda: capsys.readouterr().err.splitlines()


def test_old_keywords_work_with_a_note(notes, tmp_path):
    phases, observers = two_learners(None), {"half": half}
    run = conet.run(SMALL, tmp_path / "run", graph=GRAPH, tasks=PROBLEMS, phases=phases, observers=observers)
    said = notes()
    assert [line.split("(…, ")[1] for line in said] == [
        "tasks=…) is now called problems",
        "observers=…) is now called observables",
        "phases=…) is now called schedule",
    ]
    new = conet.simulate(SMALL, graph=GRAPH, problems=PROBLEMS, schedule=phases, observables=observers)
    assert run.summary()["state_sha256"] == new[1].policy.sha256
    assert new[1].tasks is new[1].problems
    assert not notes()


@pytest.mark.parametrize(("old", "new"), OLD_NAMES.items())
def test_both_names_of_one_object_are_refused(old, new):
    with pytest.raises(conet.ConetError, match=f"{old}=….*{new}=….*two names of one object"):
        conet.simulate(SMALL, **{old: OBJECTS[new], new: OBJECTS[new]})


# Wrong keywords and wrong kinds --------------------------------------------------------------------------


@pytest.mark.parametrize("function", [conet.run, conet.simulate, conet.resume, Trainer])
def test_a_wrong_keyword_is_named_with_the_right_one(function):
    with pytest.raises(conet.ConetError, match=r"lerner=….*did you mean 'learner'"):
        function(SMALL, lerner=LEARNER)


WRONG = [
    ({"graph": PROBLEMS}, "give it as problems="),
    ({"problems": GRAPH}, "give it as graph="),
    ({"graph": LEARNER}, "give it as learner="),
    ({"graph": SMALL}, "the config comes first"),
    ({"graph": 3}, "expected a conet.Graph"),
    ({"learner": "rloo"}, "config.override({'learner.name': ...})"),
    ({"learner": LEARNERS["rloo"]}, "give RLOO(), with its options"),
    ({"observables": 3}, "expected names and functions, one or a list, or a dict of functions"),
    ({"observables": [3]}, "expected names and functions, one or a list, or a dict of functions"),
    ({"observables": {"half": 3}}, "expected names and functions, one or a list, or a dict of functions"),
    ({"config": None}, "expected a conet.Config"),
    ({"schedule": "rlvr"}, "config.override({'schedule.name': ...})"),
    ({"schedule": [3]}, "in order"),
    ({"threads": 0}, "at least 1"),
    ({"threads": 1.5}, "at least 1"),
    ({"threads": True}, "at least 1"),
    ({"progress": "yes"}, "True, False or a function"),
]


@pytest.mark.parametrize(("objects", "words"), WRONG)
def test_an_object_of_another_kind_is_refused_in_one_line(objects, words):
    with pytest.raises(conet.ConetError) as error:
        conet.simulate(**{"config": SMALL} | objects)
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_a_config_by_name_is_refused_with_the_way_to_get_one(tmp_path):
    with pytest.raises(conet.ConetError, match=r"config='reference'.*conet\.preset"):
        conet.run("reference", tmp_path / "run")


def test_names_in_a_list_are_those_of_the_config():
    with pytest.raises(conet.ConetError, match="did you mean 'paths'"):
        conet.simulate(SMALL, observables=["pahts"])


def test_problems_of_another_graph_are_refused(tmp_path):
    far = conet.Problems(np.array([0, 2], np.int32), np.array([6, 90], np.int32), 6)
    with pytest.raises(conet.ConetError, match="answer node 90; expected nodes 0 to 11"):
        conet.run(SMALL, tmp_path / "run", graph=GRAPH, problems=far)
    assert not (tmp_path / "run").exists()


def test_a_resumed_run_keeps_its_graph_and_problems(tmp_path):
    def stop(row):
        if row["step"] == 4:
            raise Stop

    with pytest.raises(Stop):
        conet.run(SMALL, tmp_path / "run", progress=stop, graph=GRAPH, problems=PROBLEMS)
    for other in (
        {"graph": conet.Graph(np.arange(13), np.roll(np.arange(12), 1))},
        {"problems": conet.Problems(np.array([1]), np.array([2]), 6)},
    ):
        with pytest.raises(conet.ConetError, match="the run keeps its own"):
            conet.resume(tmp_path / "run", **other)
    resumed = conet.resume(tmp_path / "run", graph=GRAPH, problems=PROBLEMS)
    whole = conet.simulate(SMALL, graph=GRAPH, problems=PROBLEMS)[1]
    assert resumed.summary()["state_sha256"] == whole.policy.sha256


@pytest.mark.parametrize("function", [conet.run, conet.simulate, conet.resume])
def test_signatures_and_docstrings_say_what_may_be_given(function):
    parameters = inspect.signature(function).parameters
    keywords = {name for name, one in parameters.items() if one.kind is one.KEYWORD_ONLY}
    assert {"graph", "problems", "learner", "observables", "schedule", "threads"} <= keywords
    assert not any(one.kind is one.VAR_KEYWORD for one in parameters.values())
    assert all(name in function.__doc__ for name in parameters)


# Progress ------------------------------------------------------------------------------------------------


def test_progress_is_silent_unless_asked_for(capsys, monkeypatch):
    monkeypatch.setattr(lines, "PLAIN_EVERY", -1.0)
    conet.simulate(SMALL)
    conet.simulate(SMALL, progress=False)
    assert capsys.readouterr().err == ""
    conet.simulate(SMALL, progress=True)
    assert "update 3/6" in capsys.readouterr().err


def test_a_notebook_shows_one_line_that_is_written_over(monkeypatch):
    """With a stand-in for IPython: one output, updated in place."""
    shown, updates = [], []

    def display(data, raw, display_id):
        shown.append(data["text/plain"])
        return types.SimpleNamespace(update=lambda data, raw: updates.append(data["text/plain"]))

    kernel = types.SimpleNamespace(kernel=object())
    fake = types.SimpleNamespace(get_ipython=lambda: kernel, display=types.SimpleNamespace(display=display))
    monkeypatch.setitem(sys.modules, "IPython", fake)
    monkeypatch.setattr(lines, "LIVE_EVERY", -1.0)
    conet.simulate(SMALL)
    assert len(shown) == 1
    assert updates[-1].startswith("update 6/6")
    conet.simulate(SMALL, progress=False)
    assert len(shown) == 1


# Short representations -----------------------------------------------------------------------------------


def test_representations_are_one_short_line():
    large = conet.Problems(np.arange(500), np.arange(500, 1000), 15, True)
    uneven = conet.Graph(np.array([0, 1, 3]), np.array([1, 0, 1]))
    assert repr(GRAPH) == "Graph(12 nodes, 24 edges, degree 2)"
    assert repr(uneven) == "Graph(2 nodes, 3 edges, mean degree 1.5)"
    assert repr(PROBLEMS) == "Problems(2, walks of at most 6 hops)"
    assert repr(large) == "Problems(500, walks of at most 15 hops, ending at any answer)"
    assert repr(TablePolicy(GRAPH)) == "TablePolicy(12 nodes, 24 edges)"
