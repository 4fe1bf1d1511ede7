"""Counts of rollouts as arrays of steps by problems: what curves, detectors and findings look at."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from conet.base.errors import ConetError

if TYPE_CHECKING:
    import polars


@dataclass(frozen=True, kw_only=True)
class Counts:
    """Correct rollouts of each step and problem; a problem need not be visited at every step.

    Attributes
    ----------
    correct_count, correct_length_sum, samples : ndarray of float64, shape (rows, problems)
        Correct rollouts, their total length, and all rollouts; zero where a problem was not visited.
    steps : ndarray of int64, shape (rows,)
        The step that each row belongs to, ascending.
    epoch : int
        Rows from one visit of a problem to the next, usually; 1 where none is visited twice.
    whole : polars.DataFrame or None
        What it was unfolded from, where problems were bundled or steps put together.
    """

    correct_count: np.ndarray
    correct_length_sum: np.ndarray
    samples: np.ndarray
    steps: np.ndarray
    epoch: int = 1
    whole: "polars.DataFrame | None" = None

    @classmethod
    def of(
        cls,
        correct_count: np.ndarray,
        correct_length_sum: np.ndarray,
        samples: np.ndarray | float,
        steps: np.ndarray | None = None,
    ) -> "Counts":
        """Check and complete the arrays.

        Parameters
        ----------
        correct_count, correct_length_sum : ndarray, shape (rows, problems)
            NaN counts as zero.
        samples : ndarray of the same shape, or one number for all
            NaN counts as zero: not visited.
        steps : ndarray, shape (rows,), optional
            0, 1, 2, … where absent.

        Raises
        ------
        ConetError
            For shapes that do not fit, or more correct rollouts than rollouts.
        """
        correct_count = np.nan_to_num(np.asarray(correct_count, np.float64))
        correct_length_sum = np.nan_to_num(np.asarray(correct_length_sum, np.float64))
        samples = np.nan_to_num(np.broadcast_to(np.asarray(samples, np.float64), correct_count.shape))
        steps = np.arange(len(correct_count)) if steps is None else np.asarray(steps, np.int64)
        shape = correct_count.shape
        if len(shape) != 2 or correct_length_sum.shape != shape or steps.shape != shape[:1]:
            raise ConetError(
                f"counts of shape {shape}, lengths {correct_length_sum.shape} and steps {steps.shape}",
                "(rows, problems) twice and (rows,)",
                "one row a step, one column a problem",
            )
        if (correct_count < 0).any() or (correct_count > samples).any() or (np.diff(steps) <= 0).any():
            raise ConetError(
                "counts below 0 or above the number of rollouts, or steps out of order",
                "0 <= correct_count <= samples, steps ascending",
                "count the rollouts again",
            )
        column, row = np.nonzero(samples.T)
        return cls(
            correct_count=correct_count,
            correct_length_sum=correct_length_sum,
            samples=samples,
            steps=steps,
            epoch=epoch_rows(row, column),
        )

    @property
    def problems(self) -> int:
        """Number of problems."""
        return self.correct_count.shape[1]

    def accuracy(self, weights: np.ndarray | None = None) -> np.ndarray:
        """Share of correct rollouts a row, NaN in a row without rollouts.

        Parameters
        ----------
        weights : ndarray, shape (problems, draws), optional
            How often each problem counts; the answer then has the shape (rows, draws).
        """
        correct, samples = self.pooled(self.correct_count, weights), self.pooled(self.samples, weights)
        return np.divide(correct, samples, out=np.full(correct.shape, np.nan), where=samples > 0)

    @staticmethod
    def pooled(values: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
        """Sum over problems, counted as often as ``weights`` (problems, draws) say."""
        return values.sum(axis=1) if weights is None else values @ weights


def epoch_rows(row: np.ndarray, problem: np.ndarray) -> int:
    """Rows from one visit of a problem to the next, usually; 1 where none is visited twice.

    Parameters
    ----------
    row, problem : ndarray of int, shape (visits,)
    """
    order = np.lexsort((row, problem))
    gaps = np.diff(row[order])[np.diff(problem[order]) == 0]
    gaps = gaps[gaps > 0]
    return int(np.median(gaps)) if len(gaps) else 1
