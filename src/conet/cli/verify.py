"""The command that audits a verifier: known answers in, a verdict on each out."""

import json
import math
from collections import Counter
from pathlib import Path
from typing import Any

from conet.base.errors import ConetError
from conet.base.inputs import check_is_file
from conet.base.text import listed
from conet.cli.options import Count, Json, Number
from conet.readers.formats.json_lines import object_of

KEYS = ("gold", "completion", "right")
LONGEST = 3600.0  # seconds for one completion
SHOWN = 20  # disagreements printed one by one


def verify(
    file: Path, *, verifier: str = "math", workers: Count = 2, seconds: Number = 10.0, json_: Json = False
) -> None:
    """Audit a verifier on completions whose verdict is known, or only list its verdicts.

    Parameters
    ----------
    file
        JSON lines with "gold" and "completion", and "right" (0 or 1, or false or true) where it is known.
    verifier
        exact, numeric, math, math_after_thought, minerva, routes, or path/to/file.py:name.
    workers
        Processes that judge.
    seconds
        Longest time for one completion: of processor time, or of the clock for path/to/file.py:name.
    json_
        Print the result as one JSON object on the last line; "verdicts" lists a 0 or 1 for each line.
    """
    from conet.base.progress import line
    from conet.llm.judge import Judge

    cases = read_cases(file)
    if not 1 <= workers <= 256:
        raise ConetError(f"--workers {workers}", "1 to 256", "2 is usual")
    if not 0 < seconds <= LONGEST:
        raise ConetError(f"--seconds {seconds:g}", f"more than 0, at most {LONGEST:g}", "10 is usual")
    found = []
    with Judge(verifier, workers=workers, seconds=seconds) as judge, line() as show:
        for start in range(0, len(cases), 64):
            found += judge.judge([(case["completion"], case["gold"]) for case in cases[start : start + 64]])
            show("completion", len(found), len(cases), "")
    verdicts = [int(verdict.reward == 1) for verdict in found]
    result = audit(verifier, cases, verdicts, [verdict.status for verdict in found])
    print(json.dumps(result) if json_ else describe(cases, result))


def read_cases(file: Path) -> list[dict[str, Any]]:
    """Read the lines of an audit.

    Raises
    ------
    ConetError
        For a file that cannot be read, or the first line that is no case.
    """
    check_is_file(file)
    try:
        lines = file.read_bytes().decode("utf-8").split("\n")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no UTF-8"
        raise ConetError(f"{file}: {reason}", "a file of JSON lines", "check the path") from None
    cases = [_case(text, f"{file}, line {number}") for number, text in enumerate(lines, 1) if text.strip()]
    if not cases:
        raise ConetError(
            f"{file}, which is empty",
            "a line for each completion",
            'such as {"gold": "7", "completion": "…"}',
        )
    return cases


def _case(text: str, place: str) -> dict[str, Any]:
    """Read a line by the rule of all logs: one JSON object, in which no key that is read stands twice."""
    case = object_of(text.encode())
    if case is None:
        raise ConetError(
            place, "a JSON object", 'such as {"gold": "7", "completion": "so \\\\boxed{7}", "right": 1}'
        )
    if object_of(text.encode(), KEYS) is None:
        got = f"{place}, where a key stands twice"
        raise ConetError(got, "gold, completion and right once each", "leave one out")
    for name in ("gold", "completion"):
        value = case.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
            case[name] = str(value)
        if not isinstance(case.get(name), str):
            raise ConetError(f"{place} without a text {name!r}", "gold and completion as text", "add it")
    right = case.get("right")
    if right is not None:
        if not isinstance(right, int) or right not in (0, 1):
            got = f"{place}: right={right!r}"[:200]
            raise ConetError(got, "0 or 1, or false or true, or left out", "mend it")
        case["right"] = int(right)
    return case


def audit(
    verifier: str, cases: list[dict[str, Any]], verdicts: list[int], status: list[str]
) -> dict[str, Any]:
    """Hold the verdicts against what is known.

    Returns
    -------
    dict
        ``verifier``, ``cases``, ``known`` (cases that say what is right), ``correct`` (verdicts among these
        that agree), ``accepted_wrong`` and ``rejected_right`` (numbers of the cases, from 1), ``status``
        (how many ended how), ``ended`` (the numbers of those that did not end "ok") and ``verdicts``.
    """
    known = [
        (number, case["right"], verdict)
        for number, (case, verdict) in enumerate(zip(cases, verdicts), 1)
        if case.get("right") is not None
    ]
    ended: dict[str, list[int]] = {}
    for number, how in enumerate(status, 1):
        if how != "ok":
            ended.setdefault(how, []).append(number)
    return {
        "verifier": verifier,
        "cases": len(cases),
        "known": len(known),
        "correct": sum(right == verdict for _, right, verdict in known),
        "accepted_wrong": [number for number, right, verdict in known if verdict and not right],
        "rejected_right": [number for number, right, verdict in known if right and not verdict],
        "status": dict(Counter(status)),
        "ended": ended,
        "verdicts": verdicts,
    }


def describe(cases: list[dict[str, Any]], result: dict[str, Any]) -> str:
    """Put an audit into lines: the counts, and the first disagreements."""
    wrong, missed = result["accepted_wrong"], result["rejected_right"]
    accepted = sum(result["verdicts"])
    lines = [f"{result['verifier']}: {accepted} of {result['cases']} completions accepted"]
    if result["known"]:
        lines.append(
            f"of {result['known']} whose verdict is known, {result['correct']} judged correctly: "
            f"{len(wrong)} wrong ones accepted, {len(missed)} right ones rejected"
        )
    for what, numbers in (("accepted, but wrong", wrong), ("rejected, but right", missed)):
        for number in numbers[:SHOWN]:
            case = cases[number - 1]
            lines.append(
                f"  {what}: case {number}, gold {case['gold'][:60]!a}, ends {case['completion'][-60:]!a}"
            )
        if len(numbers) > SHOWN:
            lines.append(f"  and {len(numbers) - SHOWN} more; --json lists all")
    for how, numbers in result["ended"].items():
        more = f" and {len(numbers) - SHOWN} more" if len(numbers) > SHOWN else ""
        shown = ", ".join(map(str, numbers[:SHOWN]))
        lines.append(f"  {len(numbers)} ended by {how}, which counts as rejected: case {shown}{more}")
    return listed(lines)
