"""How single problems are learned: a jump or a slow ramp, and where the new path attaches.

Each problem's record of right samples is fitted, by maximum likelihood of its binomial counts, with
three curves of accuracy over steps: a constant (1 parameter), a straight line over the whole record
(2: the smooth ramp), and a logistic rise between two levels (4). AIC and BIC compare them. The
optimiser is scipy's truncated Newton: it finds the best fits of those tried, and calls no threaded
linear algebra, which on four parameters costs ten times the fit.
"""

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from conet.base.errors import ConetError

if TYPE_CHECKING:  # these load compiled loops, of which the transitions of a log need none
    from conet.engine.sample import Walks
    from conet.network.web import Web

RISE_WIDTH = 2 * np.log(9.0)  # a logistic of scale s goes from 10 to 90 % of its rise in 2 ln 9 · s
_SMALLEST = 1e-6  # probabilities stay this far from 0 and 1, so that one odd sample costs finitely much
_MODELS = {"constant": 1, "line": 2, "logistic": 4}


def transitions(
    correct: np.ndarray, samples: int | np.ndarray, steps: np.ndarray | None = None
) -> dict[str, np.ndarray]:
    """Fit the rise of each problem.

    Parameters
    ----------
    correct : ndarray of int, shape (steps, problems)
        Right samples.
    samples : int or ndarray of int, shape (steps, problems)
        Samples; 0 where a problem was not visited.
    steps : ndarray, shape (steps,), optional
        Step of each row; 0, 1, 2, … where absent.

    Returns
    -------
    dict
        Arrays of shape (problems,), all NaN for a problem with fewer than 5 visits. Of the logistic:
        ``onset`` (step of 10 % of the rise), ``midpoint``, ``width`` (steps from 10 to 90 %), ``low``
        and ``high`` (the two levels). Its fit: ``explained``, the share of the constant's deviance
        that it takes away (McFadden's pseudo-R²), and ``dispersion``, Pearson's χ² per degree of
        freedom (near 1 where the curve describes the data, where accuracies are not all 0 or 1).
        ``aic_*`` and ``bic_*`` of "constant", "line", "logistic". ``beats_ramp``: 1 where the
        logistic has the lowest BIC and rises by at least a half, else 0; how sharp it then is, says
        ``width``.
    """
    correct = np.asarray(correct)
    samples = np.broadcast_to(np.asarray(samples), correct.shape)
    times = np.arange(len(correct)) if steps is None else np.asarray(steps)
    if len(times) != len(correct) or (correct > samples).any() or (correct < 0).any():
        got = f"{len(times)} steps, counts of shape {correct.shape}"
        raise ConetError(got, "a step a row, and counts within 0 and samples", "check the record")
    rows = []
    for problem in range(correct.shape[1]):
        seen = samples[:, problem] > 0
        rows.append(fit(times[seen], correct[seen, problem], samples[seen, problem]))
    return {key: np.array([row[key] for row in rows]) for key in fit(times[:0], times[:0], times[:0])}


def fit(times: np.ndarray, correct: np.ndarray, samples: np.ndarray) -> dict[str, float]:
    """Fit one problem; takes its visits alone, each array of shape (visits,)."""
    names = ("onset", "midpoint", "width", "low", "high", "explained", "dispersion", "beats_ramp")
    criteria = [f"{which}_{model}" for which in ("aic", "bic") for model in _MODELS]
    if len(times) < 5:
        return dict.fromkeys((*names, *criteria), float("nan"))
    mean = np.full(len(times), correct.sum() / samples.sum())
    line = _fit_line(times, correct, samples)
    (low, high, midpoint, scale), curve = _fit_logistic(times, correct, samples)
    losses = {
        name: _loss(values, correct, samples)
        for name, values in (("constant", mean), ("line", line), ("logistic", curve))
    }
    saturated = _loss(correct / samples, correct, samples)
    deviance = losses["constant"] - saturated
    kept = np.clip(curve, _SMALLEST, 1 - _SMALLEST)
    pearson = ((correct - samples * kept) ** 2 / (samples * kept * (1 - kept))).sum()
    result = {
        "onset": midpoint - RISE_WIDTH / 2 * scale,
        "midpoint": midpoint,
        "width": RISE_WIDTH * scale,
        "low": low,
        "high": high,
        "explained": (losses["constant"] - losses["logistic"]) / deviance
        if deviance > 1e-9
        else float("nan"),
        "dispersion": pearson / max(1, len(times) - _MODELS["logistic"]),
    }
    for model, parameters in _MODELS.items():
        result[f"aic_{model}"] = 2 * parameters + 2 * losses[model]
        result[f"bic_{model}"] = np.log(len(times)) * parameters + 2 * losses[model]
    best = min(_MODELS, key=lambda model: result[f"bic_{model}"])
    result["beats_ramp"] = float(best == "logistic" and high - low >= 0.5)
    return {key: float(result[key]) for key in (*names, *criteria)}


def _loss(probability: np.ndarray, correct: np.ndarray, samples: np.ndarray) -> float:
    """Return the negative log-likelihood of the counts, without the binomial coefficients."""
    kept = np.clip(probability, _SMALLEST, 1 - _SMALLEST)
    return float(-(correct * np.log(kept) + (samples - correct) * np.log1p(-kept)).sum())


