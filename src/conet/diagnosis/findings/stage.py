"""The stage of a run: flat, fast, slow behind a knee, falling, collapsed, or recovered."""

from dataclasses import dataclass

import numpy as np

from conet.base.intervals import FEWEST_PROBLEMS, Interval, percentiles, resampled
from conet.detect import Counts, CurveModels, Knee, curve_models, find_knee
from conet.detect.knee import FEWEST_ROWS, SMALLEST_RISE
from conet.detect.models import STRONG
from conet.detect.trend import BACK, COLLAPSED, DEEPEST, SMALLEST_FALL, Trend, find_trend
from conet.detect.trend import FEWEST_ROWS as FEWEST_STEPS
from conet.diagnosis.declare import Finding, Headline, Key, MainNumber, Remedy, Result, Urgency
from conet.diagnosis.log import Log, fifth
from conet.diagnosis.words import estimate, step_of, steps_between, with_ends

STEEPER = 2.0  # times steeper before the knee than after it, with the whole interval (our choice)


@dataclass(frozen=True, kw_only=True)
class Stage:
    """The stage of a run and the evidence.

    Attributes
    ----------
    stage : str or None
        "flat", "fast", "slow", "falling", "collapsed" or "recovered"; None where that is not known.
    why : str
    step : Interval or None
        Since when: the knee of "slow", the first step of "flat" and "fast", else where the accuracy left its
        best level, or was back at it.
    knee : Interval or None
        None unless the curve bends: twice as steep before as after with the whole interval, and two
        lines beat one by a BIC of 6.
    slope_ratio : Interval or None
        Slope before the knee over slope after it.
    rise : Interval
        Accuracy of the last fifth of the steps less that of the first.
    models : CurveModels or None
    trend : Trend or None
    """

    stage: str | None
    why: str
    step: Interval | None = None
    knee: Interval | None = None
    slope_ratio: Interval | None = None
    rise: Interval
    models: CurveModels | None = None
    trend: Trend | None = None


def find_stage(counts: Counts) -> Stage:
    """Say which stage a run is in."""
    rise, trend = _rise(counts), find_trend(counts)
    rows = len(counts.steps)
    if trend is None:
        why = f"{rows} steps, and a stage needs at least {FEWEST_STEPS}"
        return Stage(stage=None, why=why, rise=rise)
    start = Interval(float(counts.steps[0]), np.nan, np.nan)
    if trend.kind:
        return Stage(stage=trend.kind, why=_told(trend), step=trend.step, rise=rise, trend=trend)
    if rows >= FEWEST_ROWS:
        found, models = find_knee(counts), curve_models(counts)
        if _bends(found, models):
            return Stage(
                stage="slow",
                why=_knee_in_words(found),
                step=found.step,
                knee=found.step,
                slope_ratio=found.slope_ratio,
                rise=rise,
                models=models,
                trend=trend,
            )
    else:
        models = None
    if rise.estimate >= SMALLEST_RISE and (rise.low > 0 or np.isnan(rise.low)):
        stage, why = "fast", f"the accuracy has risen by {with_ends(rise)}, without a knee so far"
    else:
        stage, why = "flat", _flat(rise)
    return Stage(stage=stage, why=why, step=start, rise=rise, models=models, trend=trend)


def _told(trend: Trend) -> str:
    """Say how far the accuracy fell, or came back."""
    if trend.kind == "recovered":
        return f"it fell from {trend.best:.2f} to {trend.bottom:.2f}, and is at {trend.last:.2f} again"
    return (
        f"it was {trend.best:.2f} at its best and is {trend.last:.2f} now, a fall of {with_ends(trend.fall)}"
    )


def _knee_in_words(found: Knee) -> str:
    assert found.step is not None
    assert found.slope_ratio is not None
    times, step = found.slope_ratio.estimate, found.step.estimate
    if not np.isfinite(times):
        return f"the accuracy rose before step {step:.0f} (the knee) only"
    return f"the accuracy rose {times:.0f} times as fast before step {step:.0f} (the knee) as after it"


def _flat(rise: Interval) -> str:
    """Say that nothing happened, and what could still have been seen."""
    change = f"the accuracy changed by {rise.estimate:+.3f} from the first to the last fifth of the steps"
    if np.isnan(rise.low):
        return f"{change}, and of fewer than {FEWEST_PROBLEMS} problems no noise can be told"
    if rise.low <= 0 <= rise.high:
        return f"{change}, which is noise: a rise above {max(rise.high, 0):.3f} would have been seen"
    small = abs(rise.estimate) < SMALLEST_RISE
    what = f"less than the {SMALLEST_RISE:g} that counts" if small else "hardly more than noise"
    return f"{change} [{rise.low:+.3f}, {rise.high:+.3f}], {what}"


