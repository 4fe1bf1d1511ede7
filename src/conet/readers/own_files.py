"""Files that CoNet itself has made of a log: they hold a row a problem or a step, and are no log."""

from conet.base.errors import ConetError
from conet.readers.formats.records import Head

# Columns by which they are known.
MADE: dict[str, tuple[str, frozenset[str]]] = {
    "heat": (
        "examples that `conet heat` chose",
        frozenset({"problem", "accuracy", "correct", "samples", "first_step", "last_step"}),
    ),
    "problems": (
        "the problems that `conet diagnose` counted",
        frozenset({"problem", "status", "visits", "accuracy_best", "onset_step"}),
    ),
    "steps": (
        "the steps that `conet diagnose` counted",
        frozenset({"step", "problems", "correct_length_sum", "groups_without_signal"}),
    ),
    "diagnosis": ("what `conet diagnose` found", frozenset({"headlines", "notes", "stage", "skipped_rows"})),
}


def made_by(head: Head) -> str:
    """Return what a file is that CoNet made of a log; empty for any other."""
    return next((what for what, columns in MADE.values() if head.has(*columns)), "")


def refuse(head: Head) -> None:
    """Refuse a file that CoNet made of a log.

    Raises
    ------
    ConetError
        Saying which.
    """
    if what := made_by(head):
        raise ConetError(
            f"{head.path}, which holds {what}", "the log itself", "name the log it was made from"
        )
