"""The stage of a run: flat, fast, slow behind a knee, falling, collapsed, or recovered."""

import numpy as np

from conet.base.intervals import FEWEST_PROBLEMS
from conet.detect.trend import BACK, COLLAPSED, DEEPEST, SMALLEST_FALL
from conet.diagnosis.declare import Finding, Headline, Key, MainNumber, Remedy, Result, Urgency
from conet.diagnosis.log import Log, fifth
from conet.diagnosis.remedies import remedy_for
from conet.diagnosis.reward_stage import stage_of_rollouts
from conet.diagnosis.scalar_stage import Curve, curve_of, stage_of
from conet.diagnosis.stages import FEWEST_FOR_RATIO, Stage
from conet.diagnosis.words import estimate, step_of, steps_between


def compute(log: Log) -> Result:
    """Find stage and knee, and say what they are."""
    found, what = stage_of_rollouts(log), "mean reward" if log.partial_credit else "accuracy"
    levels: tuple[MainNumber, ...] = ()  # of rollouts the finding `accuracy` has them
    if not log.has_rollouts:
        curve = curve_of(log)
        found, what = stage_of(curve), curve.name if curve else what
        levels = () if curve is None else (_levels(curve),)
    knee = found.knee
    values = {
        "stage": found.stage,
        "stage_step": step_of(found.step),
        "stage_interval": found.step and found.step.ends(),
        "knee_step": step_of(knee),
        "knee_interval": knee and knee.ends(),
        "slope_ratio": estimate(found.slope_ratio),
        "slope_ratio_interval": found.slope_ratio and found.slope_ratio.ends(),
    }
    where = "none seen" if knee is None else f"step {step_of(knee)}"
    if knee is not None and knee.ends() is not None:
        where += f", interval {steps_between(knee.ends())}"
    return Result(
        values=values,
        caveats={key: why.replace("accuracy", what) for key, why in _caveats(found).items()},
        headlines=(_headline(found, what, log),),
        numbers=(MainNumber("stage", _since(found), f"knee: {where}"), *levels),
        detail=found,
    )


def _levels(curve: Curve) -> MainNumber:
    """Return what the trainer logged in the first and in the last fifth of the steps."""
    rows = fifth(len(curve.values))
    start, end = curve.values[:rows].mean(), curve.values[-rows:].mean()
    return MainNumber(curve.name, f"{start:.3f} → {end:.3f}", "first and last fifth of the steps")


def _headline(found: Stage, what: str, log: Log) -> Headline:
    urgency = {"collapsed": Urgency.EMERGENCY, "falling": Urgency.WARNING}.get(
        found.stage or "", Urgency.STATE
    )
    ends = found.step.ends() if found.step else None
    usual = REMEDIES.get(found.stage or "")
    return Headline(
        text=f"{_said(found)}.".replace("accuracy", what),
        urgency=urgency,
        evidence=found.why,
        step=step_of(found.step),
        interval=(ends[0], ends[1]) if ends else None,
        remedy=usual and remedy_for(log, str(found.stage), usual),
    )


def _since(found: Stage) -> str:
    """Name the stage in a few words."""
    if found.stage is None:
        return "undecided"
    timed = found.stage in ("falling", "collapsed", "recovered")
    return f"{found.stage}, since step {step_of(found.step)}" if timed else found.stage


def _caveats(found: Stage) -> dict[str, str]:
    unknown = ("stage", "stage_step", "stage_interval")
    caveats = {} if found.stage else dict.fromkeys(unknown, f"undecided: {found.why}")
    if found.step is not None and np.isnan(found.step.low):
        first = found.stage in ("flat", "fast")
        few = f"fewer than {FEWEST_PROBLEMS} problems, so there is no interval"
        caveats["stage_interval"] = "it began with the first step" if first else few
    if found.knee is None:
        none = f"no knee: {found.why}"
        return (
            caveats
            | dict.fromkeys(("knee_step", "knee_interval"), none)
            | dict.fromkeys(("slope_ratio", "slope_ratio_interval"), "there is no knee")
        )
    if np.isnan(found.knee.low):
        few = f"fewer than {FEWEST_PROBLEMS} problems, so there is no interval"
        caveats |= {"knee_interval": few, "slope_ratio_interval": few}
    elif found.slope_ratio is not None and np.isnan(found.slope_ratio.low):
        caveats["slope_ratio_interval"] = (
            f"fewer than {FEWEST_FOR_RATIO} problems: an interval would hold the ratio too seldom"
        )
    if not np.isfinite(estimate(found.slope_ratio) or np.inf):
        caveats["slope_ratio"] = "the accuracy does not rise behind the knee"
    return caveats


