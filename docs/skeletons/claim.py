"""A claim, to copy and fill in: what is run, what is measured, and what decides.

    $ conet reproduce path/to/claim.py:CLAIM --seeds 6

Everything but `cells` and `judge` may be left out. To ship it with the package, put it into
`conet/claims/` and enter its module in `conet/claims/__init__.py`.
"""

import numpy as np

from conet.cells.cell import Cell
from conet.judging.claim import Claim, Results, Scale, Table
from conet.judging.judgement import ClaimResult, judge

SETTINGS = {"graph.nodes": 200, "graph.degree": 10, "problems.count": 16, "steps": 100}


def run(seed: int, changes: dict) -> dict[str, np.ndarray]:
    """Train once. It takes JSON values and returns named arrays; equal calls are computed once and kept."""
    from conet.cells.training import start, train

    record = train(start("smoke", seed, changes))
    return {"accuracy": record.column("accuracy")}


def cells(scale: Scale) -> list[Cell]:
    """Return what is to be run: here one training a seed."""
    return [Cell(f"{__file__}:run", {"seed": seed, "changes": SETTINGS}) for seed in range(scale.seeds)]


def rise(accuracy: np.ndarray) -> float:
    """Return the statistic of one seed; NaN where it does not exist."""
    return float(accuracy[-20:].mean() - accuracy[:20].mean())


def judge_rows(results: Results) -> list[ClaimResult]:
    """Hold the statistic against a threshold that was fixed before the runs."""
    values = [rise(run["accuracy"]) for _, run in results.pairs]
    return [judge("my-claim", "rise of the accuracy", values, 0.1, why="a rise that is seen without fitting")]


def tables(results: Results) -> list[Table]:
    """Return tables for the page."""
    rows = tuple((str(cell.arguments["seed"]), f"{rise(run['accuracy']):.3f}") for cell, run in results.pairs)
    return [Table("Rise of the accuracy", ("seed", "rise"), rows)]


CLAIM = Claim(
    name="my-claim",
    title="training raises the accuracy",
    method="Preset smoke on a small graph. Last 20 updates less the first 20: at least 0.1.",
    cells=cells,
    judge=judge_rows,
    tables=tables,
)
