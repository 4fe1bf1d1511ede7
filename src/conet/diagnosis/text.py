"""A diagnosis in words, as the terminal shows it."""

from conet.base.text import listed
from conet.diagnosis.diagnosis import Diagnosis


def subtitle(found: Diagnosis) -> str:
    """Describe what was read in one line."""
    numbers = found.findings
    parts = [
        f"{numbers['format']} format",
        f"steps {numbers['first_step']:,} to {numbers['last_step']:,} ({numbers['steps']:,})",
        f"{numbers['problems']:,} problems",
        f"{numbers['samples']:,} samples, {numbers['samples_a_visit']} a problem and step",
    ]
    if numbers["skipped_rows"]:
        parts.append(f"rows passed over: {numbers['skipped_rows']:,}")
    return " · ".join(parts)


def described(found: Diagnosis, report: str) -> str:
    """Put a diagnosis into a few lines: what is most urgent, the main numbers, what is undecided."""
    numbers = found.findings
    lines = [subtitle(found), *(line.text for line in found.headlines)]
    lines += [f"{name:26} {value:18} {what}" for name, value, what in found.numbers]
    lines += [
        f"undecided: {key}: {text.removeprefix('undecided: ')}"
        for key, text in found.notes.items()
        if "undecided" in text
    ]
    lines += [f"passed over: {reason}: {count}" for reason, count in numbers["skipped"].items()]
    lines += [f"passed over: {name}, which {why}" for name, why in numbers["skipped_files"].items()]
    lines += [f"note: {remark}" for remark in numbers["remarks"]]
    return listed([*lines, f"report {report}"])
