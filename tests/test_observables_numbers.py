"""Length, pass@k, path diversity and the contract of observables."""

import itertools
import math
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from conet.base.errors import ConetError
from conet.base.registry import resolve
from conet.engine.sample import Walks
from conet.engine.tables import TablePolicy
from conet.network.graph import regular
from conet.network.problems import Problems
from conet.observables import OBSERVABLES, Observation, evaluate, length, named, needs, pass_at_k
from conet.observables.diversity import path_diversity
from conet.observables.observation import PARTS, check_needs, needed
from conet.rollouts import schema

ROOT = Path(__file__).parent.parent


def test_window_is_centred_and_cut_off_at_the_ends():
    sums, counts = np.array([4, 0, 9, 10]), np.array([2, 0, 3, 1])
    expected = [4 / 2, 13 / 5, 19 / 4, 19 / 4]
    assert length.windowed_correct_length(sums, counts, 3).tolist() == expected
    assert np.isnan(length.windowed_correct_length(np.zeros(3), np.zeros(3))).all()
    with pytest.raises(ConetError, match="odd"):
        length.windowed_correct_length(sums, counts, 4)


def test_decomposition_by_hand():
    # Problem 0 shortens from 4 to 2; problem 1, of length 6, enters; problem 2 is never solved.
    parts = length.length_decomposition([2, 0, 0], [8, 0, 0], [2, 2, 0], [4, 12, 0])
    assert (parts["before"], parts["after"], parts["change"]) == (4, 4, 0)
    assert parts["within"] == pytest.approx(0.75 * -2)
    assert parts["composition"] == pytest.approx(1.5)
    assert parts["entered"] == pytest.approx(0.5 * (6 - 4))
    assert parts["reweighted"] == pytest.approx(-0.5 * (3 - 4))
    assert parts["left"] == 0


def test_decomposition_is_pure_where_one_thing_moves():
    same_share = length.length_decomposition([3, 1], [9, 5], [6, 2], [12, 6])
    assert same_share["composition"] == pytest.approx(0)
    same_length = length.length_decomposition([3, 1], [9, 5], [1, 3], [3, 15])
    assert same_length["within"] == pytest.approx(0)
    assert set(length.length_decomposition([0], [0], [1], [2]).values()) == {None}


counted = arrays(np.int64, 6, elements=st.integers(0, 50))


@settings(max_examples=100, deadline=None)
@given(counted, counted, arrays(np.float64, (2, 6), elements=st.floats(1, 100)))
def test_decomposition_sums_to_the_change(before, after, lengths):
    sums = lengths * np.array([before, after])
    parts = length.length_decomposition(before, sums[0], after, sums[1])
    if not before.any() or not after.any():
        assert parts["change"] is None
        return
    assert parts["before"] == pytest.approx(sums[0].sum() / before.sum())
    assert parts["within"] + parts["composition"] == pytest.approx(parts["change"], abs=1e-10)
    pieces = parts["entered"] + parts["left"] + parts["reweighted"]
    assert pieces == pytest.approx(parts["composition"], abs=1e-10)
    back = length.length_decomposition(after, sums[1], before, sums[0])
    assert back["within"] == pytest.approx(-parts["within"], abs=1e-10)
    assert back["entered"] == pytest.approx(-parts["left"], abs=1e-10)


def test_within_problem_length_ignores_who_is_solved():
    counts = np.zeros((30, 3), np.int64)
    counts[:, 0], counts[5:, 1], counts[15:, 2] = 4, 8, 8
    sums = counts * np.array([2, 4, 20])
    reference = length.solved_at(counts, 8, 10)
    assert reference.tolist() == [True, True, False]
    curve, coverage = length.within_problem_length(counts, sums, reference)
    assert curve[10:].tolist() == [3.0] * 20
    assert (curve[0], coverage[0], coverage[10]) == (2.0, 0.5, 1.0)
    pooled = length.windowed_correct_length(sums.sum(axis=1), counts.sum(axis=1))
    assert pooled[-1] > pooled[10] + 3


