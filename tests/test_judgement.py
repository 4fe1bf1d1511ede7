"""Judgements: the interval decides, and few seeds decide nothing."""

import numpy as np
import pytest
from scipy.stats import ttest_1samp

from conet.base.chances import from_interval, holm, two_sided
from conet.base.intervals import interval, mean_interval, share_interval
from conet.judging import pages
from conet.judging.judgement import ClaimResult, corrected, judge, judged, judged_within

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


@pytest.mark.parametrize(
    ("threshold", "words"),
    [(1 / 1.3, "at least 1/1.3"), (0.794, "at least 0.794"), (-0.003, "at least -0.003")],
)
def test_a_threshold_is_written_as_it_was_fixed(threshold, words):
    assert judge("C1", "something", VALUES, threshold).statistic == f"something, {words}"


def test_seeds_without_the_statistic_are_counted_in_the_text_and_left_out():
    row = judge("C1", "something", [*VALUES, *VALUES, np.nan], 0.5)
    assert "1 of 17 seeds without it" in row.statistic
    assert row.estimate == pytest.approx(1.0)
    assert row.to_json()["values"][-1] is None


def test_an_interval_over_seeds_covers_the_mean_as_often_as_it_says():
    """400 draws of six normal values, of which a 95 % interval covers the mean.

    Fewer than 360 hits have a probability below 1e-4 at 95 %; a bootstrap of six covers .76 to .85.
    """
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(400):
        low, high = judge("C1", "", rng.normal(3.0, 1.0, 6), 0.0).ci
        hits += low <= 3.0 <= high
    assert 360 <= hits < 400


def test_few_seeds_have_an_interval_of_students_t_and_many_a_bootstrap():
    assert interval(VALUES) == pytest.approx(mean_interval(VALUES)[1:])
    many = np.tile(VALUES, 3)
    assert interval(many) != pytest.approx(mean_interval(many)[1:], rel=1e-6)


def test_a_chance_by_itself_and_after_the_correction():
    """By hand: of (.01, .04, .03) Holm makes (.03, .06, .06)."""
    assert holm(np.array([0.01, 0.04, 0.03])) == pytest.approx([0.03, 0.06, 0.06])
    assert two_sided(VALUES, 0.9) == pytest.approx(ttest_1samp(VALUES, 0.9).pvalue)
    assert two_sided(np.tile(VALUES, 4), 0.0) == pytest.approx(2 / 10_000)
    assert two_sided(np.full(6, 2.0), 1.0) == 0.0
    assert two_sided(np.array([1.0]), 0.0) == 1.0


def test_a_row_that_barely_holds_does_not_survive_many_rows():
    barely = judge("C1", "a", VALUES, float(interval(VALUES)[0]) - 1e-3)
    surely = judge("C1", "b", VALUES, 0.1)
    alone, many = corrected([barely]), corrected([barely, surely, *[judge("C1", "", VALUES, 1.0)] * 5])
    assert [row.corrected for row in alone] == ["holds"]
    assert [row.corrected for row in many[:2]] == ["undecided", "holds"]
    assert many[0].judgement == "holds"
    assert many[0].chance_corrected == pytest.approx(7 * barely.chance, rel=0.2)


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


def test_an_estimate_with_an_interval_of_its_own_has_the_chance_of_that_interval():
    """At the end of the interval it is 0.05; repeated values, as of an exponent of all seeds, say nothing."""
    assert from_interval(1.0, (0.5, 2.0), 0.5) == pytest.approx(0.05)
    assert from_interval(1.0, (0.5, 2.0), 2.0) == pytest.approx(0.05)
    assert from_interval(1.0, (0.5, 2.0), 1.0) == 1.0
    assert from_interval(1.0, (-np.inf, np.inf), 0.0) == 1.0
    assert from_interval(1.0, (0.5, 2.0), 0.5, seeds=1) == 1.0


def test_the_p_value_of_an_interval_of_few_seeds_is_students_t():
    mean, low, high = mean_interval(VALUES)
    exact = float(ttest_1samp(VALUES, 0.7).pvalue)
    assert from_interval(mean, (low, high), 0.7, len(VALUES)) == pytest.approx(exact)
    row = judged("C1", "something", VALUES, 0.7, mean, (low, high))
    assert row.chance == pytest.approx(exact)


def test_a_share_of_seeds_has_the_interval_of_a_share():
    row = judge("C1", "something", [1, 1, 1, 1, 1, 1, 1, 0], 0.5, shares=True)
    assert row.ci == pytest.approx(share_interval(7, 8))
    assert row.chance == pytest.approx(2 * 9 / 256)


def test_a_page_shows_on_which_side_of_the_threshold_an_end_lies():
    (row,) = pages._rows([judged("C1", "x", VALUES, 1.2, 1.1, (1.004, 1.1994), wanted="at most")]).rows
    assert row[3] == "1 to 1.199"
    row = judged("C2", "exponent", np.full(8, 1.0), 0.9, 1.0, (0.5, 2.0))
    assert (row.chance > 0.5, row.judgement, row.estimator) == (True, "undecided", "as named")


@pytest.mark.parametrize(
    ("ends", "word"),
    [
        ((0.9, 1.15), "holds"),
        ((1.0, 1.3), "undecided"),
        ((0.5, 1.9), "undecided"),
        ((1.21, 1.5), "fails"),
        ((0.5, 0.8), "fails"),
        ((-np.inf, np.inf), "undecided"),
    ],
)
def test_a_ratio_within_a_factor(ends, word):
    row = judged_within("C4", "peak at bottom", np.ones(8), 1.2, 1.0, ends)
    assert row.judgement == word
    assert row.statistic == "peak at bottom, between 1/1.2 and 1.2"
    assert judged_within("C4", "", np.ones(5), 1.2, 1.0, ends).judgement == "undecided"


def test_the_chance_of_a_ratio_within_a_factor_is_that_of_its_nearer_end():
    """An interval that ends at 1.2 has 0.05 against it, and less against the other end; also from outside."""
    assert judged_within("C4", "", np.ones(8), 1.2, 1.0, (1 / 1.1, 1.2)).chance == pytest.approx(0.05)
    assert judged_within("C4", "", np.ones(8), 1.2, 1.5, (1.2, 1.9)).chance == pytest.approx(0.05)
    assert judged_within("C4", "", np.ones(8), 1.2, 1.0, (-np.inf, np.inf)).chance == 1.0