def _bends(found: Knee, models: CurveModels | None) -> bool:
    if found.step is None or found.slope_ratio is None or models is None:
        return False
    sure = found.slope_ratio.low if np.isfinite(found.step.low) else found.slope_ratio.estimate / 2
    return sure >= STEEPER and models.bic["line"] - models.bic["segments"] >= STRONG


def _rise(counts: Counts) -> Interval:
    rows = fifth(len(counts.steps))
    first_and_last = slice(0, rows), slice(len(counts.steps) - rows, None)

    def rise(weights: np.ndarray | None) -> np.ndarray:
        parts = []
        for chosen in first_and_last:
            correct, samples = (
                counts.pooled(values[chosen].sum(axis=0, keepdims=True), weights)
                for values in (counts.correct_count, counts.samples)
            )
            parts.append(correct / np.where(samples > 0, samples, np.nan))
        return (parts[1] - parts[0])[0]

    whole = float(rise(None))
    if counts.problems < FEWEST_PROBLEMS:
        return Interval(whole, np.nan, np.nan)
    return percentiles(whole, rise(resampled(counts.problems)))


def compute(log: Log) -> Result:
    """Find stage and knee, and say what they are."""
    found = find_stage(log.counts)
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
    where = "none seen" if knee is None else f"step {step_of(knee)}, interval {steps_between(knee.ends())}"
    return Result(
        values=values,
        caveats=_caveats(found),
        headlines=(_headline(found),),
        numbers=(MainNumber("stage", _since(found), f"knee: {where}"),),
        detail=found,
    )


def _headline(found: Stage) -> Headline:
    urgency = {"collapsed": Urgency.EMERGENCY, "falling": Urgency.WARNING}.get(
        found.stage or "", Urgency.STATE
    )
    ends = found.step.ends() if found.step else None
    return Headline(
        text=f"{_said(found)}.",
        urgency=urgency,
        evidence=found.why,
        step=step_of(found.step),
        interval=(ends[0], ends[1]) if ends else None,
        remedy=REMEDIES.get(found.stage or ""),
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
    if not np.isfinite(estimate(found.slope_ratio) or np.inf):
        caveats["slope_ratio"] = "the accuracy does not rise behind the knee"
    return caveats


def _said(found: Stage) -> str:
    if found.stage is None:
        return f"The stage is undecided: {found.why}"
    if found.stage == "slow":
        times = estimate(found.slope_ratio)
        known = times is not None and np.isfinite(times)
        slower = f", behind which the accuracy rises {times:.0f} times as slowly" if known else ""
        return f"The run is in the slow stage: knee at step {step_of(found.knee)}{slower}"
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
    keys=(
        Key("stage", "text or null", "`flat`, `fast`, `slow`, `falling`, `collapsed` or `recovered`"),
        Key("stage_step", "integer or null", "since when; of `flat` and `fast` the first step"),
        Key("stage_interval", "two numbers or null", "95 % interval of that step, over problems"),
        Key("knee_step", "integer or null", "where the accuracy bends from a fast into a slow rise"),
        Key("knee_interval", "two numbers or null", "95 % interval of the knee, over problems"),
        Key("slope_ratio", "number or null", "slope before the knee over slope after it"),
        Key("slope_ratio_interval", "two numbers or null", "95 % interval of that ratio"),
    ),
    decides=(
        "Levels are means over a tenth of the steps; the best one is chosen on one half of the problems and "
        f"measured on the other. `falling`: the last level is {SMALLEST_FALL:g} or more below the best, "
        f"with its whole 95 % interval. `collapsed`: and at most {COLLAPSED:.0%} of the best is left. "
        f"`recovered`: it fell to {DEEPEST:.0%} or less of an earlier level, and is back at {BACK:.0%} of "
        "it. Else `slow`: a knee. Two joined lines fit the accuracy better than one (BIC by 6), and the "
        "first is at least twice as steep with its whole 95 % interval. `fast`: the accuracy has risen by "
        "0.05 or more, and there is no knee yet. `flat`: it has not, and what would have been seen is said"
    ),
    view="learning-curve",
)