@pytest.mark.parametrize(("n", "k"), [(5, 1), (5, 3), (7, 7), (6, 2)])
def test_pass_at_k_is_the_share_of_subsets_with_a_right_one(n, k):
    for right in range(n + 1):
        subsets = list(itertools.combinations([i < right for i in range(n)], k))
        expected = sum(any(subset) for subset in subsets) / len(subsets)
        assert pass_at_k.pass_at_k(np.array([right]), n, k)[0] == pytest.approx(expected, abs=1e-14)


@settings(max_examples=80, deadline=None)
@given(st.integers(1, 4096), st.data())
def test_pass_at_k_is_exact_for_large_n(n, data):
    k, right = data.draw(st.integers(1, n)), data.draw(st.integers(0, n))
    expected = 1 - math.comb(n - right, k) / math.comb(n, k)
    counts = np.array([right, 0, n])
    assert pass_at_k.pass_at_k(counts, n, k) == pytest.approx([expected, 0, 1], rel=1e-11, abs=1e-15)
    assert pass_at_k.pass_at_k(counts, n, 1) == pytest.approx(counts / n)
    assert (pass_at_k.pass_at_k(counts, n, k) + 1e-12 >= pass_at_k.best_at_k(counts, n, k)).all()


def test_best_at_k_is_resampling_with_replacement():
    draws = [any(sample) for sample in itertools.product([True, False, False], repeat=4)]
    assert pass_at_k.best_at_k(np.array([1]), 3, 4)[0] == pytest.approx(np.mean(draws))
    assert pass_at_k.best_at_k(np.array([0, 3]), 3, 4).tolist() == [0, 1]


def test_pass_at_k_of_problems_with_different_numbers_of_samples():
    found = pass_at_k.pass_at_k(np.array([1, 1]), np.array([2, 4]), 2)
    assert found.tolist() == pytest.approx([1.0, 0.5])
    assert pass_at_k.mean_pass_at_k(np.array([1, 1]), np.array([2, 4]), [2]) == {2: pytest.approx(0.75)}
    assert pass_at_k.powers_of_two(6) == [1, 2, 4]


@pytest.mark.parametrize(
    ("counts", "n", "k"), [([1], 4, 5), ([1], 4, 0), ([5], 4, 1), ([-1], 4, 1), ([0.5], 4, 1)]
)
def test_pass_at_k_refuses_what_makes_no_sense(counts, n, k):
    with pytest.raises(ConetError):
        pass_at_k.pass_at_k(np.array(counts), n, k)


def test_path_diversity_by_hand():
    edges = np.array([[0, 1, 9], [0, 1, 7], [2, 3, 4], [0, 1, 5], [6, 6, 6], [6, 6, 6]], np.int32)
    walks = Walks(
        problems=np.array([0, 1, 2], np.int32),
        starts=np.zeros(6, np.int32),
        edges=edges,
        length=np.array([2, 2, 3, 2, 3, 3], np.int32),
        correct=np.array([True, True, True, True, False, False]),
        rollouts=2,
    )
    found = path_diversity(walks)
    assert found.correct.tolist() == [2, 2, 0]
    assert found.distinct.tolist() == [1, 2, 0]
    np.testing.assert_allclose(found.entropy, [0, np.log(2), np.nan])
    np.testing.assert_allclose(found.entropy_miller_madow, [0, np.log(2) + 1 / 4, np.nan])


@pytest.fixture
def observation():
    policy = TablePolicy(regular(20, 3, 0), np.random.default_rng(0).normal(size=60))
    tasks = Problems(np.array([0, 1, 2], np.int32), np.array([5, 6, 7], np.int32), max_length=8)
    return Observation(4, policy, tasks, policy.sample(tasks, 16, key=3))


def test_every_named_observable_keeps_the_contract(observation):
    """Numbers only, the same twice, and nothing changed on the way."""
    policy_before, walks_before = observation.policy.sha256, observation.walks.edges.copy()
    first, second = evaluate(OBSERVABLES, observation), evaluate(OBSERVABLES, observation)
    np.testing.assert_equal(first, second)
    assert all(type(value) is float for value in first.values())
    assert {name.split(".")[0] for name in first} == set(OBSERVABLES)
    assert observation.policy.sha256 == policy_before
    assert (observation.walks.edges == walks_before).all()


