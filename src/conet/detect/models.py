"""Two stages or one smooth curve? Models of the reward curve, compared by information criterion."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from conet.observables.length import window_sums
from conet.rollouts import Counts

BLOCKS = 200
FEWEST_BLOCKS = 20
STRONG = 6.0  # a difference of BIC that Kass and Raftery (1995) call strong evidence
SMOOTHING = 9  # blocks, for the binomial variance

# Each model: columns of the design over time in (0, 1], beside the constant, given the parameters
# that are searched for (times and widths as logarithms); where the search starts; its bounds.
Columns = Callable[..., tuple[np.ndarray, ...]]
_LOG = (-6.0, 2.0)
_POWER = (1.0, 20.0)  # below 1 Hill and Weibull are no S-curves
Model = tuple[Columns, tuple[tuple[float, ...], ...], tuple[tuple[float, float], ...]]
Models = Mapping[str, Model]
MODELS: Models = {
    "line": (lambda time: (time,), ((),), ()),
    "segments": (
        lambda time, knee: (np.minimum(time - knee, 0), np.maximum(time - knee, 0)),
        tuple((knee,) for knee in (0.05, 0.15, 0.3, 0.5, 0.7, 0.9)),
        ((0.02, 0.98),),
    ),
    "exponential": (
        lambda time, scale: (-np.expm1(-time / np.exp(scale)),),
        ((-3.0,), (-1.0,), (1.0,)),
        (_LOG,),
    ),
    "logistic": (
        lambda time, middle, width: (1 / (1 + np.exp(-(time - middle) / np.exp(width))),),
        ((0.1, -3.0), (0.3, -2.0), (0.6, -2.0)),
        ((-1.0, 2.0), _LOG),
    ),
    "hill": (
        lambda time, middle, power: (1 / (1 + (np.exp(middle) / time) ** power),),
        ((-2.5, 2.0), (-1.5, 3.0), (-0.5, 3.0)),
        (_LOG, _POWER),
    ),
    "weibull": (
        lambda time, scale, power: (-np.expm1(-((time / np.exp(scale)) ** power)),),
        ((-2.5, 1.2), (-1.5, 2.0), (-0.5, 2.0)),
        (_LOG, _POWER),
    ),
}


_LOGISTIC = MODELS["logistic"][0]
# Two rises, each with a height of its own: to be asked for, since it is no model of one stage.
TWO_RISES: Models = {
    "two logistics": (
        lambda time, first, narrow, second, broad: (
            *_LOGISTIC(time, first, narrow),
            *_LOGISTIC(time, second, broad),
        ),
        ((0.1, -3.0, 0.3, -2.0), (0.15, -3.0, 0.6, -2.0), (0.05, -3.5, 0.15, -2.5)),
        ((-1.0, 2.0), _LOG, (-1.0, 2.0), _LOG),
    )
}


@dataclass(frozen=True)
class CurveModels:
    """The second row of evidence for two stages.

    Attributes
    ----------
    bic : dict of str to float
        Bayesian information criterion of each model less that of the best; the best has 0.
    best : str
    error : dict of str to float
        Root of the mean squared residual, in accuracy.
    effective : float
        Independent values that the curve amounts to.
    judgement : str
        "two stages" where the segments beat every other model by 6 or more, "one curve" where
        another one beats the segments by 6 or more, else "undecided".
    """

    bic: dict[str, float]
    best: str
    error: dict[str, float]
    effective: float
    judgement: str


def curve_models(counts: Counts, models: Models = MODELS) -> CurveModels | None:
    """Compare two joined segments with a line, a concave exponential and S-curves.

    Other ``models`` can be compared with them, such as :data:`TWO_RISES` added to :data:`MODELS`.

    The curve is averaged over 200 blocks of steps at most. A block weighs by its binomial variance,
    whose common factor is free. Residuals of neighbouring blocks hang together, since a policy
    drifts; so the blocks count as n' = n / τ independent values, τ being the integrated
    autocorrelation time of the residuals of the model that fits best (Geyer's initial positive
    sequence), and BIC = n' ln(Σ w r² / n) + k ln n'. One n' for all models: each with its own
    autocorrelation would let a bad model explain its misfit away as drift.

    Returns
    -------
    CurveModels or None
        None with fewer than 20 blocks, or a constant curve.
    """
    time, value, weight = _blocks(counts)
    if len(time) < FEWEST_BLOCKS or not np.ptp(value):
        return None
    fits = {name: _fit(model, time, value, weight) for name, model in models.items()}
    best_fit = min(fits.values(), key=lambda residual: float(residual @ residual))
    effective = max(len(time) / autocorrelation_time(best_fit), 2.0)
    bic = {}
    for name, residual in fits.items():
        columns, starts, _ = models[name]
        parameters = 1 + len(columns(time, *starts[0])) + len(starts[0])
        spread = max(float(residual @ residual) / len(time), 1e-18)  # 0 for an exact fit
        bic[name] = effective * np.log(spread) + parameters * np.log(effective)
    best = min(bic, key=lambda name: bic[name])
    lead = min(value for name, value in bic.items() if name != "segments") - bic["segments"]
    return CurveModels(
        {name: float(value - bic[best]) for name, value in bic.items()},
        best,
        {name: float(np.sqrt(np.mean(residual**2 / weight))) for name, residual in fits.items()},
        float(effective),
        "two stages" if lead >= STRONG else "one curve" if lead <= -STRONG else "undecided",
    )


def _blocks(counts: Counts) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Average over blocks; time is scaled to (0, 1], weights have the mean 1."""
    correct, samples = counts.pooled(counts.correct_count), counts.pooled(counts.samples)
    edges = np.linspace(0, len(correct), min(BLOCKS, len(correct)) + 1).astype(int)[:-1]
    correct, samples = np.add.reduceat(correct, edges), np.add.reduceat(samples, edges)
    sizes = np.diff([*edges, len(counts.steps)])
    time = np.add.reduceat(counts.steps - counts.steps[0] + 1.0, edges) / sizes
    seen = samples > 0
    correct, samples, time = correct[seen], samples[seen], time[seen]
    smooth = window_sums(correct, SMOOTHING) / window_sums(samples, SMOOTHING)
    weight = samples / np.maximum(smooth * (1 - smooth), 1 / window_sums(samples, SMOOTHING))
    return time / time[-1], correct / samples, weight / weight.mean()


