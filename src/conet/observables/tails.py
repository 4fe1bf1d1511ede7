"""The tail of path lengths: power law, pure or cut off, or lognormal, exponential, two exponentials?

Discrete maximum likelihood (Clauset, Shalizi and Newman 2009). A walk that has not arrived after
``longest`` steps is no missing value: its length is known to be larger. So the record is
right-censored, and its likelihood has the survival probability in place of that of a length. The
package ``powerlaw`` can cut a distribution off, but does not know censored samples.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from conet.base.errors import ConetError

_HORIZON = 50.0  # of cut-offs: e^-50 is nothing


@dataclass(frozen=True)
class TailFit:
    """One model fitted to the lengths from ``first`` on.

    Attributes
    ----------
    model : str
    parameters : tuple of float
        As the function of the model takes them.
    log_likelihood : float
    bic : float
        Bayesian information criterion; the smaller the better.
    probability : ndarray of float64, shape (longest - first + 2,)
        Of each length from ``first`` to ``longest``, and last of all longer ones.
    """

    model: str
    parameters: tuple[float, ...]
    log_likelihood: float
    bic: float
    probability: np.ndarray


Model = Callable[[Sequence[float], int, int], np.ndarray]


def power_law(parameters: Sequence[float], first: int, longest: int) -> np.ndarray:
    """Probability of k ∝ k^-a for all k from ``first`` on; takes the exponent a."""
    from scipy.special import zeta

    (exponent,) = parameters
    lengths = np.arange(first, longest + 1, dtype=np.float64)
    return np.append(lengths**-exponent, zeta(exponent, longest + 1)) / zeta(exponent, first)


def truncated_power_law(parameters: Sequence[float], first: int, longest: int) -> np.ndarray:
    """Probability of k ∝ k^-a e^-bk; takes a and b. Beyond ``longest``: an integral (midpoint rule)."""
    from scipy.integrate import simpson

    exponent, rate = parameters
    lengths = np.arange(first, longest + 1, dtype=np.float64)
    start = longest + 0.5
    grid = np.linspace(0.0, np.log1p(_HORIZON / (rate * start)), 801)  # of log(length / start)
    beyond = simpson(np.exp((1 - exponent) * grid - rate * start * np.expm1(grid)), x=grid)
    weights = np.exp(-exponent * np.log(lengths / first) - rate * (lengths - first))
    last = beyond * start * np.exp(-exponent * np.log(start / first) - rate * (start - first))
    return np.append(weights, last) / (weights.sum() + last)


def lognormal(parameters: Sequence[float], first: int, longest: int) -> np.ndarray:
    """Probability that a lognormal rounds to k; takes location and scale of the logarithm."""
    from scipy.special import log_ndtr

    middle, scale = parameters
    edges = (np.log(np.arange(first, longest + 2) - 0.5) - middle) / scale
    survival = np.exp(log_ndtr(-edges) - log_ndtr(-edges[0]))
    return np.append(survival[:-1] - survival[1:], survival[-1])


def exponential(parameters: Sequence[float], first: int, longest: int) -> np.ndarray:
    """Probability of k ∝ e^-bk, the geometric distribution; takes the rate b."""
    survival = np.exp(-parameters[0] * np.arange(longest - first + 2))
    return np.append(survival[:-1] - survival[1:], survival[-1])


def two_exponentials(parameters: Sequence[float], first: int, longest: int) -> np.ndarray:
    """Mixture of two geometric distributions; takes the share of the first, and both rates.

    What a policy gives that has committed to one path and still wanders where it leaves it.
    """
    share, *rates = parameters
    parts = [exponential([rate], first, longest) for rate in rates]
    return share * parts[0] + (1 - share) * parts[1]


# Each model: its probabilities, starting points and bounds of its parameters.
MODELS: dict[str, tuple[Model, Sequence[Sequence[float]], Sequence[tuple[float, float]]]] = {
    "power law": (power_law, [(1.5,)], [(1.001, 12.0)]),
    "truncated power law": (truncated_power_law, [(1.5, 0.01), (0.1, 0.01)], [(0.0, 12.0), (1e-6, 5.0)]),
    "lognormal": (lognormal, [(2.0, 1.0), (4.0, 2.0)], [(-50.0, 20.0), (0.05, 20.0)]),
    "exponential": (exponential, [(0.01,)], [(1e-6, 5.0)]),
    "two exponentials": (
        two_exponentials,
        [(0.5, 1.0, 0.01), (0.1, 0.3, 0.01)],
        [(0.0, 1.0), (1e-6, 20.0), (1e-6, 5.0)],
    ),
}


def fit_tail(counts: np.ndarray, censored: int, first: int, model: str) -> TailFit:
    """Fit one model to the lengths from ``first`` on.

    Parameters
    ----------
    counts : ndarray of int, shape (longest,)
        Walks of length 1, 2, …, ``longest``.
    censored : int
        Walks known to be longer.
    first : int
        Shortest length that belongs to the tail.
    model : str
        A key of :data:`MODELS`.

    Raises
    ------
    ConetError
        When nothing is left to fit.
    """
    longest = len(counts)
    seen = np.append(counts[first - 1 :], censored)
    if not 1 <= first < longest or not seen[:-1].any():
        got = f"no walk of {first} to {longest} steps"
        raise ConetError(got, "at least one", "start the tail at a shorter length")
    probability, _, bounds = MODELS[model]

    def loss(parameters: Sequence[float]) -> float:
        chance = np.maximum(probability(parameters, first, longest), 1e-300)
        return -float(seen @ np.log(chance)) / seen.sum()

    parameters = _least(loss, model)
    likelihood = -loss(parameters) * seen.sum()
    bic = len(bounds) * np.log(seen.sum()) - 2 * likelihood
    return TailFit(model, parameters, float(likelihood), float(bic), probability(parameters, first, longest))


def _least(loss: Callable[[Sequence[float]], float], model: str) -> tuple[float, ...]:
    from scipy.optimize import minimize, minimize_scalar

    _, starts, bounds = MODELS[model]
    if len(bounds) == 1:
        return (float(minimize_scalar(lambda one: loss([one]), bounds=bounds[0], method="bounded").x),)
    options = {"xatol": 1e-5, "fatol": 1e-9}
    fits = [minimize(loss, start, method="Nelder-Mead", bounds=bounds, options=options) for start in starts]
    return tuple(map(float, min(fits, key=lambda found: found.fun).x))


def distance(counts: np.ndarray, censored: int, first: int, fit: TailFit) -> float:
    """Kolmogorov-Smirnov distance of tail and fit; censored walks count as longer ones."""
    seen = np.append(counts[first - 1 :], censored)
    return float(np.abs(np.cumsum(seen) / seen.sum() - np.cumsum(fit.probability)).max())


def tail_start(counts: np.ndarray, censored: int, latest: int) -> int:
    """Where a power law fits best: the start of least Kolmogorov-Smirnov distance, ``latest`` at most.

    Starts before the shortest length seen are not tried.
    """
    shortest = int(np.flatnonzero(counts)[0]) + 1
    starts = range(shortest, max(shortest, latest) + 1)
    found = [
        distance(counts, censored, first, fit_tail(counts, censored, first, "power law")) for first in starts
    ]
    return starts[int(np.argmin(found))]


def plausibility(
    counts: np.ndarray, censored: int, first: int, fit: TailFit, draws: int = 100, seed: int = 0
) -> float:
    """Share of samples of the fitted model that lie farther from their own fit than the data do.

    Below 0.1 the model is ruled out (Clauset, Shalizi and Newman 2009). ``first`` is kept.
    """
    rng = np.random.default_rng(seed)
    observed = distance(counts, censored, first, fit)
    total = int(counts[first - 1 :].sum() + censored)
    farther = 0
    for _ in range(draws):
        drawn = rng.multinomial(total, fit.probability / fit.probability.sum())
        sample = np.append(np.zeros(first - 1, np.int64), drawn[:-1])
        again = fit_tail(sample, int(drawn[-1]), first, fit.model)
        farther += distance(sample, int(drawn[-1]), first, again) >= observed
    return farther / draws
