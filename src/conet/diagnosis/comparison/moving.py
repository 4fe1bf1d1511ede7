"""Runs whose accuracy moves so much within its last steps that their mean says little of the end."""

from collections.abc import Sequence

from conet.diagnosis.comparison.sides import Side
from conet.observables.length import END_STEPS

ENDS = 5  # steps at the start and at the end of the last ones (our choice)
MOVED = 0.25  # from where on a move is said (our choice): few rollouts a step make less by chance


def moving_at_the_end(sides: Sequence[Side]) -> list[str]:
    """Say of each run from what to what its accuracy went within the steps whose mean is compared."""
    found = []
    for side in sides:
        if "accuracy" not in side.steps.columns:
            continue
        last = side.steps["accuracy"].drop_nulls().drop_nans().tail(END_STEPS).to_numpy()
        if len(last) < 2 * ENDS:
            continue
        start, end = float(last[:ENDS].mean()), float(last[-ENDS:].mean())
        if abs(end - start) >= MOVED:
            verb = "rose" if end > start else "fell"
            found.append(
                f"The accuracy of {side.name} {verb} from {start:.2f} to {end:.2f} within its last "
                f"{len(last)} steps, whose mean is compared: look at its curve"
                + (", and let conet diagnose say what happened." if end < start else ".")
            )
    return found
