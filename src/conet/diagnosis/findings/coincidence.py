"""Whether the knee of the accuracy and the bottom of the V fall on the same step."""

from conet.detect.marks import knee_behind_bottom
from conet.diagnosis.declare import Finding, Key, Result
from conet.diagnosis.log import Log

ONE_RUN = (
    "one run: the interval knows its problems, not other seeds; over seeds, conet.detect.coincidence compares"
)


def compute(log: Log) -> Result:
    """Compare the two, where the run has both."""
    knee, valley = log.other("stage").knee, log.other("correct-length")
    if knee is None or valley is None or valley.judgement != "V":
        lacking = "knee" if knee is None else "V with a bottom"
        return Result(caveats={"coincidence": f"there is no {lacking}"})
    found = knee_behind_bottom(log.counts, knee.estimate, valley.bottom.estimate, valley.window)
    if found is None:
        return Result(caveats={"coincidence": "too few problems or steps to resample"})
    values = {
        "first": "V bottom",
        "second": "knee",
        "difference": found.difference.to_json(),
        "ratio": found.ratio.to_json(),
        "judgement": found.judgement,
        "verdict": found.judgement,  # its name in version 0.1
    }
    return Result(values={"coincidence": values}, caveats={"coincidence": ONE_RUN}, detail=found)


FINDING = Finding(
    name="coincidence",
    compute=compute,
    keys=(
        Key(
            "coincidence",
            "object or null",
            "`difference` (steps) and `ratio` of the knee to the bottom of the V, and the `judgement`",
        ),
    ),
    decides=(
        "knee and bottom of the V `coincide` where the whole 95 % interval of their ratio, in steps done, "
        "lies between 1/1.2 and 1.2; they `differ` where it lies wholly outside"
    ),
    view="correct-length",
)
