"""Tails of path lengths: normalised, recovered from censored samples, and the right model chosen."""

import numpy as np
import pytest
from scipy.special import zeta

from conet.base.errors import ConetError
from conet.observables import tails
from conet.observables.tails import MODELS, distance, fit_tail, plausibility, tail_start

TRUE = {
    "power law": (1.8,),
    "truncated power law": (1.2, 0.01),
    "lognormal": (3.0, 1.0),
    "exponential": (0.02,),
    "two exponentials": (0.6, 0.7, 0.01),
}


def draw(model, parameters, first=1, longest=200, walks=4096, seed=0):
    """Counts of lengths 1 … longest, and how many were longer."""
    chances = MODELS[model][0](parameters, first, longest)
    counts = np.random.default_rng(seed).multinomial(walks, chances / chances.sum())
    return np.append(np.zeros(first - 1, np.int64), counts[:-1]), int(counts[-1])


@pytest.mark.parametrize("model", TRUE)
@pytest.mark.parametrize(("first", "longest"), [(1, 15), (1, 200), (7, 200)])
def test_probabilities_sum_to_one_and_are_not_negative(model, first, longest):
    chances = MODELS[model][0](TRUE[model], first, longest)
    assert chances.shape == (longest - first + 2,)
    assert chances.sum() == pytest.approx(1.0, abs=1e-12)
    assert (chances >= 0).all()


def test_power_law_against_its_definition():
    chances = tails.power_law((2.0,), 1, 100)
    assert chances[0] == pytest.approx(6 / np.pi**2)
    assert chances[4] == pytest.approx(6 / np.pi**2 / 25)
    assert chances[-1] == pytest.approx(zeta(2.0, 101) * 6 / np.pi**2)


@pytest.mark.parametrize("parameters", [(1.5, 1e-4), (0.0, 0.05), (2.5, 1e-4), (0.7, 0.3)])
def test_power_law_with_a_cutoff_against_the_sum(parameters):
    exponent, rate = parameters
    lengths = np.arange(3, 1_000_000, dtype=np.float64)
    weights = lengths**-exponent * np.exp(-rate * lengths)
    weights /= weights.sum()
    chances = tails.truncated_power_law(parameters, 3, 100)
    np.testing.assert_allclose(chances[:-1], weights[:98], rtol=1e-4)
    assert chances[-1] == pytest.approx(weights[98:].sum(), rel=1e-2, abs=1e-12)


def test_without_an_exponent_the_cutoff_is_an_exponential():
    np.testing.assert_allclose(
        tails.truncated_power_law((0.0, 0.03), 2, 50), tails.exponential((0.03,), 2, 50), rtol=1e-4
    )


def test_lognormal_and_mixture_against_brute_force():
    from scipy.stats import lognorm

    chances = tails.lognormal((2.0, 0.7), 3, 40)
    law = lognorm(0.7, scale=np.exp(2.0))
    expected = np.diff(law.cdf(np.arange(3, 42) - 0.5)) / law.sf(2.5)
    np.testing.assert_allclose(chances[:-1], expected, rtol=1e-9)
    parts = [tails.exponential((rate,), 1, 30) for rate in (0.5, 0.02)]
    np.testing.assert_allclose(
        tails.two_exponentials((0.3, 0.5, 0.02), 1, 30), 0.3 * parts[0] + 0.7 * parts[1]
    )


def test_the_exponent_is_recovered_although_a_quarter_is_cut_off():
    """Standard error from the second derivative of the likelihood; 4 of them: false alarms below 1e-4."""
    counts, censored = draw("power law", (1.3,), longest=60, seed=1)
    assert censored > 0.2 * 4096
    fit = fit_tail(counts, censored, 1, "power law")

    def loss(exponent):
        chances = tails.power_law((exponent,), 1, 60)
        return -(np.append(counts, censored) @ np.log(chances))

    step = 1e-3
    curvature = (loss(1.3 + step) - 2 * loss(1.3) + loss(1.3 - step)) / step**2
    assert abs(fit.parameters[0] - 1.3) < 4 / np.sqrt(curvature)
    naive = fit_tail(counts, 0, 1, "power law")  # as if what was cut off had never been
    assert abs(naive.parameters[0] - 1.3) > 4 / np.sqrt(curvature)


@pytest.mark.parametrize("model", TRUE)
def test_the_model_that_made_the_lengths_has_the_lowest_bic(model):
    counts, censored = draw(model, TRUE[model], first=5, seed=2)
    fits = {name: fit_tail(counts, censored, 5, name) for name in MODELS}
    assert min(fits, key=lambda name: fits[name].bic) == model
    np.testing.assert_allclose(fits[model].parameters, TRUE[model], rtol=0.25)


def test_a_true_power_law_is_seldom_ruled_out_and_an_exponential_always_is():
    """20 samples: p < 0.1 in 2 on average; more than 6 have a probability of 0.2 %."""
    ruled_out = 0
    for seed in range(20):
        counts, censored = draw("power law", (1.8,), walks=500, seed=seed)
        fit = fit_tail(counts, censored, 1, "power law")
        ruled_out += plausibility(counts, censored, 1, fit, draws=40, seed=seed) < 0.1
    assert ruled_out <= 6
    counts, censored = draw("exponential", (0.02,), walks=500)
    fit = fit_tail(counts, censored, 1, "power law")
    assert plausibility(counts, censored, 1, fit, draws=40) == 0.0


def test_the_tail_starts_where_the_power_law_does():
    counts, censored = draw("power law", (2.0,), first=6, walks=8000)
    counts[:5] = 100  # a flat head
    assert tail_start(counts, censored, 12) in range(5, 10)
    assert tail_start(counts, censored, 1) == 1
    counts[:3] = 0
    assert tail_start(counts, censored, 1) == 4


def test_the_distance_is_zero_for_the_distribution_itself():
    fit = fit_tail(*draw("power law", (2.0,), walks=1000), 1, "power law")
    counts = np.round(fit.probability * 1e9).astype(np.int64)
    assert distance(counts[:-1], int(counts[-1]), 1, fit) < 1e-6


@pytest.mark.parametrize(
    ("counts", "first"), [([0, 0, 0], 1), ([5, 0, 0], 2), ([1, 2, 3], 3), ([1, 2, 3], 0)]
)
def test_nothing_to_fit_is_said(counts, first):
    with pytest.raises(ConetError, match="no walk of"):
        fit_tail(np.array(counts), 10, first, "power law")
