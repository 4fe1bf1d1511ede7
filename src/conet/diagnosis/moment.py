"""Is now the time to heat? The word of the online detector, and whether its moment has passed."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from conet.detect import Detector, Evidence
from conet.diagnosis.visits import Visits

if TYPE_CHECKING:
    import polars

AS_LONG_AGAIN = 2.0  # the moment has passed after twice the updates that it took to come (our choice)


@dataclass(frozen=True)
class Moment:
    """The moment of maximal frustration, as far as rollouts tell.

    Attributes
    ----------
    now : bool or None
        Whether to heat now; None where it cannot be told.
    step : int or None
        The step at which the detector first said so.
    why : str
    evidence : Evidence or None
        What it knows at the last step.
    """

    now: bool | None
    step: int | None
    why: str
    evidence: Evidence | None


def find_moment(found: Visits, steps: "polars.DataFrame", heated: list[int]) -> Moment:
    """Show a detector every step that there is, and judge its word.

    Parameters
    ----------
    steps
        As :func:`conet.diagnosis.signals.steps_table` returns it.
    heated
        Steps at which the run was heated already.
    """
    if not found.measured:
        return Moment(
            None, None, "the lengths of the answers are not known, and the word rests on them", None
        )
    if not (steps["correct_length_sum"] > 0).any():
        return Moment(None, None, "no answer is correct, or the correct ones have no length", None)
    detector, evidence = Detector(), None
    said: tuple[int, int] | None = None
    rows = steps.select("step", "correct_length_sum", "correct_count", "samples").iter_rows()
    for step, correct_length_sum, correct_count, samples in rows:
        evidence = detector.update(step, correct_length_sum, correct_count, samples)
        if evidence.heat_now and said is None:
            said = step, detector.updates
    assert evidence is not None
    if said is None:
        return _not_yet(detector, evidence)
    step, updates = said
    if any(at >= step for at in heated):
        why = f"it was time at step {step}, and the run was heated at step {max(heated)}"
        return Moment(False, step, why, evidence)
    if detector.updates > AS_LONG_AGAIN * updates:
        why = (
            f"the moment was step {step}, and more than as many steps again have passed since: heating so late "
            "gained next to nothing in CoNet, and cost accuracy on a small transformer"
        )
        return Moment(False, step, why, evidence)
    return Moment(True, step, f"since step {step}: {_says(evidence)}", evidence)


def _says(evidence: Evidence) -> str:
    assert evidence.fall is not None
    assert evidence.rise is not None
    learned = (
        "" if evidence.learned is None else f"; {evidence.learned:.0%} of what could be learned is learned"
    )
    return (
        f"the correct length has fallen by {evidence.fall:.0%} (shortest at step {evidence.shortest_step}) and "
        f"risen again by {evidence.rise:.1%} ({evidence.rise_sigmas:.1f} standard errors){learned}"
    )


def _not_yet(detector: Detector, evidence: Evidence) -> Moment:
    """Say which condition is missing."""
    if evidence.fall is None or evidence.rise is None:
        needed = f"{detector.start_correct} correct answers in {detector.start_updates} steps"
        why = f"{detector.total_correct:.0f} correct answers in {detector.updates} steps, and the word needs {needed}"
        return Moment(None, None, why, evidence)
    lacking = []
    if evidence.fall < detector.fall:
        lacking.append(
            f"the correct length has fallen by {evidence.fall:.1%} only, and {detector.fall:.0%} is asked"
        )
    elif evidence.rise < detector.rise:
        lacking.append(f"the correct length is still near its shortest ({evidence.rise:.1%} above it)")
    elif evidence.rise_sigmas is not None and evidence.rise_sigmas < detector.rise_sigmas:
        lacking.append(f"the rise of the correct length is {evidence.rise_sigmas:.1f} standard errors only")
    if evidence.learned is not None and evidence.learned < detector.learned:
        lacking.append(
            f"{evidence.learned:.0%} of what could be learned is learned, and {detector.learned:.0%} is asked"
        )
    return Moment(
        False, None, "; ".join(lacking) or "the fall of the correct length is within its noise", evidence
    )
