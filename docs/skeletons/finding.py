"""Skeleton of a finding: copy this file, fill in the function, and name it beside a run.

    $ conet diagnose path/to/rollouts --finding path/to/finding.py:FINDING

Its numbers stand in ``--json``, its line in the terminal and at the top of the report, its sentence among
the headlines. In Python: ``conet.diagnose("path/to/rollouts", findings=[FINDING])``.
"""

from conet.diagnosis.declare import Finding, Headline, Key, MainNumber, Remedy, Result, Urgency
from conet.diagnosis.log import Log

FEWEST_PROBLEMS = 8  # below, nothing is said


def compute(log: Log) -> Result:
    """Say in one line what it finds: here the share of the problems that were solved at least once.

    At hand: ``log.steps`` (a table, one row a step), ``log.visits.table`` (one row a step and problem),
    ``log.record.rows`` (one row a rollout), ``log.counts`` (matrices of steps by problems), and the detail
    of any other finding, ``log.other("outcomes")``. Read them, change nothing.
    """
    # 1. Where it cannot be told, leave the number out and say why: it is null then.
    if log.visits.problems < FEWEST_PROBLEMS:
        return Result(caveats={"solved_once": f"fewer than {FEWEST_PROBLEMS} problems"})

    # 2. Measure.
    correct = log.visits.table.group_by("problem").sum()["correct_count"]
    share = float((correct > 0).mean())  # type: ignore[arg-type]

    # 3. Say it in a sentence, only where a user should know; urgent ones come first. A remedy has a source.
    said = Headline(
        text=f"Only {share:.0%} of the problems were ever solved.",
        urgency=Urgency.WARNING,
        evidence=f"{log.visits.problems} problems",
        remedy=Remedy("leave out what is too hard", "our choice"),
    )
    return Result(
        values={"solved_once": share},
        headlines=(said,) if share < 0.5 else (),
        numbers=(MainNumber("solved once", f"{share:.2f}", "share of the problems"),),
    )


FINDING = Finding(
    name="solved-once",
    compute=compute,
    keys=(Key("solved_once", "number or null", "share of the problems with at least one correct rollout"),),
    decides="problems with a correct rollout, over problems; a headline below one half",
)