def _said(found: Stage) -> str:
    if found.stage is None:
        return f"The stage is undecided: {found.why}"
    if found.stage == "slow":
        return f"The run is in the slow stage: knee at step {step_of(found.knee)}{_slower(found)}"
    since = f"step {step_of(found.step)} {steps_between(found.step.ends()) if found.step else ''}".rstrip(
        " –"
    )
    return {
        "flat": f"Flat: {found.why}",
        "fast": f"The run is in the fast stage: {found.why}",
        "falling": f"The accuracy is falling since {since}: {found.why}",
        "collapsed": f"The accuracy has collapsed since {since}: {found.why}",
        "recovered": f"The accuracy has recovered by {since}: {found.why}",
    }[found.stage]


def _slower(found: Stage) -> str:
    """Say how much slower the accuracy rises behind the knee; a slope near zero makes no ratio."""
    times = estimate(found.slope_ratio)
    if times is None or np.isnan(times):
        return ""
    if times > 100:
        return ", behind which the accuracy hardly rises"
    return f", behind which the accuracy rises {times:.0f} times as slowly"


REMEDIES = {
    "collapsed": Remedy(
        "stop, look at what was written then (length, truncation, format, entropy, KL), and go on from a "
        "checkpoint before it with a lower learning rate, a KL penalty or a tighter clip",
        "TRL's GRPOConfig: learning_rate, beta, epsilon, max_grad_norm",
    ),
    "falling": Remedy(
        "look at length, truncation, entropy and KL since then; lower the learning rate or add a KL penalty "
        "before it collapses",
        "TRL's GRPOConfig: learning_rate, beta; DAPO (arXiv 2503.14476) on entropy and overlong answers",
    ),
    "flat": Remedy(
        "see how many groups teach anything (`teaching_share`), and whether format, verifier or difficulty "
        "keep the reward constant; more rollouts a problem or easier problems give a gradient",
        "DAPO (arXiv 2503.14476): dynamic sampling",
    ),
}

FINDING = Finding(
    name="stage",
    compute=compute,
    needs_rollouts=False,
    needs_correct=False,
    keys=(
        Key("stage", "text or null", "`flat`, `fast`, `slow`, `falling`, `collapsed` or `recovered`"),
        Key("stage_step", "integer or null", "since when; of `flat` and `fast` the first step"),
        Key("stage_interval", "two numbers or null", "95 % interval of that step, over problems"),
        Key("knee_step", "integer or null", "where the accuracy bends from a fast into a slow rise"),
        Key("knee_interval", "two numbers or null", "95 % interval of the knee, over problems"),
        Key("slope_ratio", "number or null", "slope before the knee over slope after it"),
        Key(
            "slope_ratio_interval",
            "two numbers or null",
            f"95 % interval of that ratio, from {FEWEST_FOR_RATIO} problems on",
        ),
    ),
    decides=(
        "Levels are means over a tenth of the steps; the best one is chosen on one half of the problems and "
        "measured on the other; of fewer than 8 problems on halves of their visits. "
        f"`falling`: the last level is {SMALLEST_FALL:g} or more below the best, "
        f"with its whole 95 % interval. `collapsed`: and at most {COLLAPSED:.0%} of the best is left; or "
        "surely so little of a lower one. Where the last problems are others than those of the best level, a "
        "fall counts if problems that recur have fallen themselves, or each was seen once all along: then it "
        "is `falling` unless nothing is left. A rise is undecided where the last problems are others and "
        "those that recur surely have not risen by half of it. "
        f"`recovered`: it fell to {DEEPEST:.0%} or less of an earlier level, and is back at {BACK:.0%} of "
        "it. Else `slow`: a knee. Two joined lines fit the accuracy better than one (BIC by 6), and the "
        "first is at least twice as steep with its whole 95 % interval. `fast`: the accuracy has risen by "
        "0.05 or more, and there is no knee yet. `flat`: it has not, and what would have been seen is said. "
        "With partial credit the same of the mean reward, in its unit: thresholds are shares of the range "
        "from 0 (or where groups lie below it, of their lowest 5 %) to its highest level, at least 1. "
        "Rewards count at most as far from the middle 99 % as these are wide"
    ),
    view="learning-curve",
)
