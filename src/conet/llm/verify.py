"""Verifiers: is a completion's answer right?

A verifier takes the completion's text and the gold answer and returns whether it is right (or a
reward between 0 and 1). ``VERIFIERS`` names the shipped ones; a user's own is ``path/to/file.py:name``.
Verifiers that can hang or crash run in child processes: see :mod:`conet.llm.judge`.
"""

import re
from collections.abc import Callable

from conet.base.registry import register
from conet.llm import answers

Verifier = Callable[[str, str], bool | float]
VERIFIERS: dict[str, Verifier] = {}
TOLERANCE = 0.01  # relative, of the Minerva rules
IN_PROCESS = ("exact", "numeric")  # these can neither hang nor crash


def given(completion: str) -> str:
    """Return the answer that a completion gives: its last box, else its last line's text."""
    box = answers.last_box(completion)
    if box is not None:
        return box
    if answers.BOX.search(completion):
        return ""
    lines = [line for line in completion.strip().splitlines() if line.strip()]
    last = lines[-1] if lines else ""
    return re.sub(r"^.*(?:answer is|[Aa]nswer:|=)\s*", "", last).strip().rstrip(".")


@register(VERIFIERS, "exact")
def exact(completion: str, answer: str) -> bool:
    """Whether the given answer is the gold answer, letter by letter, apart from space around it."""
    return given(completion) == answer.strip()


@register(VERIFIERS, "numeric")
def numeric(completion: str, answer: str) -> bool:
    """Whether the given answer is the same number (whole numbers exactly, others to 1e-6)."""
    return _same_number(given(completion), answer, 1e-6) is True


@register(VERIFIERS, "math")
def math(completion: str, answer: str) -> bool:
    """Whether the last box holds the gold answer: as a number, a list, or to math-verify."""
    box = answers.last_box(completion)
    return box is not None and same_answer(box, answer, 1e-6)


@register(VERIFIERS, "minerva")
def minerva(completion: str, answer: str) -> bool:
    """Whether the last box holds the gold answer after the Minerva rules (numbers within 1 %)."""
    box = answers.last_box(completion)
    return box is not None and same_answer(box, answer, TOLERANCE)


def same_answer(one: str, other: str, tolerance: float) -> bool:
    """Whether two answers mean the same.

    Parameters
    ----------
    one, other
        The given and the gold answer, without box.
    tolerance
        Relative, for numbers that are not both whole.
    """
    one, other = answers.value_of(one), answers.value_of(other)
    if not one.strip() or not other.strip():
        return False
    if one.strip() == other.strip() or answers.compact(one) == answers.compact(other) != "":
        return True
    number = _same_number(one, other, tolerance)
    if number is not None:
        return number
    mine, theirs = answers.parts(one), answers.parts(other)
    if len(mine) > 1 or len(theirs) > 1:
        return _same_list(mine, theirs, tolerance)
    return _math_verify(answers.tidy(one), answers.tidy(other))


def _same_number(one: str, other: str, tolerance: float) -> bool | None:
    """Compare as numbers; None where one of them is none."""
    first, second = answers.number(one), answers.number(other)
    if first is None and second is None:
        return None
    if first is None or second is None:
        return None
    if answers.is_whole(one) and answers.is_whole(other):
        return first == second
    return abs(first - second) <= tolerance * abs(second)


def _same_list(mine: list[str], theirs: list[str], tolerance: float) -> bool:
    """Compare lists in any order: each element has a partner of its own."""
    left = list(theirs)
    for item in mine:
        partner = next((other for other in left if same_answer(item, other, tolerance)), None)
        if partner is None:
            return False
        left.remove(partner)
    return not left


def _math_verify(one: str, other: str) -> bool:
    """Ask math-verify; its own time-outs need signals, so they are off: the parent process has one."""
    from math_verify import parse, verify

    gold = parse(f"${other}$", parsing_timeout=None)
    guess = parse(f"${one}$", parsing_timeout=None)
    return bool(verify(gold, guess, timeout_seconds=None))
