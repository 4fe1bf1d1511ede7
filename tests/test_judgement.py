"""Judgements: the interval decides, and few seeds decide nothing."""

import numpy as np
import pytest

from conet.judging.judgement import ClaimResult, judge

VALUES = np.array([1.0, 1.1, 0.9, 1.05, 0.95, 1.0, 1.2, 0.8])


@pytest.mark.parametrize(
    ("values", "threshold", "wanted", "word"),
    [
        (VALUES, 0.5, "at least", "holds"),
        (VALUES, 0.5, "at most", "fails"),
        (VALUES, 1.5, "at least", "fails"),
        (VALUES, 1.5, "at most", "holds"),
        (VALUES, 1.0, "at least", "undecided"),
        (VALUES, 1.0, "at most", "undecided"),
        (np.full(6, 2.0), 2.0, "at least", "holds"),
        ([3.0], 1.0, "at least", "undecided"),
        ([], 1.0, "at least", "undecided"),
        ([*VALUES, np.nan], 0.5, "at least", "undecided"),
        ([*VALUES, *VALUES, np.nan], 0.5, "at least", "holds"),
    ],
)
def test_the_interval_decides(values, threshold, wanted, word):
    row = judge("C1", "something", values, threshold, wanted=wanted)
    assert row.judgement == word
    assert row.seeds == len(values)
    assert wanted in row.statistic


def test_seeds_without_the_statistic_are_counted_in_the_text_and_left_out():
    row = judge("C1", "something", [*VALUES, *VALUES, np.nan], 0.5)
    assert "1 of 17 seeds without it" in row.statistic
    assert row.estimate == pytest.approx(1.0)
    assert row.to_json()["values"][-1] is None


def test_an_interval_over_seeds_covers_the_mean_as_often_as_it_says():
    """120 draws of 12 normal values; a 95 % bootstrap interval of so few covers about 92 %.

    Fewer than 100 hits have a probability below 1e-3 at 91 %.
    """
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(120):
        low, high = judge("C1", "", rng.normal(3.0, 1.0, 12), 0.0).ci
        hits += low <= 3.0 <= high
    assert 100 <= hits < 120


def test_verdicts_without_numbers_become_json():
    nothing = float("nan")
    row = ClaimResult(
        claim="C1",
        statistic="",
        estimate=nothing,
        ci=(-np.inf, np.inf),
        threshold=nothing,
        seeds=0,
        judgement="undecided",
        values=(nothing,),
    )
    assert row.to_json()["ci"] == [None, None]


@pytest.mark.parametrize(("seeds", "word"), [(3, "undecided"), (5, "undecided"), (6, "holds")])
def test_fewer_than_six_seeds_decide_nothing(seeds, word):
    assert judge("C1", "something", VALUES[:seeds], 0.5).judgement == word
    assert judge("C1", "something", np.full(seeds, 2.0), 0.5).judgement == word


def test_seeds_that_all_agree_have_the_exact_interval_of_a_share():
    """For n of n successes Clopper and Pearson's lower end is 0.025^(1/n)."""
    everyone = judge("C9", "share", np.ones(8), 0.5, shares=True)
    assert everyone.ci == pytest.approx((0.025 ** (1 / 8), 1.0))
    assert everyone.judgement == "holds"
    nobody = judge("C9", "share", np.zeros(8), 0.5, shares=True)
    assert nobody.ci == pytest.approx((0.0, 1 - 0.025 ** (1 / 8)))
    assert nobody.judgement == "fails"
    assert judge("C9", "share", np.ones(6), 0.6, shares=True).judgement == "undecided"
    assert judge("C4", "a distance", np.zeros(8), 0.25, wanted="at most").ci == (0.0, 0.0)
