"""A diagnosis in words, as the terminal shows it."""

from collections.abc import Mapping

from conet.base.text import counted, listed
from conet.diagnosis.declare import Headline, Urgency
from conet.diagnosis.diagnosis import Diagnosis

VALUE = 18  # columns of a main number, at the least


def subtitle(found: Diagnosis) -> str:
    """Describe what was read in one line."""
    numbers = found.findings
    parts = [
        f"{numbers['format']} format",
        _steps(numbers["first_step"], numbers["last_step"], numbers["steps"]),
    ]
    if numbers["samples"] is None:
        parts.append("scalars alone, no rollouts")
    else:
        parts += [
            "problems unknown" if numbers["problems"] is None else counted(numbers["problems"], "problem"),
            f"{counted(numbers['samples'], 'sample')}, {numbers['samples_a_visit']} a problem and step",
        ]
    if numbers["skipped_rows"]:
        parts.append(f"rows passed over: {numbers['skipped_rows']:,}")
    return " · ".join(parts)


def _steps(first: int, last: int, logged: int) -> str:
    """Say which steps there are, and whether some between them are missing."""
    whole = logged == last - first + 1
    return f"steps {first:,} to {last:,} ({logged:,}{'' if whole else ' of them in the log'})"


def labelled(line: Headline) -> str:
    """Return a headline with its urgency in front, where that is high."""
    urgent = line.urgency >= Urgency.WARNING
    return f"{line.urgency.name}: {line.text}" if urgent else line.text


def beneath(line: Headline) -> list[str]:
    """Return what stands beneath a headline: what an urgent one rests on, and what people do then."""
    found = []
    if line.urgency >= Urgency.WARNING and line.evidence and line.evidence not in line.text:
        found.append(f"evidence: {line.evidence}")
    if line.remedy is not None:
        found.append(f"remedy: {line.remedy.text} ({line.remedy.source})")
    return found


def by_cause(notes: Mapping[str, str]) -> dict[str, str]:
    """Put together the numbers that have one cause.

    Parameters
    ----------
    notes
        The cause, by the key of the number.

    Returns
    -------
    dict of str to str
        The numbers in words, by their cause.
    """
    found: dict[str, list[str]] = {}
    for key, text in notes.items():
        found.setdefault(text.removeprefix("undecided: "), []).append(in_words(key))
    return {why: ", ".join(names) for why, names in found.items()}


def in_words(key: str) -> str:
    """Return a key of the findings as words: ``v_bottom_step`` is "V bottom step"."""
    return " ".join("V" if part == "v" else part for part in key.split("_"))


def described(found: Diagnosis, report: str) -> str:
    """Put a diagnosis into a few lines: what is most urgent, the main numbers, what is undecided."""
    numbers = found.findings
    lines = [subtitle(found)]
    for line in found.headlines:
        lines += [labelled(line), *(f"  {more}" for more in beneath(line))]
    wide = max([VALUE, *(len(value) + 1 for _, value, _ in found.numbers)])
    lines += [f"{name:26} {value:{wide}} {what}" for name, value, what in found.numbers]
    open_still = {key: text for key, text in found.notes.items() if "undecided" in text}
    lines += [f"undecided: {names}: {why}" for why, names in by_cause(open_still).items()]
    lines += [f"passed over: {reason}: {count}" for reason, count in numbers["skipped"].items()]
    lines += [
        f"passed over, so this is incomplete: {name}, which {why}"
        for name, why in numbers["skipped_files"].items()
    ]
    lines += [f"note: {remark}" for remark in numbers["remarks"]]
    return listed([*lines, f"report {report}"])
