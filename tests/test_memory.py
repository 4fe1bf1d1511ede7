"""The shortest correct walks that a run has seen, and the schedule that learns them now and then."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from worlds import world, worlds

import conet
from conet.base.errors import ConetError
from conet.runs.memory import Memory
from conet.runs.trainer import Trainer

TINY = conet.preset("smoke").override(
    {
        "steps": 31,
        "graph.nodes": 60,
        "graph.degree": 5,
        "problems.count": 20,
        "problems.max_length": 7,
        "learner.rollouts": 6,
        "learner.learning_rate": 30.0,
        "snapshots.web_every": 0,
        "schedule.name": "temperature",
        "schedule.sft_every": 10,
    }
)


@settings(max_examples=60, deadline=None)
@given(worlds, st.integers(0, 2**32 - 1), st.floats(0.05, 1))
def test_it_keeps_the_shortest_and_counts_what_it_was_given(asked, draw, limit):
    policy, problems = world(*asked)
    memory, batches = Memory(problems), [policy.sample(problems, 5, draw + turn) for turn in range(3)]
    batches.append(policy.sample(problems, 2, draw + 9, chosen=[0]))
    for walks in batches:
        memory.add(walks)
    taken = memory.take(limit)
    expected = []
    for problem in range(len(problems)):
        rows = [
            (walks.length[row], walks.edges[row, : walks.length[row]].tolist(), walks.correct[row])
            for walks in batches
            for row in np.flatnonzero(walks.problem == problem)
        ]
        right = [row for row in rows if row[2]]
        if right and len(right) < limit * len(rows):
            expected.append((problem, min(length for length, _, _ in right), [path for _, path, _ in right]))
    assert taken.problems.tolist() == [problem for problem, _, _ in expected]
    for row, (problem, length, paths) in enumerate(expected):
        assert taken.starts[row] == problems.questions[problem]
        assert taken.length[row] == length
        assert taken.edges[row, :length].tolist() in paths
    assert not len(memory.take(1.0).length), "the counts begin anew"


def test_what_is_not_asked_for_is_not_kept():
    policy, problems = world("regular", "random", 12, 3, 0)
    memory = Memory(problems, shortest=False)
    memory.add(policy.sample(problems, 5, 1))
    assert set(memory.state()) == {"recent", "updates"}
    memory.load({})  # as version 0.1 kept it


def test_an_update_in_every_ten_learns_what_was_seen():
    trainer, kinds = Trainer(TINY), []
    while trainer.step < 31:
        row = trainer.advance()
        kinds.append(row["phase"])
        if row["phase"] == "heat":
            shown, targets = trainer.demonstrations, trainer.policy.graph.targets
            assert shown is not None
            ends = targets[shown.edges[np.arange(len(shown.length)), shown.length - 1]]
            np.testing.assert_array_equal(ends, trainer.problems.answers[shown.problems])
            np.testing.assert_array_equal(shown.starts, trainer.problems.questions[shown.problems])
    assert kinds == (["rlvr"] * 9 + ["heat"]) * 3 + ["rlvr"]
    assert trainer.rollouts == 31 * 20 * 6, "it draws no others"
    started = [event for event in trainer.events if event["event"] == "heating_started"]
    assert [event["step"] for event in started] == [9, 19, 29]
    assert all(event["problems"] for event in started)


def test_where_nothing_is_rare_the_learner_goes_on():
    # At the first turn whatever was ever solved was solved since the beginning.
    config = TINY.override({"schedule.max_accuracy": 1e-9, "steps": 19})
    assert set(conet.simulate(config)[0]["phase"]) == {"rlvr"}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"schedule.sft_every": 1}, "greater than or equal to 2"),
        ({"learner.entropy": 0.1}, "no weight: the controller sets it"),
        ({"learner.name": "sft"}, "a learner of rollouts"),
    ],
)
def test_what_does_not_fit_is_refused(changes, words):
    with pytest.raises(ConetError, match=words):
        Trainer(TINY.override(changes))
