"""What the experiments on heating share: loads, arms, paired gains."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from conet.cells import heat
from conet.cells.cell import Arrays, Cell
from conet.judging.claim import Results

LOADS = (128, 192, 256, 320)  # questions at N = 800
RATE = 300 / 128  # learning rate a question: loads are compared at fixed lr/M, unless said otherwise


def load(questions: int, rate: float | None = None) -> dict[str, Any]:
    """Return the changes to `reference` that make a load, at fixed lr/M or at a given rate."""
    return {"problems.count": questions, "learner.learning_rate": rate or RATE * questions}


def arm(kind: str, at: int | str, **settings: Any) -> dict[str, Any]:
    """Return one arm (see :func:`conet.cells.heat.heated`)."""
    base = {"sft_learning_rate": 0.15, "sft_steps": 10, "pick": "shortest"} if kind != "none" else {}
    return {"kind": kind, "at": at, **base, **settings}


BASELINE = arm("none", 0)


def cells(seeds: Iterable[int], arms: Sequence[Mapping[str, Any]], changes: Mapping[str, Any]) -> list[Cell]:
    """Return one cell a seed."""
    return [heat.cell(seed, arms, changes) for seed in seeds]


def runs_of(results: Results, changes: Mapping[str, Any]) -> list[tuple[list[dict[str, Any]], Arrays]]:
    """Return arms and arrays of every seed of a load."""
    return [
        (cell.arguments["arms"], run) for cell, run in results.pairs if cell.arguments["changes"] == changes
    ]


def measure(
    results: Results, changes: Mapping[str, Any], wanted: Mapping[str, Any], name: str = "pass@1"
) -> np.ndarray:
    """Return a measure of one arm for every seed, float64, shape (seeds,)."""
    column = heat.MEASURES.index(name)
    found = [(arms.index(dict(wanted)), run["arms"]) for arms, run in runs_of(results, changes)]
    return np.array([table[row, column] for row, table in found], np.float64)


def gain(
    results: Results,
    changes: Mapping[str, Any],
    wanted: Mapping[str, Any],
    against: Mapping[str, Any] = BASELINE,
    name: str = "pass@1",
) -> np.ndarray:
    """Return the paired difference of two arms for every seed."""
    return measure(results, changes, wanted, name) - measure(results, changes, against, name)
