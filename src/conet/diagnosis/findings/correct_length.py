"""The V of the correct length: where its bottom is, whether it is one, and what its right arm is."""

import numpy as np

from conet.base.text import number
from conet.detect import Valley, find_valley
from conet.detect.knee import FEWEST_ROWS
from conet.detect.valley import as_json
from conet.diagnosis.declare import Finding, Key, MainNumber, Result
from conet.diagnosis.log import Log

NAME = "V of the correct length"
SMALLEST_GAP = 0.02  # of a ratio from 1; so that the samples asked for stay finite


def compute(log: Log) -> Result:
    """Find the V, and say what its right arm is made of."""
    valley = find_valley(log.counts) if log.visits.measured else None
    if valley is None:
        why = "no answer was correct" if log.visits.measured else "the lengths of the answers are not known"
        names = ("v", "v_shortest", "v_bottom_step", "v_bottom_interval")
        return Result(
            values={"v_pooled": {}, "v_within": {}},
            caveats=dict.fromkeys(names, why),
            numbers=(MainNumber(NAME, "unknown", why),),
        )
    known = as_json(valley)
    values = {
        "v": valley.judgement,
        "v_bottom_step": known["v_bottom_step"],
        "v_bottom_interval": known["v_bottom_interval"],
        "v_shortest": {
            "step": valley.bottom.estimate,
            "length": valley.length,
            "interval": known["min_interval"],
        },
        "v_pooled": {
            name: getattr(valley, name).to_json() for name in ("start_ratio", "end_ratio", "change")
        },
        "v_within": {
            name: getattr(valley, name).to_json() for name in ("within_ratio", "within", "composition")
        },
    }
    once = log.seen_once and log.steps.height > 1
    seen = "unknown: each was seen once" if log.record.follows else "unknown: they cannot be followed"
    within = seen if once else number(valley.within_ratio.estimate, 2)
    said = f"{valley.evidence}; within problems {within}"
    if once:
        values["v_within"] = None
    return Result(
        values=values,
        caveats=_caveats(log, valley) | ({"v_within": log.once} if once else {}),
        numbers=(MainNumber(NAME, valley.judgement, said),),
        detail=valley,
    )


def _caveats(log: Log, valley: Valley) -> dict[str, str]:
    if valley.judgement != "V":
        more = ""
        if log.steps.height < FEWEST_ROWS:
            more = f"; at least {FEWEST_ROWS - log.steps.height} more steps are needed, however many samples"
        elif valley.judgement == "undecided" and np.isfinite(valley.end_ratio.low):
            more = f"; {_more(valley, log.visits.group)}"
        return {"v_bottom_step": valley.why + more, "v_bottom_interval": "there is no V with a bottom"}
    caveats = {}
    if np.isnan(valley.bottom.low):
        caveats["v_bottom_interval"] = "too few problems to resample"
    if np.isnan(valley.within_ratio.estimate):
        caveats["v_within"] = "no problem solved at the bottom was seen again at the end"
    return caveats


def _more(valley: Valley, samples: int) -> str:
    """How many samples would decide the V: noise falls with the root of their number."""
    half = (valley.end_ratio.high - valley.end_ratio.low) / 2
    gap = max(abs(valley.end_ratio.estimate - 1.0), SMALLEST_GAP)
    if not np.isfinite(half) or half <= gap:
        return "more steps would decide it"
    factor = (half / gap) ** 2
    return (
        f"about {factor:.0f} times as many samples (some {samples * factor:.0f} a problem and visit instead "
        f"of {samples}), or that many more steps, would decide it"
    )


FINDING = Finding(
    name="correct-length",
    compute=compute,
    keys=(
        Key("v", "text or null", "`V`, `no V` or `undecided`"),
        Key("v_bottom_step", "integer or null", "step of the shortest correct length, where there is a V"),
        Key("v_bottom_interval", "two numbers or null", "95 % interval of that step, over problems"),
        Key(
            "v_shortest",
            "object or null",
            "`step`, `length` and `interval` of the shortest windowed length, V or not",
        ),
        Key(
            "v_pooled",
            "object",
            "start and end over the shortest (`start_ratio`, `end_ratio`) and the `change` of the length "
            "from the bottom to the end, each with `estimate`, `low` and `high`",
        ),
        Key(
            "v_within",
            "object or null",
            "`within_ratio`: end over bottom for the problems solved at the bottom; `within` and "
            "`composition`: the two parts of the change",
        ),
    ),
    decides=(
        "`V`: both arms are there with their whole 95 % intervals, and the end is at least 1.1 times the "
        "shortest; cross-fitted over problems, since the least of a noisy curve is always too low. `no V`: "
        "an arm lies below 1.1 with its whole interval, or the shortest is the first or the last step. "
        "Else `undecided`"
    ),
    view="correct-length",
)
