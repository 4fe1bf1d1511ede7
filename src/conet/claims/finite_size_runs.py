"""The runs of the question on finite size: sizes, cells, and the statistics of one run."""

from collections.abc import Mapping

import numpy as np

from conet.base.intervals import central, resampled_groups
from conet.cells import curves
from conet.cells.cell import Arrays, Cell
from conet.claims import regimes
from conet.claims.heating import RATE
from conet.claims.shared import fresh
from conet.judging.claim import Results, Scale
from conet.observables.length import ratio, window_sums

LOAD = 0.16  # questions a node: 128 at N=800
SIZES = (200, 400, 800, 1600, 3200, 6400, 12_800)
HUGE = 51_200
SETTLED = 800  # below, the running median of a run is wider than its merge
STAGE = 0.8  # accuracy at which graphs of all sizes are compared: 12,800 nodes end just above it
ROLLOUTS = ("G = 8 N/800", "G = 8")
# Seeds at most, and steps between two webs.
EFFORT = {
    200: (16, 1),
    400: (16, 1),
    800: (16, 1),
    1600: (16, 1),
    3200: (8, 2),
    6400: (4, 4),
    12_800: (3, 8),
    HUGE: (2, 16),
}


def changes_for(nodes: int, rollouts: str) -> dict[str, int | float]:
    """Return the changes to `reference`: all at fixed M/N and lr/M; longer runs for larger graphs."""
    questions = round(LOAD * nodes)
    return {
        "graph.nodes": nodes,
        "problems.count": questions,
        "learner.learning_rate": RATE * questions,
        "learner.rollouts": max(2, nodes // 100) if rollouts == ROLLOUTS[0] else 8,
        "steps": round(800 * max(1.0, np.sqrt(nodes / 800))),
    }


def sizes_for(scale: Scale) -> tuple[int, ...]:
    """Return the sizes of a level."""
    if scale.quick:
        return SIZES[:4]
    return (*SIZES, HUGE) if scale.level == "exhaustive" else SIZES


def cells(scale: Scale) -> list[Cell]:
    """Return all runs, the largest first, so that none is left for the end."""
    found = []
    for nodes in reversed(sizes_for(scale)):
        seeds, every = EFFORT[nodes]
        for rollouts in ROLLOUTS:
            changes = changes_for(nodes, rollouts)
            found += [curves.cell(seed, changes, web_every=every) for seed in fresh(scale)[:seeds]]
    return list({cell.key: cell for cell in found}.values())


def runs_at(results: Results, nodes: int, rollouts: str) -> list[Arrays]:
    """Return the runs of one size, by seed."""
    return results.where(changes=changes_for(nodes, rollouts), web_every=EFFORT[nodes][1])


def sizes_in(results: Results) -> list[int]:
    """Return the sizes that were run."""
    return [nodes for nodes in EFFORT if runs_at(results, nodes, ROLLOUTS[0])]


def merging(run: Arrays) -> np.ndarray:
    """Largest component over its peak, both of its running median over a twentieth of the run.

    Single components break and join again within a few steps; the median leaves the rise.
    """
    from scipy.ndimage import median_filter

    giant = run["giant_component"]
    smooth = median_filter(giant, size=len(giant) // 20 + 1, mode="nearest")
    return smooth / max(1.0, smooth.max())


def crossing(run: Arrays, share: float) -> float:
    """Step at which the largest component first has this share of its peak (see :func:`merging`)."""
    return float(run["web_steps"][np.argmax(merging(run) >= share)])


def relative_width(run: Arrays) -> float:
    """Steps from 10 to 90 % of the largest component's peak over the step of 50 %; NaN without learning."""
    if regimes.final_accuracy(run) < regimes.MIN_ACCURACY:
        return float("nan")
    return (crossing(run, 0.9) - crossing(run, 0.1)) / crossing(run, 0.5)


def giant_share(run: Arrays) -> float:
    """Share of the web's nodes in its largest component at the end."""
    return float(run["giant_component"][-1] / max(1.0, run["web_nodes"][-1]))


def staged(run: Arrays) -> int:
    """Place in ``web_steps`` at which the accuracy first reaches :data:`STAGE`; -1 where it never does."""
    accuracy = ratio(window_sums(run["accuracy"]), window_sums(np.ones(len(run["accuracy"]))))
    reached = np.flatnonzero(accuracy >= STAGE)
    place = np.searchsorted(run["web_steps"], reached[0]) if len(reached) else -1
    return int(place) if place < len(run["web_steps"]) else -1


def staged_share(run: Arrays) -> float:
    """Share of the web's nodes in its largest component at that stage; NaN where it never comes."""
    place = staged(run)
    if place < 0:
        return float("nan")
    return float(run["giant_component"][place] / max(1.0, run["web_nodes"][place]))


def exponent(groups: Mapping[int, np.ndarray]) -> tuple[float, tuple[float, float]]:
    """Slope of ln(median over seeds) against ln N, and its 95 % percentile interval.

    Parameters
    ----------
    groups
        Size to the values of its seeds. The bootstrap draws seeds anew within each size.

    Returns
    -------
    tuple
        NaN and (-inf, inf) with fewer than three sizes.
    """
    if len(groups) < 3:
        return float("nan"), (-np.inf, np.inf)
    medians = np.array([np.median(values, axis=-1) for values in resampled_groups(groups.values())])
    clock = np.log(list(groups)) - np.log(list(groups)).mean()
    slopes = clock @ np.log(medians) / (clock @ clock)
    middles = np.log([np.median(values) for values in groups.values()])
    return float(clock @ middles / (clock @ clock)), central(slopes)
