"""The command that audits a verifier: known answers in, a verdict on each out."""

import json
import math
from pathlib import Path
from typing import Any

from conet.base.errors import ConetError
from conet.base.inputs import check_is_file
from conet.base.text import listed
from conet.cli.llm import app
from conet.cli.options import Count, Json
from conet.readers.formats.json_lines import object_of

KEYS = ("gold", "completion", "right")
SHOWN = 20  # disagreements printed one by one


@app.command
def verify(file: Path, *, verifier: str = "math", workers: Count = 2, json_: Json = False) -> None:
    """Audit a verifier on completions whose verdict is known, or only list its verdicts.

    Parameters
    ----------
    file
        JSON lines with "gold" and "completion", and "right" (0 or 1, or false or true) where it is known.
    verifier
        exact, numeric, math, math_after_thought, minerva, or path/to/file.py:name.
    workers
        Processes that judge.
    json_
        Print the result as one JSON object on the last line; "verdicts" lists a 0 or 1 for each line.
    """
    from conet.base.progress import line
    from conet.llm.judge import Judge

    cases = read_cases(file)
    if not 1 <= workers <= 256:
        raise ConetError(f"--workers {workers}", "1 to 256", "2 is usual")
    found = []
    with Judge(verifier, workers=workers) as judge, line() as show:
        for start in range(0, len(cases), 64):
            found += judge.judge([(case["completion"], case["gold"]) for case in cases[start : start + 64]])
            show("completion", len(found), len(cases), "")
    result = audit(verifier, cases, [int(verdict.reward == 1) for verdict in found], dict(judge.counts))
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
    verifier: str, cases: list[dict[str, Any]], verdicts: list[int], status: dict[str, int]
) -> dict[str, Any]:
    """Hold the verdicts against what is known.

    Returns
    -------
    dict
        ``verifier``, ``cases``, ``known`` (cases that say what is right), ``accepted_wrong`` and
        ``rejected_right`` (line numbers among the cases, from 1), ``status`` (how judging ended) and
        ``verdicts``.
    """
    known = [
        (number, case["right"], verdict)
        for number, (case, verdict) in enumerate(zip(cases, verdicts), 1)
        if case.get("right") is not None
    ]
    return {
        "verifier": verifier,
        "cases": len(cases),
        "known": len(known),
        "accepted_wrong": [number for number, right, verdict in known if verdict and not right],
        "rejected_right": [number for number, right, verdict in known if right and not verdict],
        "status": status,
        "verdicts": verdicts,
    }


def describe(cases: list[dict[str, Any]], result: dict[str, Any]) -> str:
    """Put an audit into lines: the counts, and the first disagreements."""
    wrong, missed = result["accepted_wrong"], result["rejected_right"]
    lines = [f"{result['verifier']}: {sum(result['verdicts'])} of {result['cases']} completions judged right"]
    if result["known"]:
        lines.append(
            f"of {result['known']} known: {len(wrong)} wrong ones accepted, {len(missed)} right ones rejected"
        )
    for what, numbers in (("accepted, but wrong", wrong), ("rejected, but right", missed)):
        for number in numbers[:SHOWN]:
            case = cases[number - 1]
            lines.append(
                f"  {what}: case {number}, gold {case['gold'][:60]!a}, ends {case['completion'][-60:]!a}"
            )
        if len(numbers) > SHOWN:
            lines.append(f"  and {len(numbers) - SHOWN} more; --json lists all")
    ended = {name: count for name, count in result["status"].items() if name != "ok"}
    lines += [f"  {count} ended by {name}" for name, count in ended.items()]
    return listed(lines)
