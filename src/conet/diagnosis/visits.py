"""From rollouts to what the diagnosis looks at: visits of problems, steps, and matrices of both.

A visit is a problem at a step, with all its samples: the group of GRPO.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from conet.detect import Counts
from conet.readers import Record
from conet.rollouts import per_problem

if TYPE_CHECKING:
    import polars

MOST_COLUMNS = 512  # problems, or bundles of problems, that are resampled
MOST_ROWS = 2000  # steps, or blocks of steps
MOST_VISITS = 64  # of a problem, or blocks of visits
SEED = 0


@dataclass(frozen=True)
class Visits:
    """The visits of a run, and what is asked of them again and again.

    Attributes
    ----------
    table : polars.DataFrame
        One row a visit, sorted by step and problem: the columns of :func:`conet.rollouts.per_problem`, with
        ``problem`` counted from 0, and ``visit`` (0, 1, … of its problem).
    ids : ndarray of int64, shape (problems,)
        Number of each problem in the record; in the table they are numbered anew, from 0 on.
    measured : bool
        Whether lengths are known.
    """

    table: "polars.DataFrame"
    ids: np.ndarray
    measured: bool

    @property
    def problems(self) -> int:
        """Number of problems."""
        return len(self.ids)

    @property
    def steps(self) -> np.ndarray:
        """Steps that have visits, int64, ascending."""
        return self.table["step"].unique().sort().to_numpy().astype(np.int64)

    @property
    def group(self) -> int:
        """The most frequent number of samples of a visit (of equally frequent ones, the largest)."""
        return int(self.table["samples"].mode().max())  # type: ignore[arg-type]


def main_split(record: Record) -> str:
    """Return the split that is diagnosed: the training, or where there is none what there is."""
    there = record.rows["split"].unique().to_list()
    return next(name for name in ("train", "eval", "harvest") if name in there)


def visits(record: Record, split: str = "train") -> Visits:
    """Aggregate the rollouts of one split to visits."""
    import polars as pl

    table = per_problem(record.rows, [split]).with_columns(visit=pl.int_range(pl.len()).over("problem"))
    ids, numbers = np.unique(table["problem"].to_numpy(), return_inverse=True)
    measured = record.rows["length"].null_count() < record.rows.height
    return Visits(table.with_columns(problem=pl.Series(numbers)), ids, measured)


def counts(found: Visits) -> Counts:
    """Unfold to at most 2,000 blocks of steps by 512 bundles of problems, at random; exact below that.

    Resampling bundles of problems drawn at random gives the same intervals as resampling problems.
    """
    steps, row = np.unique(found.table["step"].to_numpy(), return_inverse=True)
    rows = min(len(steps), MOST_ROWS)
    row = row * rows // len(steps)
    first = steps[np.searchsorted(np.arange(len(steps)) * rows // len(steps), np.arange(rows))]
    column = found.table["problem"].to_numpy()
    size = found.problems
    if size > MOST_COLUMNS:
        column = np.random.default_rng(SEED).permutation(size)[column] % MOST_COLUMNS
        size = MOST_COLUMNS
    correct, length, samples = (np.zeros((rows, size)) for _ in range(3))
    for array, name in ((correct, "correct_count"), (length, "correct_length_sum"), (samples, "samples")):
        np.add.at(array, (row, column), found.table[name].to_numpy())
    return Counts.of(correct, length, samples, first)


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
    places = np.full(found.problems, -1)
    wanted = np.arange(found.problems) if chosen is None else chosen
    places[wanted] = np.arange(len(wanted))
    keep = places[problem] >= 0
    block, column = block[keep], places[problem[keep]]
    shape = (int(block.max(initial=-1)) + 1, len(wanted))
    correct, samples = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
    step = np.full(shape, np.iinfo(np.int64).max)
    np.add.at(correct, (block, column), table["correct_count"].to_numpy()[keep])
    np.add.at(samples, (block, column), table["samples"].to_numpy()[keep])
    np.minimum.at(step, (block, column), table["step"].to_numpy()[keep].astype(np.int64))
    return correct, samples, step


def by_step(found: Visits, chosen: np.ndarray, most_rows: int = MOST_ROWS) -> tuple[np.ndarray, ...]:
    """Unfold some problems to steps (or blocks of steps) by problems.

    Returns
    -------
    steps : ndarray of int64, shape (rows,)
    correct, samples : ndarray of int64, shape (rows, problems)
    """
    steps, row = np.unique(found.table["step"].to_numpy(), return_inverse=True)
    rows = min(len(steps), most_rows)
    row = row * rows // len(steps)
    first = steps[np.searchsorted(np.arange(len(steps)) * rows // len(steps), np.arange(rows))]
    places = np.full(found.problems, -1)
    places[chosen] = np.arange(len(chosen))
    column = places[found.table["problem"].to_numpy()]
    keep = column >= 0
    correct, samples = (np.zeros((rows, len(chosen)), np.int64) for _ in range(2))
    for array, name in ((correct, "correct_count"), (samples, "samples")):
        np.add.at(array, (row[keep], column[keep]), found.table[name].to_numpy()[keep])
    return first.astype(np.int64), correct, samples


def some(problems: np.ndarray, most: int) -> np.ndarray:
    """At most so many of the problems, drawn at random but always the same ones, ascending."""
    if len(problems) <= most:
        return problems
    return np.sort(np.random.default_rng(SEED).choice(problems, most, replace=False))
