"""The stage of a run: fast before the knee of its accuracy, slow behind it."""

from dataclasses import dataclass

import numpy as np

from conet.base.intervals import FEWEST_PROBLEMS, Interval, percentiles, resampled
from conet.detect import Counts, CurveModels, Knee, curve_models, find_knee
from conet.detect.knee import FEWEST_ROWS, SMALLEST_RISE
from conet.detect.models import STRONG
from conet.diagnosis.declare import Finding, Headline, Key, MainNumber, Result, Urgency
from conet.diagnosis.log import Log, fifth
from conet.diagnosis.words import estimate, step_of, steps_between

STEEPER = 2.0  # times steeper before the knee than after it, with the whole interval (our choice)


@dataclass(frozen=True, kw_only=True)
class Stage:
    """The stage of a run and the evidence.

    Attributes
    ----------
    stage : str or None
        "slow" behind a knee; "fast" where the accuracy rises by 0.05 or more and no knee is seen yet;
        None where that is not known.
    why : str
    knee : Interval or None
        None unless the curve bends: twice as steep before as after with the whole interval, and two
        lines beat one by a BIC of 6.
    slope_ratio : Interval or None
        Slope before the knee over slope after it.
    rise : Interval
        Accuracy of the last fifth of the steps less that of the first.
    models : CurveModels or None
    """

    stage: str | None
    why: str
    knee: Interval | None = None
    slope_ratio: Interval | None = None
    rise: Interval
    models: CurveModels | None = None


def find_stage(counts: Counts) -> Stage:
    """Say which stage a run is in."""
    rise = _rise(counts)
    rows = len(counts.steps)
    if rows < FEWEST_ROWS:
        why = f"{rows} steps, and a knee needs at least {FEWEST_ROWS}"
        return Stage(stage=None, why=why, rise=rise)
    found, models = find_knee(counts), curve_models(counts)
    if _bends(found, models):
        assert found.step is not None
        assert found.slope_ratio is not None
        times, step = found.slope_ratio.estimate, found.step.estimate
        why = f"the accuracy rose {times:.0f} times as fast before step {step:.0f} (the knee) as after it"
        if not np.isfinite(times):
            why = f"the accuracy rose before step {step:.0f} (the knee) only"
        return Stage(
            stage="slow", why=why, knee=found.step, slope_ratio=found.slope_ratio, rise=rise, models=models
        )
    if rise.estimate >= SMALLEST_RISE and (rise.low > 0 or np.isnan(rise.low)):
        why = f"the accuracy has risen by {rise.estimate:.2f}, without a knee so far"
        return Stage(stage="fast", why=why, rise=rise, models=models)
    why = (
        f"the accuracy changed by {rise.estimate:+.3f} from the first to the last fifth of the steps, which "
        "is too little to tell a fast from a slow stage"
    )
    return Stage(stage=None, why=why, rise=rise, models=models)


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
        "knee_step": step_of(knee),
        "knee_interval": knee and knee.ends(),
        "slope_ratio": estimate(found.slope_ratio),
        "slope_ratio_interval": found.slope_ratio and found.slope_ratio.ends(),
    }
    where = "none seen" if knee is None else f"step {step_of(knee)}, interval {steps_between(knee.ends())}"
    return Result(
        values=values,
        caveats=_caveats(found),
        headlines=(Headline(text=f"{_said(found)}.", urgency=Urgency.STATE, evidence=found.why),),
        numbers=(MainNumber("stage", found.stage or "undecided", f"knee: {where}"),),
        detail=found,
    )


def _caveats(found: Stage) -> dict[str, str]:
    caveats = {} if found.stage else {"stage": f"undecided: {found.why}"}
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
    if found.stage == "fast":
        return f"The run is in the fast stage: {found.why}"
    times = estimate(found.slope_ratio)
    known = times is not None and np.isfinite(times)
    slower = f", behind which the accuracy rises {times:.0f} times as slowly" if known else ""
    return f"The run is in the slow stage: knee at step {step_of(found.knee)}{slower}"


FINDING = Finding(
    name="stage",
    compute=compute,
    keys=(
        Key("stage", "text or null", "`fast` or `slow`"),
        Key("knee_step", "integer or null", "where the accuracy bends from a fast into a slow rise"),
        Key("knee_interval", "two numbers or null", "95 % interval of the knee, over problems"),
        Key("slope_ratio", "number or null", "slope before the knee over slope after it"),
        Key("slope_ratio_interval", "two numbers or null", "95 % interval of that ratio"),
    ),
    decides=(
        "`slow`: a knee. Two joined lines fit the accuracy better than one (BIC by 6), and the first is at "
        "least twice as steep with its whole 95 % interval. `fast`: the accuracy has risen by 0.05 or "
        "more, and there is no knee yet"
    ),
    view="learning-curve",
)
