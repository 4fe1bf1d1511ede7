"""From rollouts to what the diagnosis looks at: visits of problems, steps, and matrices of both.

A visit is a problem at a step, with all its samples: the group of GRPO.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from conet.rollouts import RolloutRecord, group_size
from conet.rollouts.arrays import MOST_ROWS, add_up, step_blocks

if TYPE_CHECKING:
    import polars

MOST_VISITS = 64  # of a problem, or blocks of visits
SEED = 0


@dataclass(frozen=True)
class Visits:
    """The visits of a run, and what is asked of them again and again.

    Attributes
    ----------
    table : polars.DataFrame
        One row a visit, sorted by step and problem: the columns of :func:`conet.rollouts.per_problem`, and
        ``visit`` (0, 1, … of its problem).
    problems : int
        Number of problems; of the split that is diagnosed they are those below this number.
    measured : bool
        Whether lengths are known.
    """

    table: "polars.DataFrame"
    problems: int
    measured: bool

    @property
    def steps(self) -> np.ndarray:
        """Steps that have visits, int64, ascending."""
        return self.table["step"].unique().sort().to_numpy().astype(np.int64)

    @property
    def group(self) -> int:
        """The most frequent number of samples of a visit (of equally frequent ones, the largest)."""
        return group_size(self.table)


def visits(record: RolloutRecord, split: str | None = None) -> Visits:
    """Count the visits of one split; of the one that is diagnosed where none is named."""
    import polars as pl

    table = record.per_problem(split).with_columns(visit=pl.int_range(pl.len()).over("problem"))
    problems = int(table["problem"].to_numpy().max(initial=-1)) + 1
    return Visits(table, problems, record.has_lengths)


def by_visit(found: Visits, chosen: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Lay the visits of each problem one below the other, at most 64 blocks of them.

    Parameters
    ----------
    chosen : ndarray of int, optional
        Problems; all where absent.

    Returns
    -------
    correct, samples : ndarray of int64, shape (blocks, problems)
        Zero after a problem's last block.
    step : ndarray of int64, shape (blocks, problems)
        First step of each block.
    """
    table = found.table
    problem, visit = table["problem"].to_numpy(), table["visit"].to_numpy()
    number = np.bincount(problem, minlength=found.problems)
    block = np.where(number[problem] > MOST_VISITS, visit * MOST_VISITS // number[problem], visit)
    wanted = np.arange(found.problems) if chosen is None else chosen
    keep, column = _columns(found, wanted)
    block = block[keep]
    shape = (int(block.max(initial=-1)) + 1, len(wanted))
    correct, samples = add_up(found.table.filter(keep), block, column, shape, ("correct_count", "samples"))
    step = np.full(shape, np.iinfo(np.int64).max)
    np.minimum.at(step, (block, column), table["step"].to_numpy()[keep].astype(np.int64))
    return correct, samples, step


def by_step(found: Visits, chosen: np.ndarray, most_rows: int = MOST_ROWS) -> tuple[np.ndarray, ...]:
    """Unfold some problems to steps (or blocks of steps) by problems.

    Returns
    -------
    steps : ndarray of int64, shape (rows,)
    correct, samples : ndarray of int64, shape (rows, problems)
    """
    first, row = step_blocks(found.table, most_rows)
    keep, column = _columns(found, chosen)
    shape = (len(first), len(chosen))
    names = ("correct_count", "samples")
    return first, *add_up(found.table.filter(keep), row[keep], column, shape, names)


def _columns(found: Visits, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which visits are of the chosen problems, and the place of each of these among them."""
    places = np.full(found.problems, -1)
    places[chosen] = np.arange(len(chosen))
    column = places[found.table["problem"].to_numpy()]
    return column >= 0, column[column >= 0]


def some(problems: np.ndarray, most: int) -> np.ndarray:
    """At most so many of the problems, drawn at random but always the same ones, ascending."""
    if len(problems) <= most:
        return problems
    return np.sort(np.random.default_rng(SEED).choice(problems, most, replace=False))
