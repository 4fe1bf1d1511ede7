"""Runs whose accuracy moves so much within its last steps that their mean says little of the end."""

import math
from collections.abc import Sequence

from conet.base.intervals import standard_error
from conet.base.text import counted
from conet.diagnosis.comparison.sides import Side
from conet.observables.length import END_STEPS

ENDS = 5  # steps at the start and at the end of the last ones (our choice)
MOVED = 0.25  # from where on a move is said (our choice)
SIGMAS = 3.0  # standard errors of the two ends that it has to be: few rollouts a step move by chance
MOST_NAMED = 4  # runs that are told one by one


def moving_at_the_end(sides: Sequence[Side]) -> list[str]:
    """Say of each run from what to what its accuracy went within the steps whose mean is compared.

    Those that fell furthest come first; of many the rest is counted.
    """
    moves = sorted((move, side.name) for side in sides if (move := _move(side)) is not None)
    found = [
        f"The accuracy of {name} {'rose' if by > 0 else 'fell'} from {start:.2f} to {start + by:.2f} within "
        f"its last {steps} steps, whose mean is compared: look at its curve"
        + ("." if by > 0 else ", and let conet diagnose say what happened.")
        for (by, start, steps), name in moves[:MOST_NAMED]
    ]
    if len(moves) > MOST_NAMED:
        more = counted(len(moves) - MOST_NAMED, "more run")
        found.append(f"Of {more} the accuracy moved by {MOVED} or more there.")
    return found


def _move(side: Side) -> tuple[float, float, int] | None:
    """Return by how much the accuracy moved, from what, and within how many steps; None where it did not."""
    if "accuracy" not in side.steps.columns:
        return None
    last = side.steps["accuracy"].drop_nulls().drop_nans().tail(END_STEPS).to_numpy()
    if len(last) < 2 * ENDS:
        return None
    ends = last[:ENDS], last[-ENDS:]
    start, end = (float(one.mean()) for one in ends)
    noise = math.hypot(*(standard_error(one) for one in ends))  # of batches of other problems too
    return (end - start, start, len(last)) if abs(end - start) >= max(MOVED, SIGMAS * noise) else None
