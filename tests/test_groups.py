"""Groups of several sizes: whose turn it is, how large they are, and what they cost."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import conet
from conet.base.errors import ConetError
from conet.runs.groups import AdaptiveGroups
from conet.runs.schedule import Clock
from conet.runs.trainer import Trainer

TINY = conet.preset("smoke").override(
    {
        "steps": 120,
        "graph.nodes": 60,
        "graph.degree": 8,
        "problems.count": 16,
        "problems.max_length": 7,
        "learner.learning_rate": 40.0,
        "snapshots.web_every": 0,
        "schedule.name": "temperature",
        "schedule.adaptive_groups": True,
    }
)


def clock(accuracy, step: int = 0) -> Clock:
    return Clock(step=step, steps=100, problem_accuracy=None if accuracy is None else np.array(accuracy))


def test_by_hand():
    groups = AdaptiveGroups(problems=6, rollouts=8, learning_rate=12.0)
    known = [1.0, 0.995, 0.5, np.nan, 0.0, 1.0]  # solved: 0, 1 and 5
    assert groups.chosen(clock(known, 0)) == [0, 2, 3, 4]
    assert groups.chosen(clock(known, 1)) == [2, 3, 4]
    assert groups.chosen(clock(known, 3)) == [1, 2, 3, 4, 5]
    assert [groups.size(clock(known, step)) for step in (0, 1, 3)] == [12, 16, 9]
    assert [groups.rate(clock(known, step)) for step in (0, 1, 3)] == [8.0, 6.0, 10.0]
    assert groups.chosen(clock(None)) == list(range(6))
    few = AdaptiveGroups(problems=2, rollouts=8, learning_rate=1.0)
    assert few.chosen(clock([1.0, 1.0], 1)) == [0, 1], "an update has problems"


@given(st.lists(st.sampled_from([0.0, 0.5, 0.99, 1.0, np.nan]), min_size=1, max_size=30), st.integers(1, 64))
def test_no_update_draws_more_than_without_and_all_have_their_turn(accuracy, rollouts):
    count = len(accuracy)
    groups = AdaptiveGroups(problems=count, rollouts=rollouts, learning_rate=1.0)
    drawn: set[int] = set()
    for step in range(4):
        now = clock(accuracy, step)
        chosen = groups.chosen(now)
        assert rollouts <= groups.size(now) <= 4 * rollouts
        assert groups.size(now) * len(chosen) <= rollouts * count
        assert groups.rate(now) == len(chosen) / count
        drawn |= set(chosen)
    assert drawn == set(range(count))


def test_a_run_draws_solved_problems_less_often_and_at_its_end_all():
    trainer, sizes = Trainer(TINY), []
    while trainer.step < 120:
        known = trainer.memory.accuracy()
        row = trainer.advance()
        sizes.append((len(trainer.walks.problems), trainer.walks.rollouts))
        if row["step"] < 100:
            asked = set(trainer.walks.problems.tolist())
            rest = {problem for problem in range(16) if not known[problem] >= 0.99}
            turn = {problem for problem in range(16) if (problem + row["step"]) % 4 == 0}
            assert asked == rest | turn
            assert row["option.rollouts"] == trainer.walks.rollouts
    assert all(problems * rollouts <= 16 * 8 for problems, rollouts in sizes)
    assert min(sizes)[0] < 16, "that is, something was tested"
    assert sizes[-20:] == [(16, 8)] * 20
    assert trainer.rollouts <= 120 * 16 * 8


@pytest.mark.parametrize("limit", [1e-9, 1.0])
def test_all_are_drawn_at_the_end_also_where_no_turn_finds_anything_to_teach(limit):
    changes = {"schedule.sft_every": 15, "schedule.max_accuracy": limit}
    trainer, sizes, taught = Trainer(TINY.override(changes)), [], []
    while trainer.step < 120:
        row = trainer.advance()
        taught += [row["step"]] if row["phase"] == "heat" else []
        sizes.append((len(trainer.walks.problems), trainer.walks.rollouts))
    assert sizes[-20:] == [(16, 8)] * 20
    assert taught == ([] if limit < 0.1 else [14, 29, 44, 59, 74, 89])
    assert sum(event["event"] == "heating_skipped" for event in trainer.events) == 6 - len(taught)


def test_the_accuracy_of_a_problem_is_its_fading_mean():
    trainer = Trainer(TINY.override({"schedule.adaptive_groups": False}))
    weights, values = np.zeros(16), np.zeros(16)
    for step in range(30):
        seen = trainer.memory.accuracy()
        if step < 20:
            assert np.isnan(seen).all()
        else:
            np.testing.assert_allclose(seen, values / weights, atol=1e-12)
        trainer.advance()
        correct = trainer.walks.correct.reshape(16, 8).mean(axis=1)
        weights, values = 0.9 * weights + 0.1, 0.9 * values + 0.1 * correct


def test_adam_keeps_its_rate_and_the_exact_learner_has_no_groups():
    adam = Trainer(TINY.override({"learner.optimizer": "adam", "learner.learning_rate": 0.1}))
    assert set(adam.phases[0].options) == {"entropy", "rollouts"}
    with pytest.raises(ConetError, match="a learner that learns from rollouts"):
        Trainer(TINY.override({"learner.name": "exact"}))


def test_where_no_accuracy_is_known_groups_are_as_they_were():
    groups = AdaptiveGroups(problems=3, rollouts=8, learning_rate=2.0)
    assert (groups.size(clock(None)), groups.rate(clock(None))) == (8, pytest.approx(2.0))
