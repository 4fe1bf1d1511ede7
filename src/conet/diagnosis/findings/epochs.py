"""How often problems are seen again: with one epoch nothing can be said of what is learned and forgotten."""

import numpy as np

from conet.diagnosis.declare import Finding, Headline, Key, Remedy, Result, Urgency
from conet.diagnosis.findings.outcomes import FEWEST_VISITS
from conet.diagnosis.log import Log

REMEDY = Remedy(
    "to see forgetting, draw the same problems again, or evaluate a fixed set every few steps",
    "TRL: num_train_epochs, eval_steps with eval_on_start; verl: trainer.total_epochs, trainer.test_freq",
)


def compute(log: Log) -> Result:
    """Count the visits of the problems."""
    visits = np.bincount(log.visits.table["problem"].to_numpy(), minlength=log.visits.problems)
    median = float(np.median(visits))
    often = int((visits >= FEWEST_VISITS).sum())
    values = {"visits_a_problem": median, "seen_once": log.seen_once}
    if often or len(log.steps) < FEWEST_VISITS:
        return Result(values=values, detail=often)
    how = "once (one epoch)" if log.seen_once else f"at most {visits.max()} times"
    said = Headline(
        name="one epoch" if log.seen_once else "few visits",
        text=f"Each prompt was seen {how}: what was learned, forgotten or is dead cannot be told.",
        urgency=Urgency.NOTE,
        evidence=(
            f"{log.visits.problems:,} problems at {len(log.steps):,} steps; {FEWEST_VISITS} visits are needed"
        ),
        remedy=REMEDY,
    )
    return Result(values=values, headlines=(said,), detail=often)


FINDING = Finding(
    name="epochs",
    compute=compute,
    keys=(
        Key("visits_a_problem", "number", "at how many steps a problem was seen, the median"),
        Key("seen_once", "true or false", "whether no problem was seen at two steps: one epoch"),
    ),
    decides=(
        f"where no problem has {FEWEST_VISITS} visits, that is said, and `learned`, `forgotten`, `dead` are "
        "null; where each has one, so is what lies within problems"
    ),
    view="problems",
)
