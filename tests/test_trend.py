"""Whether an accuracy falls: planted falls are found at their step, and noise is none."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conet.detect.trend import find_trend, levels
from conet.diagnosis.stages import find_stage
from conet.rollouts import Counts

STEPS = np.arange(1, 61)


def drawn(curve: np.ndarray, problems: int = 24, samples: int = 8, seed: int = 0) -> Counts:
    rng = np.random.default_rng(seed)
    chance = np.clip(np.asarray(curve)[:, None] + rng.normal(0, 0.1, problems), 0, 1)
    chance[np.asarray(curve) == 0] = 0
    return Counts.of(rng.binomial(samples, chance), 50 * np.ones(chance.shape), samples)


def ramp(values: list[float], at: list[int]) -> np.ndarray:
    return np.interp(STEPS, at, values)


@pytest.mark.parametrize(
    ("curve", "kind", "step"),
    [
        (ramp([0.1, 0.8, 0.8, 0], [1, 20, 40, 44]), "collapsed", 41),
        (ramp([0.1, 0.8, 0.8, 0.5], [1, 20, 40, 60]), "falling", 43),
        (ramp([0.7, 0.7, 0.1, 0.1, 0.7, 0.7], [1, 20, 24, 36, 40, 60]), "recovered", 39),
        (ramp([0.1, 0.8], [1, 60]), "", None),
        (np.full(60, 0.5), "", None),
    ],
)
def test_what_was_planted_is_found(curve, kind, step):
    found = find_trend(drawn(curve))
    assert found.kind == kind
    if step is not None:
        assert abs(found.step.estimate - step) <= 3
        assert found.step.low <= found.step.estimate <= found.step.high


def test_levels_are_means_over_windows():
    counts = Counts.of(np.array([[1, 2], [3, 4], [0, 0]]), np.ones((3, 2)), 4)
    np.testing.assert_allclose(levels(counts, 2)[:, 0], [10 / 16, 7 / 16])
    np.testing.assert_allclose(levels(counts, 1, np.array([[1.0], [0.0]]))[:, 0], [0.25, 0.75, 0])


def test_noise_is_no_fall():
    """60 seeds of three kinds without a fall: at a rate of 2.5 % more than 11 of 180 has a chance below 1 %."""
    kinds = (np.full(60, 0.5), 0.1 + 0.6 * (1 - np.exp(-STEPS / 8)), np.full(60, 0.05))
    false = sum(find_trend(drawn(curve, 12, seed=seed)).kind != "" for curve in kinds for seed in range(60))
    assert false <= 11


@pytest.mark.parametrize("rows", [60, 200, 400])
def test_a_collapse_is_seen_within_ten_steps(rows):
    curve = np.concatenate([np.interp(np.arange(rows), [0, 20, rows], [0.1, 0.7, 0.75]), np.zeros(10)])
    found = find_trend_of(curve)
    assert found.kind == "collapsed"
    assert abs(found.step.estimate - rows) <= 2
    assert find_trend_of(curve[:rows]).kind == ""


def find_trend_of(curve):
    rng = np.random.default_rng(1)
    correct = rng.binomial(8, np.broadcast_to(curve[:, None], (len(curve), 16)))
    return find_trend(Counts.of(correct, 50 * np.ones(correct.shape), 8))


def test_a_change_that_noise_explains_is_called_noise():
    rng = np.random.default_rng(3)
    correct = np.where(rng.random((20, 8)) < 0.3, 8, 0)  # problems all right or all wrong, one epoch of each
    found = find_stage(Counts.of(correct, 50 * np.ones((20, 8)), 8))
    assert found.stage == "flat"
    assert "noise" in found.why or "counts" in found.why


@settings(max_examples=40, deadline=None)
@given(
    st.integers(10, 30),
    st.integers(1, 12),
    st.integers(1, 4),
    st.integers(0, 2**31),
)
def test_any_table_gives_a_stage_in_the_run(rows, problems, samples, seed):
    rng = np.random.default_rng(seed)
    drawn_samples = samples * (rng.random((rows, problems)) < 0.7)
    correct = rng.binomial(drawn_samples, rng.random((rows, 1)))
    counts = Counts.of(correct, 50 * np.ones((rows, problems)), drawn_samples)
    found = find_stage(counts)
    assert found.stage in ("flat", "fast", "slow", "falling", "collapsed", "recovered", None)
    if found.step is not None:
        assert counts.steps[0] <= found.step.estimate <= counts.steps[-1]


@pytest.mark.parametrize(
    ("rows", "problems", "samples"), [(12, 4, 4), (20, 4, 4), (30, 2, 8), (60, 4, 8), (40, 6, 8), (60, 1, 1)]
)
def test_of_few_problems_coin_flips_are_no_fall_and_a_collapse_is_one(rows, problems, samples):
    """Of 40 seeds a rate of 2.5 % has more than 4 with a chance below 1 %; without an interval it is half."""

    def kinds(curve, seeds):
        for seed in range(seeds):
            right = np.random.default_rng(seed).binomial(samples, curve[:, None], (rows, problems))
            yield find_trend(Counts.of(right, 50 * np.ones(right.shape), samples)).kind

    assert sum(kind != "" for kind in kinds(np.full(rows, 0.5), 40)) <= 4
    if problems > 1:
        lost = np.where(np.arange(rows) < 0.6 * rows, 0.6, 0.0)
        assert set(kinds(lost, 10)) == {"collapsed"}


def test_of_few_problems_coin_flips_are_no_rise():
    """80 seeds at 2.5 %: more than 6 have a chance below 1 %."""
    fast = 0
    for seed in range(80):
        right = np.random.default_rng(seed).binomial(4, 0.5, (12, 4))
        fast += find_stage(Counts.of(right, 50 * np.ones(right.shape), 4)).stage == "fast"
    assert fast <= 6


def visited(accuracy, problems_of, problems, seed=0):
    """60 steps of 8 problems each, 8 samples: ``accuracy`` of step and problem, ``problems_of`` a step."""
    rng = np.random.default_rng(seed)
    chosen = np.zeros((60, problems), bool)
    for row in range(60):
        chosen[row, problems_of(row, rng)] = True
    chance = np.array([[accuracy(row, problem) for problem in range(problems)] for row in range(60)])
    right = rng.binomial(8, np.clip(chance, 0, 1)) * chosen
    return Counts.of(right, 50.0 * right, 8 * chosen)


def in_tiers(row, rng):
    return np.arange(8) + 8 * (row // 15)


@pytest.mark.parametrize(
    ("accuracy", "problems_of", "problems", "stage"),
    [
        (lambda row, problem: (0.9, 0.6, 0.3, 0.1)[problem // 8], in_tiers, 32, None),
        (lambda row, p: (0.6, 0.3, 0.15, 0.03)[p // 8] + 0.02 * (row % 15), in_tiers, 32, None),
        (lambda row, problem: 0.8 - 0.012 * row, lambda row, rng: np.arange(8) + 8 * row, 480, "falling"),
        (lambda row, problem: 0.6 - 0.004 * row, lambda row, rng: np.arange(8) + 8 * row, 480, "falling"),
        (lambda row, problem: (0.9 - 0.1 * (problem // 8)) * (row < 52), in_tiers, 32, "collapsed"),
        (lambda row, p: 0.6 * (row < 42), lambda row, rng: np.arange(8) + 8 * row, 480, "collapsed"),
        (lambda row, p: 0.6 * (row < 42), lambda row, rng: rng.choice(256, 8, False), 256, "collapsed"),
        (lambda row, p: 0.05 * (row < 36), lambda row, rng: np.arange(16), 16, "collapsed"),
    ],
    ids=[
        "tiers",
        "rising tiers",
        "one epoch",
        "slowly in one epoch",
        "lost in tiers",
        "lost in one epoch",
        "lost",
        "lost from 5 %",
    ],
)
def test_harder_problems_are_no_fall_and_what_the_same_problems_lose_is(
    accuracy, problems_of, problems, stage
):
    """Each of five seeds: the planted differences are ten standard errors and more."""
    for seed in range(5):
        found = find_stage(visited(accuracy, problems_of, problems, seed))
        assert found.stage == stage
        if stage is None:
            assert "the problems changed at step" in found.why


@pytest.mark.parametrize(
    ("accuracy", "problems_of", "problems", "stage"),
    [
        (lambda row, problem: (0.1, 0.3, 0.6, 0.9)[problem // 8], in_tiers, 32, None),
        (
            lambda row, p: 0.2 + 0.6 * (p >= 32),
            lambda row, rng: rng.choice(32, 8, False) + 16 * (row > 30),
            48,
            None,
        ),
        (lambda row, p: min(0.9, 0.1 + 0.08 * row), lambda row, rng: rng.choice(64, 8, False), 64, "slow"),
        (lambda row, p: 0.2 + 0.01 * row, lambda row, rng: rng.choice(64, 8, False), 64, "fast"),
        (lambda row, p: 0.2 + 0.01 * row, lambda row, rng: np.arange(8) + 8 * row, 480, "fast"),
        (lambda row, p: 0.2 + 0.01 * row, lambda row, rng: np.arange(8), 8, "fast"),
    ],
    ids=["tiers", "easier ones come in", "a plateau", "a pool", "one epoch", "the same"],
)
def test_easier_problems_are_no_rise_and_what_the_same_problems_gain_is(
    accuracy, problems_of, problems, stage
):
    for seed in range(5):
        found = find_stage(visited(accuracy, problems_of, problems, seed))
        assert found.stage == stage
        if stage is None:
            assert "so easier problems may explain it" in found.why


def test_a_low_accuracy_that_stays_has_not_collapsed():
    """60 seeds at 2.5 %: more than 5 have a chance below 1 %."""
    runs = [visited(lambda row, p: 0.01, lambda row, rng: np.arange(16), 16, seed) for seed in range(60)]
    assert sum(find_trend(each).kind != "" for each in runs) <= 5


def test_of_flat_runs_as_many_rises_as_stated_are_told():
    """95 % intervals of the rise leave out 0 in 5 % of flat runs of 8 problems, and not in 9 %."""
    wrong = 0
    for seed in range(600):
        rng = np.random.default_rng([seed, 8])
        right = rng.binomial(4, np.broadcast_to(rng.beta(1, 1.5, 8), (12, 8))).astype(float)
        rise = find_stage(Counts.of(right, right, 4.0)).rise
        wrong += not rise.low <= 0 <= rise.high
    assert wrong <= 42  # 30 are expected; 42 or more come once in 80 times