@pytest.mark.parametrize(
    "name", ["docs/skeletons/observable.py:my_observable", "examples/my_observable.py:dead_wood"]
)
def test_observables_of_ones_own(observation, name):
    found = evaluate({"own": resolve(str(ROOT / name), OBSERVABLES, "observable")}, observation)
    assert found
    assert all(0 <= value <= 1 for value in found.values())


def test_errors_name_the_observable(observation):
    with pytest.raises(ConetError, match=r"'broken' at step 4: ZeroDivisionError"):
        evaluate({"broken": lambda seen: 1 / 0}, observation)
    with pytest.raises(ConetError, match=r"'words': str"):
        evaluate({"words": lambda seen: "many"}, observation)
    with pytest.raises(ConetError, match=r"'deep.b': list"):
        evaluate({"deep": lambda seen: {"a": 1, "b": [2]}}, observation)


class Only:
    """An observation that shows the declared parts alone."""

    MADE_OF = {"table": "policy", "by_problem": "rollouts"}

    def __init__(self, observation, parts):
        self.observation, self.parts = observation, parts

    def __getattr__(self, name):
        part = self.MADE_OF.get(name, name)
        if part in PARTS and part not in self.parts:
            raise AssertionError(f"{name} was not declared")
        return getattr(self.observation, name)


@pytest.mark.parametrize("name", sorted(OBSERVABLES))
def test_every_named_observable_reads_what_it_declares_and_no_more(observation, name):
    one = {name: OBSERVABLES[name]}
    declared = needed(OBSERVABLES[name])
    assert declared is not None
    expected = evaluate(one, observation)
    np.testing.assert_equal(evaluate(one, Only(observation, declared)), expected)
    table = Observation(4, rollouts=observation.rollouts)
    if declared == {"rollouts"}:
        np.testing.assert_equal(evaluate(one, table), expected)
    else:
        with pytest.raises(ConetError, match=f"{name!r} at step 4: an observable that asks for"):
            evaluate(one, table)
        with pytest.raises(ConetError, match=f"{name!r}, which needs .* on a log"):
            check_needs(one, ["rollouts"], "a log")


def test_rollouts_by_hand():
    columns = {
        "problem": [0, 0, 0, 1, 1],
        "correct": [True, False, True, False, False],
        "length": [2, 9, 4, 7, 9],
        "truncated": [False, True, False, None, None],
    }
    shared = {"step": 3, "sample": 0, "reward": 0.0, "split": "train", "phase": "rlvr"}
    table = pl.DataFrame(columns).with_columns(**{name: pl.lit(value) for name, value in shared.items()})
    seen = Observation(3, rollouts=table.select(list(schema())).cast(schema()))
    names = ("pass_at_k", "groups", "lengths")
    assert evaluate({name: OBSERVABLES[name] for name in names}, seen) == {
        "pass_at_k.1": pytest.approx(1 / 3),
        "pass_at_k.2": pytest.approx(1 / 2),
        "groups.all_correct": 0.0,
        "groups.all_wrong": 0.5,
        "groups.mixed": 0.5,
        "lengths.correct": 3.0,
        "lengths.wrong": pytest.approx(25 / 3),
        "lengths.truncated_share": pytest.approx(1 / 3),
    }


def test_a_need_that_no_observation_fills_is_refused():
    with pytest.raises(ConetError, match="did you mean 'rollouts'"):
        needs("rollout")


def test_names_of_observables():
    def own(seen):
        return 1.0

    assert list(named(["web", own])) == ["web", "own"]
    assert named({"other": own}) == {"other": own}
    with pytest.raises(ConetError, match="two observables called 'own'"):
        named([own, own])
    with pytest.raises(ConetError, match="int"):
        named({"own": 3})


def test_web_is_made_once(observation):
    assert observation.web is observation.web
