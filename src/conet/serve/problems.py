"""Problems by steps: accuracy in bins, and what the rows can be sorted by."""

import numpy as np

from conet.base.text import one_line
from conet.diagnosis import Diagnosis
from conet.diagnosis.findings.outcomes import STATUSES, Outcomes
from conet.observables.length import SOLVED
from conet.serve.models_rollouts import ProblemMap, ProblemRow

BINS = 160  # at most so many columns
ROWS = 4000  # at most so many problems, those with most rollouts
LONGEST = 160  # letters of a name that are shown


def problem_map(found: Diagnosis) -> ProblemMap:
    """Return the accuracy of each problem in bins of steps.

    Raises
    ------
    ConetError
        When there are no rollouts.
    """
    table = found.log.record.per_problem()
    names = found.log.record.names
    outcomes = found.detail("outcomes")
    steps, at = np.unique(table["step"].to_numpy(), return_inverse=True)
    bins = min(BINS, len(steps))
    column = at * bins // max(len(steps), 1)
    problem = table["problem"].to_numpy()
    cell = problem * bins + column
    sums = [
        np.bincount(cell, table[name].to_numpy(), minlength=len(outcomes.status) * bins).reshape(-1, bins)
        for name in ("correct_count", "samples")
    ]
    correct, samples = sums
    accuracy = np.divide(correct, samples, out=np.full(samples.shape, np.nan), where=samples > 0)
    shown = np.sort(np.argsort(-outcomes.samples, kind="stable")[:ROWS])
    first = [int(np.flatnonzero(np.arange(len(steps)) * bins // len(steps) == one)[0]) for one in range(bins)]
    return ProblemMap(
        edges=[*(int(steps[place]) for place in first), int(steps[-1]) + 1],
        rows=[_row(int(one), names, outcomes, accuracy[one], steps[first]) for one in shown],
        left_out=len(outcomes.status) - len(shown),
    )


def _row(
    one: int, names: list[str], outcomes: Outcomes, accuracy: np.ndarray, starts: np.ndarray
) -> ProblemRow:
    there = np.flatnonzero(accuracy >= SOLVED)
    start, end = (getattr(outcomes, name)[one] for name in ("start", "end"))
    return ProblemRow(
        problem=one,
        name=one_line(names[one])[:LONGEST] if one < len(names) else str(one),
        outcome=STATUSES[outcomes.status[one]],
        onset=int(starts[there[0]]) if len(there) else None,
        start=None if np.isnan(start) else round(float(start), 4),
        end=None if np.isnan(end) else round(float(end), 4),
        values=np.round(accuracy, 3),
    )
