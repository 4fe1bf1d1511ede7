"""How often problems are seen again: with one epoch nothing can be said of what is learned and forgotten."""

import numpy as np

from conet.base.text import counted
from conet.diagnosis.declare import Finding, Headline, Key, Remedy, Result, Urgency
from conet.diagnosis.findings.outcomes import FEWEST_VISITS
from conet.diagnosis.log import UNKNOWN, Log

REMEDY = Remedy(
    "to see forgetting, draw the same problems again, or evaluate a fixed set every few steps",
    "TRL: num_train_epochs, eval_steps with eval_on_start; verl: trainer.total_epochs, trainer.test_freq",
)
UNFOLLOWED = Remedy(
    "to see learning and forgetting, evaluate a fixed set every few steps, or log a prompt or id",
    "tinker-cookbook: eval_every; a line a rollout of your own with step, prompt and reward",
)


def compute(log: Log) -> Result:
    """Count the visits of the problems."""
    visits = np.bincount(log.visits.table["problem"].to_numpy(), minlength=log.visits.problems)
    median = float(np.median(visits))
    often = int((visits >= FEWEST_VISITS).sum())
    values = {"visits_a_problem": median, "seen_once": log.seen_once}
    if not log.record.follows:
        return _unfollowed(log, often)
    if often or len(log.steps) < FEWEST_VISITS:
        return Result(values=values, detail=often)
    how = "once (one epoch)" if log.seen_once else f"at most {visits.max()} times"
    said = Headline(
        name="one epoch" if log.seen_once else "few visits",
        text=f"Each prompt was seen {how}: what was learned, forgotten or is dead cannot be told.",
        urgency=Urgency.NOTE,
        evidence=(
            f"{counted(log.visits.problems, 'problem')} at {counted(len(log.steps), 'step')}; "
            f"{FEWEST_VISITS} visits are needed"
        ),
        remedy=REMEDY,
    )
    return Result(values=values, headlines=(said,), detail=often)


def _unfollowed(log: Log, often: int) -> Result:
    """Say that the log names groups of a batch, and no problems: whether one came again is not known."""
    said = Headline(
        name="problems unknown",
        text="The log numbers the groups of each batch and names no problems, so none can be followed: what "
        "was learned, forgotten or is dead cannot be told.",
        urgency=Urgency.NOTE,
        evidence=f"{counted(log.visits.problems, 'group')} at {counted(len(log.steps), 'step')}",
        remedy=UNFOLLOWED,
    )
    return Result(
        caveats=dict.fromkeys(("visits_a_problem", "seen_once"), UNKNOWN), headlines=(said,), detail=often
    )


FINDING = Finding(
    name="epochs",
    compute=compute,
    keys=(
        Key("visits_a_problem", "number or null", "at how many steps a problem was seen, the median"),
        Key("seen_once", "true, false or null", "whether no problem was seen at two steps: one epoch"),
    ),
    decides=(
        f"where no problem has {FEWEST_VISITS} visits, that is said, and `learned`, `forgotten`, `dead` are "
        "null; where each has one, so is what lies within problems; and where the log names no problems "
        "(tinker-cookbook), that is said in its place"
    ),
    view="problems",
)
