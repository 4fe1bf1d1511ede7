"""Is now the time to heat? Whether the heating signal has fired, and whether its moment has passed."""

import shlex
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from conet.base.text import counted
from conet.detect import Detector, Evidence
from conet.diagnosis.declare import Finding, Headline, Key, MainNumber, Result, Urgency
from conet.diagnosis.hard import why_none
from conet.diagnosis.log import Log
from conet.diagnosis.visits import Visits

if TYPE_CHECKING:
    import polars

# The V is found with other windows, so the two may disagree of one run.
IN_MEANS = "in the means of the heating signal"
AS_LONG_AGAIN = 2.0  # the moment has passed after twice the updates that it took to come (our choice)


@dataclass(frozen=True, kw_only=True)
class HeatingSignal:
    """The moment of maximal frustration, as far as rollouts tell.

    Attributes
    ----------
    now : bool or None
        Whether to heat now; None where it is not known.
    step : int or None
        The step at which the signal fired.
    why : str
    evidence : Evidence or None
        What the detector knows at the last step.
    detector : Detector or None
        After the last step.
    """

    now: bool | None
    step: int | None
    why: str
    evidence: Evidence | None = None
    detector: Detector | None = None


def find_signal(found: Visits, steps: "polars.DataFrame", heated: list[int]) -> HeatingSignal:
    """Show a detector every step that there is, and judge its signal.

    Parameters
    ----------
    steps
        As :func:`conet.rollouts.per_step` returns it.
    heated
        Steps at which the run was heated already.
    """
    if not found.measured:
        why = "the lengths of the answers are not known, and the signal rests on them"
        return HeatingSignal(now=None, step=None, why=why)
    if not (steps["correct_length_sum"] > 0).any():
        why = "no answer is correct, or the correct ones have no length"
        return HeatingSignal(now=None, step=None, why=why)
    detector, evidence = Detector(), None
    asked = _asked(found)
    fired: tuple[int, int, Evidence] | None = None
    rows = steps.select("step", "correct_length_sum", "correct_count", "samples").iter_rows()
    for step, length_sum, correct, samples in rows:
        evidence = detector.update(step, length_sum, correct, samples, asked[step])
        if evidence.heat_now and fired is None:
            fired = step, detector.updates, evidence
    assert evidence is not None
    if fired is None:
        now, why = _not_yet(detector, evidence)
    else:
        now, why = _judged(fired, heated, detector.updates)
    return HeatingSignal(
        now=now, step=None if fired is None else fired[0], why=why, evidence=evidence, detector=detector
    )


def _asked(found: Visits) -> dict[int, np.ndarray]:
    """Return the problems of each step."""
    step, problem = (found.table[name].to_numpy() for name in ("step", "problem"))
    places = np.flatnonzero(np.diff(step)) + 1
    return dict(zip(step[np.append(0, places)].tolist(), np.split(problem, places), strict=True))


def _judged(fired: tuple[int, int, Evidence], heated: list[int], done: int) -> tuple[bool, str]:
    """Say whether the moment is still there, and what the detector knew then: lengths go on changing."""
    step, updates, evidence = fired
    if any(at >= step for at in heated):
        return False, f"it was time at step {step}, and the run was heated at step {max(heated)}"
    if done > AS_LONG_AGAIN * updates:
        return False, (
            f"the moment was step {step}, and more than as many steps again have passed since: heating so "
            "late gained next to nothing in CoNet, and cost accuracy on a small transformer"
        )
    return True, f"since step {step}, when {_fired_because(evidence)}"


def _fired_because(evidence: Evidence) -> str:
    assert evidence.fall is not None
    assert evidence.rise is not None
    learned = ""
    if evidence.learned is not None:
        learned = f"; {evidence.learned:.0%} of what could be learned was learned"
    within = "" if evidence.mix_step is None else f" among the problems asked since step {evidence.mix_step}"
    return (
        f"the correct length had fallen{within} by {evidence.fall:.0%} {IN_MEANS}, "
        f"and had risen again by {evidence.rise:.1%} ({evidence.rise_sigmas:.1f} standard errors){learned}"
    )


