"""What sweeps over regimes share: the V, its bottom, knee and island peak of a lean run."""

from collections.abc import Iterable, Sequence

import numpy as np

from conet.cells.cell import Arrays
from conet.detect import coincidence, knee, peak, shortest
from conet.detect.stages import TOLERANCE
from conet.judging.judgement import ClaimResult, Judgement, judged_within
from conet.observables.length import END_STEPS
from conet.report import style

MIN_ACCURACY = 0.2  # accuracy below which too few rollouts are correct for a length
MIN_CORRECT = 50  # correct walks that a window must hold to count for the V
SHADES = style.SEQUENCE


def final_accuracy(run: Arrays) -> float:
    """Mean accuracy of the last 20 steps."""
    return float(run["accuracy"][-END_STEPS:].mean())


def v_ratio(run: Arrays) -> float:
    """End over minimum of the pooled correct length; NaN where the run did not learn."""
    found = _shortest(run)
    if final_accuracy(run) < MIN_ACCURACY or found is None:
        return float("nan")
    end = run["correct_length_sum"][-END_STEPS:].sum() / run["correct_count"][-END_STEPS:].sum()
    return float(end / found[1])


def _shortest(run: Arrays) -> tuple[int, float] | None:
    return shortest(run["correct_length_sum"], run["correct_count"], fewest=MIN_CORRECT)


def bottom(run: Arrays) -> float:
    """Step of the V's bottom; NaN where the run did not learn."""
    found = _shortest(run)
    return float(found[0]) if found is not None and np.isfinite(v_ratio(run)) else float("nan")


def island_peak(run: Arrays) -> float:
    """Step with the most islands; NaN where there are none."""
    found = peak(run["islands"], run.get("web_steps"))
    return float("nan") if found is None else float(found)


def knee_step(run: Arrays) -> float:
    """Step of the knee of the accuracy; NaN without one."""
    found = knee(run["accuracy"])
    return float("nan") if found is None else float(found)


def coincide(
    claim: str,
    text: str,
    marks: Sequence[float] | np.ndarray,
    references: Sequence[float] | np.ndarray,
    why: str,
) -> ClaimResult:
    """Judge whether two marks coincide, by the one definition of :func:`conet.detect.coincidence`.

    Parameters
    ----------
    marks, references
        Steps, one a seed; NaN where a run has none.
    """
    first, second = np.asarray(references, np.float64), np.asarray(marks, np.float64)
    (found,) = coincidence({"reference": first.tolist(), "mark": second.tolist()})
    values = (second + 1.0) / (first + 1.0)
    ratio = found.ratio
    ends = (ratio.low, ratio.high)
    return judged_within(claim, text, values, 1 + TOLERANCE, ratio.estimate, ends, why=why)


def near(mark: float, reference: float) -> float:
    """1 where two marks of one run lie within a factor of 1.2, else 0; NaN where one is missing."""
    if not (np.isfinite(mark) and np.isfinite(reference)):
        return float("nan")
    return float(abs(np.log((mark + 1) / (reference + 1))) <= np.log(1 + TOLERANCE))


def median_of(values: Iterable[float], form: str = ".0f") -> str:
    """Median of the finite values as text; a dash where there are none."""
    array = np.array(list(values), np.float64)
    array = array[np.isfinite(array)]
    return f"{np.median(array):{form}}" if len(array) else "–"


def short_word(judgement: Judgement) -> str:
    """Put a judgement into one short word for tables."""
    return {"holds": "yes", "fails": "no", "undecided": "?"}[judgement]
