"""What was read: files, steps, problems, samples, what was passed over."""

from typing import TYPE_CHECKING, Any

from conet.base.text import counted
from conet.diagnosis.declare import NO_ROLLOUTS, Finding, Key, Result
from conet.diagnosis.log import UNKNOWN, Log

if TYPE_CHECKING:
    import polars


def compute(log: Log) -> Result:
    """Describe the log."""
    record = log.record
    values = {
        "path": str(record.path),
        "format": record.format,
        "files": len(record.files),
        **(_rollouts(log) if log.has_rollouts else _steps(log.scalars)),
        "scalars": _scalars(log),
        "sources": record.sources,
        "skipped_rows": sum(record.skipped.values()),
        "skipped": record.skipped,
        "skipped_files": record.skipped_files,
        "remarks": list(record.remarks),
    }
    caveats = _meaning(log) if log.has_rollouts else dict.fromkeys(OF_ROLLOUTS, NO_ROLLOUTS)
    if log.has_rollouts and not log.record.follows:
        caveats["problems"] = UNKNOWN
    if log.scalars is None:
        caveats["scalars"] = "no scalars of the trainer were found beside the rollouts"
    if record.skipped:
        caveats["skipped_rows"] = ", ".join(f"{why}: {count}" for why, count in record.skipped.items())
    if record.skipped_files:
        count = len(record.skipped_files)
        caveats["skipped_files"] = (
            f"incomplete: {counted(count, 'file')} could not be read, or not to the end"
        )
    return Result(values=values, caveats=caveats)


OF_ROLLOUTS = ("problems", "samples", "samples_a_visit")


def _rollouts(log: Log) -> dict[str, Any]:
    """Return the numbers of steps, problems and rollouts."""
    return _steps(log.steps) | {
        "problems": log.visits.problems if log.record.follows else None,
        "samples": int(log.steps["samples"].sum()),
        "samples_a_visit": log.visits.group,
    }


def _steps(table: "polars.DataFrame | None") -> dict[str, Any]:
    assert table is not None
    return {
        "steps": table.height,
        "first_step": table["step"].min(),
        "last_step": table["step"].max(),
    }


def _scalars(log: Log) -> dict[str, Any] | None:
    """Say what the trainer logged by step: under which name, first and last value."""
    table = log.scalars
    if table is None:
        return None
    found = {}
    for quantity, name in log.record.scalar_names.items():
        known = table[quantity].drop_nulls()
        if known.len():
            found[quantity] = {"name": name, "first": known[0], "last": known[-1], "steps": known.len()}
    return found


def _meaning(log: Log) -> dict[str, str]:
    """Say where correct and length come from."""
    sources = log.record.sources
    length = sources.get("length")
    return {
        "length": f"lengths are {length}" if length else "lengths are not known: no column, and no answers",
        "correct": f"correct is {sources['correct']}",
    }


FINDING = Finding(
    name="source",
    compute=compute,
    needs_rollouts=False,
    needs_correct=False,
    keys=(
        Key("path", "text", "what was diagnosed"),
        Key("format", "text", "the format that it was read as"),
        Key("files", "integer", "files that were read"),
        Key("steps", "integer", "steps that were logged"),
        Key("first_step", "integer", "first of them, as the trainer counts"),
        Key("last_step", "integer", "last of them"),
        Key("problems", "integer or null", "different problems"),
        Key("samples", "integer or null", "rollouts that were counted"),
        Key("samples_a_visit", "integer or null", "most frequent number of rollouts of a problem at a step"),
        Key(
            "scalars",
            "object or null",
            "what the trainer logged by step, by quantity: its `name` there, `first` and `last` value, "
            "and at how many `steps`",
        ),
        Key("sources", "object", "where step, problem, correct, length and truncated come from, in words"),
        Key("skipped_rows", "integer", "rows that were passed over"),
        Key("skipped", "object", "how many of them, by reason"),
        Key("skipped_files", "object", "files that were not read, or not to their end, and why"),
        Key("remarks", "list of text", "what else should be known of the files"),
    ),
    decides="what was read, and what was passed over; rows are never dropped without being counted",
)
