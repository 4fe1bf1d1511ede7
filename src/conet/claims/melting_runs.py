"""The worlds of the phase diagram of the temperature, and what is read off their runs."""

from typing import Any

from conet.cells.cell import Arrays
from conet.cells.melting import WEIGHTS
from conet.cells.susceptibility import beyond, critical
from conet.claims.heating import RATE
from conet.judging.claim import Results

SIZES, LOADS, RATES = (100, 200, 400), (0.1, 0.2, 0.3, 0.4), (RATE / 4, RATE, 4 * RATE)
STEPS, SEEDS, FIRST = 300, 6, 300
FACTOR = 2.5  # critical weight over the mean-field estimate, as seed 901 had it


def world(
    nodes: int = 200,
    degree: int = 20,
    load: float = 0.3,
    longest: int = 15,
    rollouts: int = 8,
    rate: float = RATE,
) -> dict[str, Any]:
    """Return the changes to `reference` that make a world; slower rates have more updates."""
    count = round(load * nodes)
    return {
        "graph.nodes": nodes,
        "graph.degree": degree,
        "problems.count": count,
        "problems.max_length": longest,
        "learner.rollouts": rollouts,
        "learner.learning_rate": rate * count,
        "steps": round(STEPS * max(1.0, RATE / rate)),
    }


SERIES: dict[str, dict[str, dict[str, Any]]] = {
    **{f"load, N = {nodes}": {f"{load:g}": world(nodes, load=load) for load in LOADS} for nodes in SIZES},
    **{f"lr/M, N = {nodes}": {f"{rate:.2g}": world(nodes, rate=rate) for rate in RATES} for nodes in SIZES},
    "degree K": {str(degree): world(degree=degree) for degree in (10, 20, 40)},
    "longest walk L": {str(longest): world(longest=longest) for longest in (8, 15, 30)},
    "rollouts G": {str(rollouts): world(rollouts=rollouts) for rollouts in (4, 8, 32)},
}
BASE = world()
WATCHED = {nodes: world(nodes) for nodes in SIZES}  # whose fluctuations are measured
FROM_ORDER = [world(load=load) for load in LOADS]


def runs_of(results: Results, changes: dict[str, Any], ordered: bool = False) -> list[Arrays]:
    """Return the runs of a world, by seed."""
    return results.where(changes=changes, ordered=ordered)


def over_estimate(run: Arrays) -> float:
    """Return the critical weight over the mean-field estimate."""
    return critical(run) / float(run["weight"][0] / WEIGHTS[0])


def at_ends(runs: list[Arrays]) -> str:
    """Say of how many runs the critical weight is an end of the weights, and so a bound; empty: of none."""
    below, above = (sum(beyond(run) == side for run in runs) for side in (-1, 1))
    said = [f"{count} {word}" for count, word in ((below, "below"), (above, "above")) if count]
    return f" [{', '.join(said)} all weights]" if said else ""
