"""Code of the user's own that does something wrong: one line that names it, and nothing left half-made."""

import numpy as np
import pytest

import conet
from conet.base.errors import ConetError
from conet.engine.gradient import NotFinite
from conet.learners import Learner
from conet.runs.schedule import After, Phase
from conet.runs.simulate import warm_up
from conet.runs.trainer import Trainer

SMALL = conet.preset("smoke").override(
    {
        "steps": 3,
        "graph.nodes": 40,
        "graph.degree": 5,
        "problems.count": 6,
        "problems.max_length": 8,
        "snapshots.web_every": 0,
        "snapshots.traffic_walks": 2,
        "snapshots.pass_walks": 2,
    }
)


class PerProblem(Learner):
    """Knows how many problems the run has."""

    def weights(self, batch):
        return (batch.rewards * np.linspace(1.0, 2.0, 6)[:, None]).ravel()


class OfAnotherShape(Learner):
    def weights(self, batch):
        return np.ones(3)


class NotANumber(Learner):
    def weights(self, batch):
        return np.full(batch.rewards.size, np.nan)


class Leaves(Learner):
    def weights(self, batch):
        raise SystemExit(7)


# Schedules --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [3, "", None, ("rlvr",)])
def test_the_name_of_a_phase_is_a_text(name):
    with pytest.raises(ConetError, match=r"phase of name .*; expected a text that is not empty"):
        Trainer(SMALL, schedule=(Phase(name),))


def test_a_schedule_may_yield_its_phases_and_take_any_keyword():
    def own(setup, *more, **rest):
        assert not more
        assert not rest
        yield Phase("first", until=After(1))
        yield Phase("second")

    metrics, _ = conet.simulate(SMALL, schedule=own)
    assert metrics["phase"].to_list() == ["first", "second", "second"]


def test_a_schedule_that_fails_while_it_yields_is_named():
    def own(setup):
        yield Phase("first")
        raise ValueError("boom")

    with pytest.raises(ConetError, match=r"schedule.name=own: ValueError: boom"):
        Trainer(SMALL, schedule=own)


# Learners ---------------------------------------------------------------------------------------------


def test_a_learner_is_first_asked_about_the_run_itself():
    trainer = Trainer(SMALL, learner=PerProblem(rollouts=4))
    warm_up(trainer)
    assert trainer.step == 0
    conet.simulate(SMALL, learner=PerProblem(rollouts=4))


def test_only_numbers_that_are_not_finite_speak_of_the_learning_rate():
    with pytest.raises(ConetError) as shape:
        conet.simulate(SMALL, learner=OfAnotherShape(rollouts=4))
    assert "shape (3,), expected (24,)" in str(shape.value)
    assert "learning_rate" not in str(shape.value)
    with pytest.raises(ConetError, match=r"lower learner\.learning_rate;") as numbers:
        conet.simulate(SMALL, learner=NotANumber(rollouts=4))
    assert isinstance(numbers.value.__cause__, NotFinite)


def test_a_learner_cannot_end_the_process():
    with pytest.raises(ConetError, match="learner 'Leaves' at step 0: SystemExit: 7"):
        conet.simulate(SMALL, learner=Leaves(rollouts=4))


def test_an_observable_cannot_end_the_process():
    def leaves(observation):
        raise SystemExit(7)

    with pytest.raises(ConetError, match="observable 'leaves' at step 0: SystemExit: 7"):
        conet.simulate(SMALL, observables=[leaves])
