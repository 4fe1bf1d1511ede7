"""Intervals: exact answers, edges, and how often they hold the truth."""

import numpy as np
import pytest
from scipy import stats

from conet.base.intervals import (
    Interval,
    central,
    halves,
    interval,
    jackknife,
    mean_interval,
    percentiles,
    resampled,
    resampled_groups,
    share_half_width,
    share_interval,
    standard_error,
    trials_for,
)


def test_share_by_hand():
    """Zero of n has the upper end 1 - 0.025^(1/n); five of ten is in the tables of Clopper and Pearson."""
    assert share_interval(0, 10) == pytest.approx((0, 1 - 0.025**0.1))
    assert share_interval(10, 10) == pytest.approx((0.025**0.1, 1))
    assert share_interval(5, 10) == pytest.approx((0.1871, 0.8129), abs=1e-4)
    assert share_interval(0, 0) == (0, 1)


def test_mean_by_hand():
    found = mean_interval(np.array([1.0, 2, 3]))
    half = stats.t.ppf(0.975, 2) * 1 / np.sqrt(3)
    assert found == pytest.approx((2, 2 - half, 2 + half))
    assert mean_interval(np.array([4.0])) == (4, -np.inf, np.inf)


def test_leaving_one_out_gives_students_t_for_a_mean_and_holds_a_ratio():
    """Of the mean it is Student's t exactly; of a ratio of means of eight, 400 draws, four standard errors."""
    values = np.array([1.0, 2, 4, 7])
    assert jackknife(values, np.mean) == pytest.approx(mean_interval(values))
    assert jackknife(values[:1], np.mean) == (1, -np.inf, np.inf)
    assert jackknife(values, np.mean, 0.5) == pytest.approx(mean_interval(values, 0.5))
    drawn = np.exp(0.5 * np.random.default_rng(0).normal(size=(400, 8, 2)))
    found = [jackknife(world, lambda rows: float(np.divide(*rows.mean(axis=0)))) for world in drawn]
    assert np.mean([low <= 1 <= high for _, low, high in found]) > 0.95 - 4 * 0.011


def test_a_mean_is_held_as_often_as_is_said():
    """400 samples of eight: 95 % of them, by five standard errors (0.011 each)."""
    values = np.random.default_rng(0).normal(size=(400, 8))
    held = [abs(found.estimate) <= found.high - found.estimate for found in map(mean_interval, values)]
    assert abs(np.mean(held) - 0.95) <= 5 * 0.011


def test_percentiles_keep_infinity_and_say_when_there_is_no_interval():
    draws = np.array([1.0, 2, 3, np.inf, np.inf])
    assert percentiles(2.0, draws, 0.5) == (2, 2, np.inf)
    assert percentiles(2.0, np.full(9, 2.0)) == (2, 2, 2)
    assert np.isnan(percentiles(2.0, np.array([1, np.nan, np.nan]))[1:]).all()
    assert central(np.arange(101.0), 0.9) == pytest.approx((5, 95))


def test_half_samples_spread_like_the_whole():
    """The standard error of a mean of 50, from 4,000 random halves: within 5 %."""
    values = np.random.default_rng(2).normal(size=50)
    chosen = halves(50, 4000)
    assert (chosen.sum(axis=0) == 25).all()
    assert np.std(values @ chosen / 25) == pytest.approx(values.std(ddof=1) / np.sqrt(50), rel=0.05)
    assert (resampled(7, 5).sum(axis=0) == 7).all()


def test_seeds():
    assert interval(np.array([3.0])) == (-np.inf, np.inf)
    assert interval(np.full(5, 3.0)) == (3, 3)
    low, high = interval(np.arange(10.0))
    assert low < 4.5 < high
    assert (low, high) == interval(np.arange(10.0))


def test_an_interval_as_json_has_none_for_what_does_not_exist():
    assert Interval(1.0, 0.5, np.inf).to_json() == {"estimate": 1.0, "low": 0.5, "high": None}
    assert Interval(np.float64(2), np.nan, np.nan).to_json() == {"estimate": 2.0, "low": None, "high": None}
    assert Interval(2.0, np.nan, np.nan).ends() is None
    assert Interval(2.0, 1.0, 3.0).ends() == [1.0, 3.0]


def test_standard_errors_are_those_of_scipy():
    values = np.random.default_rng(0).normal(size=(3, 7))
    np.testing.assert_allclose(standard_error(values), stats.sem(values, axis=1), rtol=1e-14)
    assert np.isnan(standard_error(np.array([1.0])))


@pytest.mark.parametrize(("half_width", "trials"), [(0.1, 96), (0.05, 384)])
def test_how_many_trials_tell_a_share(half_width, trials):
    """The numbers that every textbook of polls has."""
    assert round(trials_for(half_width)) == trials
    assert share_half_width(trials_for(half_width)) == pytest.approx(half_width, rel=1e-12)


def test_groups_are_resampled_within_themselves():
    first, second = resampled_groups([np.array([1.0, 2.0, 3.0]), np.array([10.0, 20.0])], draws=500)
    assert (first.shape, second.shape) == ((500, 3), (500, 2))
    assert set(first.ravel()) == {1.0, 2.0, 3.0}
    assert set(second.ravel()) == {10.0, 20.0}
