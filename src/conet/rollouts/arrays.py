"""From counts by step and problem, one row each, to arrays of steps by problems."""

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from conet.rollouts.counts import Counts, epoch_rows

if TYPE_CHECKING:
    import polars

COUNTED = ("correct_count", "correct_length_sum", "samples")
MOST_ROWS = 2000  # steps, or blocks of steps
MOST_COLUMNS = 512  # problems, or bundles of problems, that are resampled


def unfold(table: "polars.DataFrame", steps: int | None = None, problems: int | None = None) -> Counts:
    """Unfold counts to an array of steps by problems.

    Parameters
    ----------
    table
        As :func:`conet.rollouts.per_problem` returns it.
    steps
        The rows are steps 0, 1, … up to this number; where absent, the steps that the table has.
    problems
        Number of columns; where absent, up to the last problem that the table has.
    """
    step, column = table["step"].to_numpy(), table["problem"].to_numpy()
    if steps is None:
        labels, row = np.unique(step, return_inverse=True)
    else:
        labels, row = np.arange(steps), step
    width = int(column.max(initial=-1)) + 1 if problems is None else problems
    correct_count, correct_length_sum, samples = add_up(table, row, column, (len(labels), width))
    return Counts.of(correct_count, correct_length_sum, samples, labels)


def bundle(table: "polars.DataFrame", most_rows: int = MOST_ROWS, most_columns: int = MOST_COLUMNS) -> Counts:
    """Unfold counts to so few rows and columns that they can be resampled; exact where there are no more.

    Resampling bundles of problems drawn at random gives the same intervals as resampling problems.

    Parameters
    ----------
    table
        As :func:`conet.rollouts.per_problem` returns it.
    most_rows
        More steps are put together in blocks.
    most_columns
        More problems are put together in bundles, at random but always the same.
    """
    first, row = step_blocks(table, most_rows)
    problem = table["problem"].to_numpy()
    problems = int(problem.max(initial=-1)) + 1
    columns, column = min(problems, most_columns), problem
    if columns < problems:
        column = np.random.default_rng(0).permutation(problems)[problem] % columns
    correct_count, correct_length_sum, samples = add_up(table, row, column, (len(first), columns))
    counts = Counts.of(correct_count, correct_length_sum, samples, first)
    whole = table if columns < problems or len(first) < table["step"].n_unique() else None
    return replace(counts, epoch=epoch_rows(row, problem), whole=whole)


def add_up(
    table: "polars.DataFrame",
    row: np.ndarray,
    column: np.ndarray,
    shape: tuple[int, int],
    names: tuple[str, ...] = COUNTED,
) -> list[np.ndarray]:
    """Add counts up in arrays.

    Parameters
    ----------
    table
        As :func:`conet.rollouts.per_problem` returns it.
    row, column : ndarray of int, shape (rows of the table,)
        Where each row of the table goes.
    shape
        Of the arrays.
    names
        Which columns are added up.

    Returns
    -------
    list of ndarray of this shape
        One of each name: int64, or float64 where the column holds sums of credit.
    """
    place = row.astype(np.int64) * shape[1] + column
    found = []
    for name in names:
        part = np.bincount(place, table[name].to_numpy(), shape[0] * shape[1]).reshape(shape)
        # Counts are exact, whole numbers below 2^53; sums of partial credit stay as they are.
        found.append(part if table[name].dtype.is_float() else part.astype(np.int64))
    return found


def step_blocks(table: "polars.DataFrame", most: int) -> tuple[np.ndarray, np.ndarray]:
    """Divide the steps of a table into blocks of equally many, at most so many blocks.

    Returns
    -------
    first : ndarray of int64, shape (blocks,)
        First step of each block.
    block : ndarray of int64, shape (rows of the table,)
        Block of each row.
    """
    steps, row = np.unique(table["step"].to_numpy(), return_inverse=True)
    blocks = min(len(steps), most)
    block_of = np.arange(len(steps)) * blocks // max(len(steps), 1)
    return steps[np.searchsorted(block_of, np.arange(blocks))].astype(np.int64), block_of[row]
