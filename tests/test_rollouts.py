"""The record of rollouts: one row a walk, and its sums a problem."""

import numpy as np
import polars as pl
import pytest

from conet import rollouts
from conet.engine.sample import Walks, stream_key
from conet.engine.tables import TablePolicy
from conet.network.graph import regular
from conet.network.problems import Problems

TASKS = Problems(np.array([0, 1, 2], np.int32), np.array([3, 4, 5], np.int32), 4)


def two_batches() -> list[tuple[int, str, str, Walks]]:
    policy = TablePolicy(regular(12, 3, 0))
    return [
        (7, "train", "rlvr", policy.sample(TASKS, 5, stream_key(0, 7, 0))),
        (8, "eval", "heat", policy.sample(TASKS, 3, stream_key(0, 8, 0), chosen=[2, 0])),
    ]


def test_one_row_a_walk():
    batches = two_batches()
    table = rollouts.from_walks(batches)
    assert dict(table.schema) == rollouts.schema()
    expected = []
    for step, split, phase, walks in batches:
        for walk, (problem, length, correct) in enumerate(zip(walks.problem, walks.length, walks.correct)):
            expected.append(
                {
                    "step": step,
                    "problem": int(problem),
                    "sample": walk % walks.rollouts,
                    "reward": float(correct),
                    "correct": bool(correct),
                    "length": int(length),
                    "truncated": not correct,
                    "split": split,
                    "phase": phase,
                }
            )
    assert table.to_dicts() == expected
    assert table["problem"].to_list()[15:] == [2, 2, 2, 0, 0, 0]


def test_a_walk_that_reached_its_answer_with_the_last_step_is_not_truncated():
    walks = Walks(
        problems=np.array([0], np.int32),
        starts=np.zeros(3, np.int32),
        edges=np.zeros((3, 4), np.int32),
        length=np.array([4, 4, 2], np.int32),
        correct=np.array([True, False, False]),
        rollouts=3,
    )
    # The third ended early at a wrong answer.
    assert rollouts.from_walks([(0, "train", "rlvr", walks)])["truncated"].to_list() == [False, True, False]


def test_no_walks_give_an_empty_record():
    table = rollouts.from_walks([])
    assert (len(table), dict(table.schema)) == (0, rollouts.schema())
    assert len(rollouts.per_problem(table.lazy())) == 0


@pytest.mark.parametrize("splits", [("train",), ("eval",), ("train", "eval")])
def test_sums_a_problem_by_brute_force(splits):
    table = rollouts.from_walks(two_batches())
    expected = {}
    for row in table.to_dicts():
        if row["split"] in splits:
            sums = expected.setdefault((row["step"], row["problem"]), [0, 0, 0, 0, 0, None])
            sums[0] += 1
            sums[1] += row["correct"]
            sums[2] += row["length"] * row["correct"]
            sums[3] += row["truncated"]
            sums[4] += 1
    found = rollouts.per_problem(table.lazy(), splits)
    assert found.columns == [
        "step",
        "problem",
        "samples",
        "correct_count",
        "correct_length_sum",
        "truncated_count",
        "truncation_known",
        "distinct_texts",
    ]
    assert [tuple(row) for row in found.rows()] == [(*key, *expected[key]) for key in sorted(expected)]


def test_unknown_words_are_refused():
    walks = two_batches()[0][3]
    with pytest.raises(pl.exceptions.PolarsError):
        rollouts.from_walks([(0, "test", "rlvr", walks)])