def _fit_line(times: np.ndarray, correct: np.ndarray, samples: np.ndarray) -> np.ndarray:
    """Fit a straight line by its two ends, each within 0 and 1."""
    from scipy.optimize import minimize

    place = (times - times[0]) / (times[-1] - times[0])

    def loss_and_slope(ends: np.ndarray) -> tuple[float, np.ndarray]:
        kept = np.clip(ends[0] * (1 - place) + ends[1] * place, _SMALLEST, 1 - _SMALLEST)
        pull = (samples - correct) / (1 - kept) - correct / kept
        return _loss(kept, correct, samples), np.array([(pull * (1 - place)).sum(), (pull * place).sum()])

    mean = np.clip(correct.sum() / samples.sum(), 0.01, 0.99)
    bounds = [(_SMALLEST, 1 - _SMALLEST)] * 2
    ends = minimize(loss_and_slope, [mean, mean], jac=True, method="TNC", bounds=bounds).x
    return ends[0] * (1 - place) + ends[1] * place


def _fit_logistic(
    times: np.ndarray, correct: np.ndarray, samples: np.ndarray
) -> tuple[tuple[float, float, float, float], np.ndarray]:
    """Fit low + (high - low) / (1 + exp(-(t - midpoint) / scale)), from a sharp and a broad start."""
    from scipy.optimize import minimize
    from scipy.special import expit

    span = float(times[-1] - times[0])
    split, before, after = _best_split(correct, samples)

    def curve(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        rise = expit((times - values[2]) / np.exp(values[3]))
        return rise, values[0] + (values[1] - values[0]) * rise

    def loss_and_slope(values: np.ndarray) -> tuple[float, np.ndarray]:
        rise, probability = curve(values)
        kept = np.clip(probability, _SMALLEST, 1 - _SMALLEST)
        pull = (samples - correct) / (1 - kept) - correct / kept
        steep = pull * (values[1] - values[0]) * rise * (1 - rise)
        scale = np.exp(values[3])
        slopes = [pull * (1 - rise), pull * rise, -steep / scale, -steep * (times - values[2]) / scale]
        return _loss(kept, correct, samples), np.array([slope.sum() for slope in slopes])

    scales = np.log(0.1), np.log(max(span, 1.0))
    level = (_SMALLEST, 1 - _SMALLEST)
    bounds = [level, level, (float(times[0]), float(times[-1])), scales]
    starts = [[before, after, times[split], np.log(max(span * share, 0.2))] for share in (0.01, 0.1)]
    fits = [minimize(loss_and_slope, start, jac=True, method="TNC", bounds=bounds) for start in starts]
    best: Any = min(fits, key=lambda found: found.fun)
    low, high, midpoint, scale = best.x
    return (low, high, midpoint, float(np.exp(scale))), curve(best.x)[1]


def _best_split(correct: np.ndarray, samples: np.ndarray) -> tuple[int, float, float]:
    """Return the visit that best splits the record in two levels, and the levels: the start of the fit."""
    right, drawn = np.cumsum(correct), np.cumsum(samples)
    before = right[:-1] / drawn[:-1]
    after = (right[-1] - right[:-1]) / (drawn[-1] - drawn[:-1])
    gain = drawn[:-1] * before**2 + (drawn[-1] - drawn[:-1]) * after**2
    split = int(gain.argmax())
    return split + 1, float(np.clip(before[split], 0.01, 0.99)), float(np.clip(after[split], 0.01, 0.99))


@dataclass(frozen=True)
class Attachment:
    """Where a new path meets the web that was there before.

    Attributes
    ----------
    kind : str
        "separate" where it never does; "leaf" where it does at a node with at most one
        link, a tip of the web; else "trunk".
    junction : int
        The first node of the path that touches the web; -1 where there is none.
    distance : int
        Steps from the question to the junction, 0 where the question itself touches the web; the
        length of the path where there is no junction.
    new_edges : int
        Edges of the path that the web does not have.
    upstream : int
        Nodes of the web from which the junction can be reached, itself not counted.
    """

    kind: str
    junction: int
    distance: int
    new_edges: int
    upstream: int


def attachment(web: "Web", question: int, path: np.ndarray, targets: np.ndarray) -> Attachment:
    """Say where a path attaches to an existing web: at the frontier, or at a trunk.

    Parameters
    ----------
    web
        The web *before* the path was learned. The problem's own first attempts may belong to a
        thresholded web already; ``traffic_web(graph, walks.select(np.flatnonzero(walks.problem != m)))``
        is the web of all others.
    question : int
        The node where the path starts.
    path : ndarray of int, shape (length,)
        Its edge ids, as from :func:`modal_path`.
    targets : ndarray of int, shape (graph edges,)
        Where each edge of the graph leads.
    """
    nodes = [question, *targets[path].tolist()]
    new_edges = len(np.setdiff1d(path, web.edges))
    touching = np.flatnonzero(web.labels[nodes] >= 0)
    if not len(touching):
        return Attachment("separate", -1, len(path), new_edges, 0)
    distance = int(touching[0])
    junction = int(nodes[distance])
    neighbours = np.concatenate([web.targets[web.sources == junction], web.sources[web.targets == junction]])
    kind = "leaf" if len(np.unique(neighbours)) <= 1 else "trunk"
    return Attachment(kind, junction, distance, new_edges, _upstream(web, junction))


def modal_path(walks: "Walks", problem: int) -> np.ndarray | None:
    """Return the most frequent successful walk of a problem as edge ids; None where none succeeded.

    Of equally frequent ones the shorter counts, then the one of lower edge ids.
    """
    chosen = np.flatnonzero((walks.problem == problem) & walks.correct)
    paths = Counter(tuple(walks.edges[walk, : walks.length[walk]].tolist()) for walk in chosen)
    if not paths:
        return None
    best = min(paths, key=lambda path: (-paths[path], len(path), path))
    return np.array(best, np.int32)


def _upstream(web: "Web", node: int) -> int:
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import breadth_first_order

    weights = np.ones(len(web.edges), np.int8)
    against = csr_array((weights, (web.targets, web.sources)), shape=(web.size, web.size))
    return len(breadth_first_order(against, node, return_predecessors=False)) - 1
