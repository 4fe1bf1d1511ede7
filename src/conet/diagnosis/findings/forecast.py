"""Ahead of time: where the bottom of the V is to be expected."""

from dataclasses import asdict

from conet.detect.forecast import FORECAST_LEVEL, forecast_online
from conet.diagnosis.declare import Finding, Key, MainNumber, Result
from conet.diagnosis.log import Log

KEY = "v_bottom_forecast"
CALIBRATED = (
    "calibrated on walks of CoNet alone (docs/detector.md); on a language model nobody has measured how "
    "often it holds"
)


def compute(log: Log) -> Result:
    """Ask the detector after the last step where the bottom is to be expected."""
    valley, signal = log.other("correct-length"), log.other("heating")
    if valley is not None and valley.judgement == "V":
        return Result(caveats={KEY: "the V has its bottom already"})
    if valley is not None and valley.start_ratio.low <= 1:
        return Result(caveats={KEY: "the correct length has not fallen yet with its whole interval"})
    found = None if signal.detector is None else forecast_online(signal.detector)
    changed = None if signal.evidence is None else signal.evidence.mix_step
    if changed is not None:
        why = f"other problems are asked since step {changed}, and the forecast knows runs with one mix alone"
        return Result(caveats={KEY: why})
    if found is None:
        why = "there is a forecast while 3 to 40 % of what could be learned is learned, and lengths are known"
        return Result(caveats={KEY: why})
    if found.step <= int(log.steps["step"][-1]):
        why = f"the bottom was expected at step {found.step}, which has passed, and no V is seen yet"
        return Result(caveats={KEY: why})
    around = f"{FORECAST_LEVEL:.0%} between steps {found.low} and {found.high}; {CALIBRATED}"
    return Result(
        values={KEY: asdict(found)},
        caveats={KEY: CALIBRATED},
        numbers=(MainNumber("V bottom expected", f"step {found.step}", around),),
        detail=found,
    )


FINDING = Finding(
    name="forecast",
    compute=compute,
    keys=(
        Key(
            KEY,
            "object or null",
            "`step` at which the bottom of the V is expected, `low` and `high` of its 80 % interval, the "
            "`level`, and the share `learned` that it rests on",
        ),
    ),
    decides=(
        "while there is no V yet: the bottom comes when a tenth to a fifth of what could be learned is "
        "learned, and the updates done so far are the unit in which that is measured"
    ),
    view="correct-length",
)
