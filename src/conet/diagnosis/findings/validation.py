"""The evaluation beside the training, kept apart from it."""

from conet.diagnosis.declare import Finding, Key, MainNumber, Result
from conet.diagnosis.log import Log


def compute(log: Log) -> Result:
    """Report the accuracy of each evaluation."""
    steps = log.validation
    if steps is None:
        alone = "only validation rollouts, which are diagnosed in place of the training's"
        return Result(caveats={"validation": "no validation rollouts" if log.split == "train" else alone})
    values = {
        "steps": steps.height,
        "samples": int(steps["samples"].sum()),
        "accuracy": {str(step): share for step, share in steps.select("step", "accuracy").iter_rows()},
    }
    last = steps.sort("step").row(-1, named=True)
    said = (
        f"accuracy at step {last['step']:,}, the last of {steps.height}; "
        f"{values['samples']:,} samples, kept apart"
    )
    number = MainNumber("validation", f"{last['accuracy']:.3f}", said)
    return Result(values={"validation": values}, numbers=(number,), detail=steps)


FINDING = Finding(
    name="validation",
    compute=compute,
    needs_correct=False,
    keys=(Key("validation", "object or null", "`steps`, `samples`, and `accuracy` by step"),),
    decides=(
        "rollouts of an evaluation are counted here and nowhere else; where there are no others, they are "
        "diagnosed"
    ),
    view="learning-curve",
)
