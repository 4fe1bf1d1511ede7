"""How the learned problems were learned: in a jump, or along a slow ramp."""

from dataclasses import dataclass

import numpy as np

from conet.diagnosis.declare import Finding, Key, Result
from conet.diagnosis.findings.outcomes import LEARNED, Outcomes
from conet.diagnosis.log import Log
from conet.diagnosis.visits import Visits, by_visit, some

MOST_FITTED = 200  # problems
FEWEST_VISITS = 8
JUMP = 0.1  # of the steps over which a problem was visited: a rise within that is a jump (our choice)


@dataclass(frozen=True)
class Sharpness:
    """How sharply problems were learned.

    Attributes
    ----------
    fitted : int
        Learned problems with at least 8 visits, of which at most 200 were fitted.
    sharp : int
        Of these: a logistic rise beats a constant and a straight line (BIC), and goes from 10 to 90 %
        within a tenth of the steps over which the problem was visited.
    width : float or None
        Median of that rise over the fitted problems, in steps.
    spacing : float or None
        Median number of steps between two visits: no rise can be seen to be narrower.
    single : dict of int to dict
        By problem: ``onset_step``, ``width_steps``, ``sharp``.
    """

    fitted: int
    sharp: int
    width: float | None
    spacing: float | None
    single: dict[int, dict[str, float]]


def sharpness(found: Visits, known: Outcomes) -> Sharpness:
    """Fit the rise of learned problems."""
    from conet.observables.transitions import transitions

    chosen = some(np.flatnonzero((known.status == LEARNED) & (known.visits >= FEWEST_VISITS)), MOST_FITTED)
    if not len(chosen):
        return Sharpness(0, 0, None, None, {})
    correct, samples, step = by_visit(found, chosen)
    single: dict[int, dict[str, float]] = {}
    spacings = []
    for column, problem in enumerate(chosen.tolist()):
        seen = samples[:, column] > 0
        times = step[seen, column]
        fit = transitions(correct[seen, column : column + 1], samples[seen, column : column + 1], times)
        width, span = float(fit["width"][0]), float(times[-1] - times[0])
        spacings.append(float(np.median(np.diff(times))))
        sharp = bool(fit["beats_ramp"][0]) and width <= max(JUMP * span, spacings[-1])
        single[problem] = {"onset_step": float(fit["onset"][0]), "width_steps": width, "sharp": sharp}
    widths = [row["width_steps"] for row in single.values()]
    jumps = sum(bool(row["sharp"]) for row in single.values())
    return Sharpness(len(chosen), jumps, float(np.median(widths)), float(np.median(spacings)), single)


def compute(log: Log) -> Result:
    """Measure how wide the rises of the learned problems are."""
    found = sharpness(log.visits, log.other("outcomes"))
    values = {
        "fitted": found.fitted,
        "sharp": found.sharp,
        "median_width_steps": found.width,
        "steps_between_visits": found.spacing,
    }
    none = f"no learned problem has {FEWEST_VISITS} visits or more"
    caveats = {} if found.fitted else {"transitions": none}
    return Result(values={"transitions": values}, caveats=caveats, detail=found)


FINDING = Finding(
    name="transitions",
    compute=compute,
    keys=(
        Key(
            "transitions",
            "object",
            "of the learned problems: how many were `fitted`, how many of them are `sharp`, "
            "`median_width_steps` of their rise from 10 to 90 %, and `steps_between_visits`, below which "
            "no width can be seen",
        ),
    ),
    decides=(
        "a learned problem with 8 visits or more is `sharp` where a logistic rise beats a constant and a "
        "straight line (BIC), and goes from 10 to 90 % within a tenth of the steps over which the problem "
        "was visited"
    ),
    view="problems",
)