def _not_yet(detector: Detector, evidence: Evidence) -> tuple[bool | None, str]:
    """Say which condition is missing."""
    if evidence.silent is not None:
        return None, evidence.silent
    if evidence.fall is None or evidence.rise is None:
        needed = f"{detector.start_correct} correct answers in {detector.start_updates} steps"
        right = counted(round(detector.total_correct), "correct answer")
        seen = f"{right} in {counted(detector.updates, 'step')}"
        return None, f"{seen}, and the signal needs {needed}"
    lacking = []
    if evidence.fall < detector.fall:
        lacking.append(
            f"the correct length has not fallen by {detector.fall:.0%} yet {IN_MEANS} "
            f"({evidence.fall:.1%} so far)"
        )
    elif evidence.rise < detector.rise:
        lacking.append(f"the correct length is still near its shortest ({evidence.rise:.1%} above it)")
    elif evidence.rise_sigmas is not None and evidence.rise_sigmas < detector.rise_sigmas:
        lacking.append(
            f"the rise of the correct length is {evidence.rise_sigmas:.1f} standard errors only, and "
            f"{detector.rise_sigmas:.0f} are asked"
        )
    if evidence.learned is not None and evidence.learned < detector.learned:
        lacking.append(
            f"{evidence.learned:.0%} of what could be learned is learned, and {detector.learned:.0%} is asked"
            if evidence.learned >= 0
            else "no more is solved than at the start"
        )
    since = (
        "" if evidence.mix_step is None else f"since other problems are asked (step {evidence.mix_step}), "
    )
    return False, since + ("; ".join(lacking) or "the fall of the correct length is within its noise")


def _not_while(found: HeatingSignal, stage: Any, log: Log) -> HeatingSignal:
    """Never heat a run whose accuracy falls, whose problems do not recur, or without anything to heat on."""
    if stage is not None and stage.stage in ("falling", "collapsed"):
        fell = {"falling": "is falling", "collapsed": "has collapsed"}[stage.stage]
        why = f"the accuracy {fell} since step {stage.step.estimate:.0f}, and that comes first"
    elif log.seen_once:
        why = f"{log.once}, so no problem can be told to be hard"
    elif found.now and (none := why_none(log.record)):
        why = none
    else:
        return found
    return replace(found, now=False, why=why)


SAID = {
    True: "Now is the time to heat",
    False: "Now is not the time to heat",
    None: "Whether to heat now is undecided",
}
SHORT = {True: "now", False: "not now", None: "undecided"}


def compute(log: Log) -> Result:
    """Judge the heating signal."""
    found = find_signal(log.visits, log.steps, log.heated)
    found = _not_while(found, log.other("stage"), log)
    text = f"{SAID[found.now]}: {found.why}."
    urgency = Urgency.ADVICE if found.now else Urgency.NOTE
    headlines = [Headline(text=text, urgency=urgency, evidence=found.why, step=found.step)]
    if found.now:
        command = shlex.join(
            ["conet", "heat", str(log.record.path), *log.record.asked, "--out", "heat.jsonl"]
        )
        headlines.append(Headline(text=f"The problems to heat on: {command}", urgency=Urgency.ADVICE))
    silent = "the heating signal has not fired"
    caveats = {} if found.step is not None else {"heat_step": silent}
    if found.now is None:
        caveats["heat_now"] = f"undecided: {found.why}"
    fired = silent if found.step is None else f"the heating signal fired at step {found.step}"
    return Result(
        values={"heat_now": found.now, "heat_step": found.step, "heat_why": found.why},
        caveats=caveats,
        headlines=tuple(headlines),
        numbers=(MainNumber("heat", SHORT[found.now], fired),),
        detail=found,
    )


_RULE = Detector()
FINDING = Finding(
    name="heating",
    compute=compute,
    keys=(
        Key("heat_now", "true, false or null", "whether now is the time to heat"),
        Key("heat_step", "integer or null", "step at which the heating signal fired"),
        Key("heat_why", "text", "what that rests on, or which condition is missing"),
    ),
    decides=(
        f"`heat_now`: the heating signal has fired (the correct length has fallen by {_RULE.fall:.0%}, has "
        f"risen again by {_RULE.rise:.0%} and {_RULE.rise_sigmas:.0f} standard errors, and "
        f"{_RULE.learned:.0%} of what could be learned is learned), the run was not heated since, its "
        "accuracy does not fall, problems recur (where a run goes on to problems that it never asked before, "
        "everything is counted from there anew), `conet heat` would find some, and no "
        f"more than {AS_LONG_AGAIN:.0f} times the updates have passed that it took to fire. The signal "
        f"compares means over about the last 1/{_RULE.memory + 1:.0f} of the steps so far, and the V windows "
        "of its own: of a short dip one may see more than the other"
    ),
    view="correct-length",
)