def _fit(model: Model, time: np.ndarray, value: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Return the weighted residuals of the best fit; linear parameters are solved for exactly."""
    from scipy.optimize import least_squares

    columns, starts, bounds = model
    root = np.sqrt(weight)

    def residual(parameters: np.ndarray) -> np.ndarray:
        with np.errstate(over="ignore"):
            design = np.column_stack([np.ones_like(time), *columns(time, *parameters)]) * root[:, None]
        solution, *_ = np.linalg.lstsq(design, value * root, rcond=None)
        return design @ solution - value * root

    if not bounds:
        return residual(np.empty(0))
    low, high = np.transpose(bounds)
    found = [least_squares(residual, start, bounds=(low, high)) for start in starts]
    return min(found, key=lambda fit: fit.cost).fun


def autocorrelation_time(values: np.ndarray) -> float:
    """Sum the autocorrelation over all lags, by Geyer's initial positive sequence; at least 1."""
    values = np.asarray(values, np.float64) - np.mean(values)
    power = np.correlate(values, values, "full")[len(values) - 1 :]
    if power[0] <= 0:
        return 1.0
    pairs = power[: len(power) // 2 * 2].reshape(-1, 2).sum(axis=1) / power[0]
    negative = np.flatnonzero(pairs <= 0)
    return max(1.0, float(2 * pairs[: negative[0] if len(negative) else None].sum() - 1))
