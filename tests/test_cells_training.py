"""The one loop of the cells: the same steps as those of the trainer, and looks where they are due."""

import numpy as np
import pytest

from conet.cells.training import QUIET, fine_tune, kept, start, train
from conet.engine import sample as streams
from conet.rollouts import count_walks

SMALL = {**QUIET, "graph.nodes": 60, "graph.degree": 6, "problems.count": 8, "steps": 12}


@pytest.fixture
def trainer():
    return start("smoke", 3, SMALL)


def test_it_does_the_steps_of_the_trainer(trainer):
    alone = start("smoke", 3, SMALL)
    rows = [alone.advance() for _ in range(12)]
    assert train(trainer, 5).rows + train(trainer).rows == rows
    assert trainer.policy.sha256 == alone.policy.sha256


def test_looks_see_the_policy_after_so_many_updates_the_last_one_too(trainer):
    record = train(
        trainer, looks={"step": (range(0, 13, 4), lambda trainer: trainer.step), "never": ((), print)}
    )
    assert record.looks == {"step": {0: 0, 4: 4, 8: 8, 12: 12}, "never": {}}
    assert record.seen("step") == [0, 4, 8, 12]
    assert not record.correct_count


def test_counts_by_problem_add_up_to_the_metrics(trainer):
    record = train(trainer, problems=True)
    assert np.array_equal(np.sum(record.correct_count, axis=1), record.column("correct_count"))
    assert np.array_equal(np.sum(record.correct_length_sum, axis=1), record.column("correct_length_sum"))
    assert np.array_equal(count_walks(trainer.walks).correct_count, record.correct_count[-1])
    assert np.isnan(record.column("islands")).all()


def test_it_stops_after_the_update_that_says_so_but_does_one_at_least(trainer):
    assert len(train(trainer, stop=lambda trainer: trainer.step >= 4).rows) == 4
    assert len(train(trainer, stop=lambda trainer: True).rows) == 1
    assert trainer.step == 5


def test_a_branch_leaves_the_kept_state_alone(trainer):
    train(trainer, 4)
    state = kept(trainer)
    before = state[0]["logits"].copy()
    train(trainer)
    end = trainer.policy.sha256
    assert np.array_equal(state[0]["logits"], before)
    trainer.load(*state)
    train(trainer)
    assert trainer.policy.sha256 == end


def test_fine_tuning_raises_what_it_shows(trainer):
    walks = trainer.sample(64, streams.HARVEST)
    shown = walks.select(np.flatnonzero(walks.correct)[:3])
    used = shown.edges[shown.used()]
    before = trainer.policy.probability[used].copy()
    fine_tune(trainer.policy, shown, 3, 0.5)
    assert (trainer.policy.probability[used] > before).all()
