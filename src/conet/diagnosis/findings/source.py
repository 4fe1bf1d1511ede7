"""What was read: files, steps, problems, samples, what was passed over."""

from conet.diagnosis.declare import Finding, Key, Result
from conet.diagnosis.log import Log


def compute(log: Log) -> Result:
    """Describe the log."""
    record, steps = log.record, log.steps
    values = {
        "path": str(record.path),
        "format": record.format,
        "files": len(record.files),
        "steps": steps.height,
        "first_step": steps["step"].min(),
        "last_step": steps["step"].max(),
        "problems": log.visits.problems,
        "samples": int(steps["samples"].sum()),
        "samples_a_visit": log.visits.group,
        "sources": record.sources,
        "skipped_rows": sum(record.skipped.values()),
        "skipped": record.skipped,
        "skipped_files": record.skipped_files,
        "remarks": list(record.remarks),
    }
    length = record.sources.get("length")
    caveats = {
        "length": f"lengths are {length}" if length else "lengths are not known: no column, and no answers",
        "correct": f"correct is {record.sources['correct']}",
    }
    if record.skipped:
        caveats["skipped_rows"] = ", ".join(f"{why}: {count}" for why, count in record.skipped.items())
    if record.skipped_files:
        count = len(record.skipped_files)
        caveats["skipped_files"] = f"incomplete: {count} files could not be read, or not to their end"
    return Result(values=values, caveats=caveats)


FINDING = Finding(
    name="source",
    compute=compute,
    keys=(
        Key("path", "text", "what was diagnosed"),
        Key("format", "text", "the format that it was read as"),
        Key("files", "integer", "files that were read"),
        Key("steps", "integer", "steps that were logged"),
        Key("first_step", "integer", "first of them, as the trainer counts"),
        Key("last_step", "integer", "last of them"),
        Key("problems", "integer", "different problems"),
        Key("samples", "integer", "rollouts that were counted"),
        Key("samples_a_visit", "integer", "most frequent number of rollouts of a problem at a step"),
        Key("sources", "object", "where step, problem, correct, length and truncated come from, in words"),
        Key("skipped_rows", "integer", "rows that were passed over"),
        Key("skipped", "object", "how many of them, by reason"),
        Key("skipped_files", "object", "files that were not read, or not to their end, and why"),
        Key("remarks", "list of text", "what else should be known of the files"),
    ),
    decides="what was read, and what was passed over; rows are never dropped without being counted",
)
