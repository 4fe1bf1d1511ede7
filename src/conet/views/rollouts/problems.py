"""Problem by problem: accuracy over the steps of a log as a heat map."""

import numpy as np

from conet.diagnosis import Diagnosis
from conet.diagnosis.visits import by_step, some
from conet.observables.length import SOLVED
from conet.views.heat import BINS, by_first_half, grouped, never_half
from conet.views.parts import Axis
from conet.views.rollouts.common import over_steps
from conet.views.schema import HeatMap, View

MOST_DRAWN = 4000  # problems in the map


def problems(found: Diagnosis) -> View:
    """Return the accuracy of each problem in bins of steps."""
    visits = found.detail("outcomes").visits
    chosen = some(np.arange(len(visits)), MOST_DRAWN)
    bins = int(np.clip(np.median(visits[chosen]), 1, BINS))
    steps, correct, samples = by_step(found.log.visits, chosen, bins)
    accuracy = np.divide(correct, samples, out=np.full(correct.shape, np.nan), where=samples > 0).T
    order, first = by_first_half(accuracy)
    rows, merged = grouped(accuracy[order])
    panel = HeatMap(
        y=Axis(name="problem", unit="in order of reaching one half", whole=True, low=0, high=len(order)),
        value=Axis(name="accuracy", unit="share of answers correct", low=0, high=1),
        x_edges=np.append(steps, int(found.steps["step"][-1]) + 1),
        y_edges=np.minimum(np.arange(len(rows) + 1) * merged, len(order)),
        values=tuple(np.round(row, 4) for row in rows),
        **over_steps(found),
    )
    row = "a problem" if merged == 1 else f"{merged} problems"
    part = "" if len(chosen) == len(visits) else f" {len(chosen):,} problems drawn at random are shown."
    return View(
        name="problems",
        title="Problem by problem",
        caption=(
            "Look for single problems that jump from near 0 to near 1, each at its own time, and for dark "
            "gaps behind the front: problems that were learned and forgotten again. Hatched: not visited. "
            f"{never_half(first)}"
        ),
        definition=(
            f"Accuracy of each problem; a row is {row}, sorted by when its accuracy first reaches "
            f"{SOLVED:g}.{part}"
        ),
        panels=(panel,),
    )
