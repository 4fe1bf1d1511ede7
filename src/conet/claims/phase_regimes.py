"""The regimes of the phase diagram: settings changed one at a time, and two at a time."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from conet.cells import curves
from conet.cells.cell import Arrays, Cell
from conet.claims.heating import load
from conet.claims.shared import fresh
from conet.judging.claim import Results, Scale

SNAPSHOTS = (0, 20, 60, 100, 200, 400, 800)
SEEDS, MAP_SEEDS, SLOW_SEEDS = 6, 4, 3
Changes = dict[str, Any]

# One setting at a time, and last the point at which an earlier trial saw no V.
REGIMES: dict[str, Changes] = {
    "reference": {},
    **{f"lr = {rate}": {"learner.learning_rate": float(rate)} for rate in (50, 100, 200, 500, 1000, 2000)},
    **{f"L = {longest}": {"problems.max_length": longest} for longest in (6, 10, 25, 40, 60, 100)},
    **{f"M = {count}": load(count) for count in (16, 32, 64, 192, 256, 320)},
    **{f"K = {degree}": {"graph.degree": degree} for degree in (5, 10, 20, 80, 160)},
    **{
        f"Adam {rate:g}": {"learner.optimizer": "adam", "learner.learning_rate": rate}
        for rate in (0.01, 0.03, 0.1, 0.3)
    },
    **{
        kind.replace("_", " "): {"graph.kind": kind}
        for kind in ("regular_undirected", "erdos_renyi", "small_world", "scale_free")
    },
    "any answer ends": {"problems.stop_at_any_answer": True},
    "L = 100, G = 64, Adam 0.1": {
        "learner.optimizer": "adam",
        "learner.learning_rate": 0.1,
        "problems.max_length": 100,
        "learner.rollouts": 64,
    },
}
QUICK = ("reference", "lr = 500", "L = 40", "M = 32", "K = 10", "Adam 0.1", "any answer ends")


@dataclass(frozen=True)
class Map:
    """Two settings varied together.

    Attributes
    ----------
    labels : tuple of str
        Names of the setting of the rows and of that of the columns.
    rows, columns : tuple of int
        Their values.
    change : callable
        From a row's and a column's value to the changes.
    """

    labels: tuple[str, str]
    rows: tuple[int, ...]
    columns: tuple[int, ...]
    change: Callable[[int, int], Changes]


MAPS = {
    "learning rate × longest walk": Map(
        ("learning rate", "longest walk L"),
        (75, 150, 300, 600, 1200),
        (6, 10, 15, 25, 40, 60, 100),
        lambda rate, longest: {"learner.learning_rate": float(rate), "problems.max_length": longest},
    ),
    "questions × degree": Map(
        ("questions M", "degree K"),
        (32, 64, 128, 192, 320),
        (5, 10, 20, 40, 80, 160),
        lambda count, degree: {**load(count), "graph.degree": degree},
    ),
}


def regime_cell(seed: int, changes: Changes) -> Cell:
    """Return the cell of one regime, with what C1, C3 and C6 need."""
    arguments = {"seed": seed, "changes": changes, "snapshots": list(SNAPSHOTS)}
    return Cell("conet.cells.curves:regime_run", arguments)


def cells(scale: Scale) -> list[Cell]:
    """Return the regimes one at a time and, unless quick, both maps; the slowest first."""
    found = []
    for name in QUICK if scale.quick else reversed(REGIMES):
        most = SLOW_SEEDS if REGIMES[name].get("problems.max_length") == 100 else SEEDS
        most = most if scale.level != "exhaustive" else scale.seeds
        found += [regime_cell(seed, REGIMES[name]) for seed in fresh(scale)[:most]]
    if scale.quick:
        return found
    most = MAP_SEEDS if scale.level != "exhaustive" else 4 * MAP_SEEDS
    for each in MAPS.values():
        found += [
            curves.cell(seed, each.change(row, column))
            for column in reversed(each.columns)
            for row in each.rows
            for seed in fresh(scale)[:most]
        ]
    return found


def runs_of(results: Results, changes: Changes) -> list[Arrays]:
    """Return the runs of a regime that keep what the claims need."""
    return results.where(changes=changes, snapshots=list(SNAPSHOTS))


def present(results: Results) -> dict[str, list[Arrays]]:
    """Return the regimes that were run, with their runs."""
    found = {name: runs_of(results, changes) for name, changes in REGIMES.items()}
    return {name: runs for name, runs in found.items() if runs}
