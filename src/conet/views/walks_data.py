"""What the views of a run of walks are made from: its tables, read when first asked for, and only once."""

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from conet.detect import Counts, Stages, shortest
from conet.observables.length import solved_at, within_problem_curve
from conet.rollouts import per_problem, unfold
from conet.runs.events import signal_step
from conet.runs.lengths import stages_of
from conet.runs.run import Run
from conet.views.snapshots import Snapshot, read_snapshots
from conet.views.tables import column, evaluated

if TYPE_CHECKING:
    import polars

MOST_CELLS = 20_000_000  # updates times problems beyond which the table of problems is not unfolded


class WalksData:
    """The data of one run of walks.

    Parameters
    ----------
    run : Run
        Finished or not; a view of what is not there yet says so.
    """

    def __init__(self, run: Run) -> None:
        self.run = run

    @cached_property
    def metrics(self) -> "polars.DataFrame":
        """One row an update, in order."""
        return self.run.metrics().sort("step")

    @cached_property
    def evaluations(self) -> "polars.DataFrame":
        """What was measured at snapshots: step, name, k, value."""
        return self.run.evaluations()

    @cached_property
    def stages(self) -> Stages:
        """The moments at which the run changes."""
        return stages_of(self.run)

    @cached_property
    def heating_signal(self) -> int | None:
        """Updates done when the heating signal fired; None where it never did."""
        return signal_step(self.run.events())

    @cached_property
    def problems(self) -> Counts | None:
        """Rollouts by update and problem; None where the run kept none, or too many to unfold."""
        return _unfolded(self.run, self.metrics.height, len(self.questions))

    @cached_property
    def snapshots(self) -> tuple[Snapshot, ...]:
        """The webs to draw that have at least one edge, early to final."""
        return read_snapshots(self.run, self.evaluations)

    @cached_property
    def _ends(self) -> tuple[np.ndarray, np.ndarray]:
        problems = self.run.problems()
        return problems.questions, problems.answers

    @property
    def questions(self) -> np.ndarray:
        """Question node of each problem, int32."""
        return self._ends[0]

    @property
    def answers(self) -> np.ndarray:
        """Answer node of each problem, int32."""
        return self._ends[1]

    @property
    def nodes(self) -> int:
        """Number of nodes of the concept network."""
        return self.run.graph().nodes

    @property
    def traffic_walks(self) -> int:
        """Rollouts a problem on which traffic was counted."""
        return self.run.config.snapshots.traffic_walks

    @property
    def steps(self) -> np.ndarray:
        """Updates done before each row of the metrics."""
        return self.metrics["step"].to_numpy()

    def column(self, name: str) -> np.ndarray:
        """Return a column of the metrics as float64; NaN where it has no value, or is not there."""
        return column(self.metrics, name)

    def series(self, *names: str) -> tuple[np.ndarray, ...]:
        """Return metrics where all of them are finite, from the snapshots where the updates have none.

        Returns
        -------
        tuple of ndarray
            The steps, and the values of each name.
        """
        found = []
        for name in names:
            values = self.column(name)
            known = dict(zip(*(part.tolist() for part in self.evaluation(name))))
            known |= dict(zip(self.steps[np.isfinite(values)].tolist(), values[np.isfinite(values)].tolist()))
            found.append(known)
        steps = sorted(set.intersection(*(set(known) for known in found)))
        return np.array(steps, int), *(np.array([known[step] for step in steps], float) for known in found)

    def evaluation(self, name: str, k: int = 0, where: str | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Return steps and finite values of one evaluation, if wanted only where another is above zero."""
        steps, values = evaluated(self.evaluations, name, k)
        if where is not None:
            others, size = evaluated(self.evaluations, where)
            keep = np.isin(steps, others[size > 0])
            steps, values = steps[keep], values[keep]
        return steps, values


def _unfolded(run: Run, steps: int, problems: int) -> Counts | None:
    if steps * problems > MOST_CELLS:
        return None
    table = per_problem(run.rollouts(), ("train", "eval"))
    # Rollouts of a run that trains are read after its metrics, and can be further.
    table = table.filter(table["step"] < steps)
    return unfold(table, steps, problems) if table.height else None


def within_curve(
    problems: Counts, correct_length_sum: np.ndarray, correct_count: np.ndarray
) -> tuple[np.ndarray, int, int]:
    """Follow the correct length of the problems solved where the pooled length is shortest.

    Returns
    -------
    curve : ndarray of float64, shape (updates,)
        NaN where fewer than nine tenths of these problems have a correct walk in the window.
    count : int
        How many problems.
    bottom : int
        The step where the pooled length is shortest; -1 where no walk was correct.
    """
    found = shortest(correct_length_sum, correct_count)
    if found is None:
        return np.full(len(correct_count), np.nan), 0, -1
    bottom, _ = found
    rollouts = max(1, int(problems.samples.max()))
    fixed = solved_at(problems.correct_count, rollouts, bottom)
    curve = within_problem_curve(problems.correct_count, problems.correct_length_sum, fixed)
    return curve, int(fixed.sum()), bottom
