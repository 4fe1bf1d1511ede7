"""Verifiers: is a completion's answer right?

A verifier takes the completion's text and the gold answer and returns whether it is right (or a
reward between 0 and 1). ``VERIFIERS`` names the shipped ones; a user's own is ``path/to/file.py:name``.
Verifiers that can hang or crash run in child processes: see :mod:`conet.llm.judge`.
"""

import re
from collections.abc import Callable

from conet.base.registry import register
from conet.llm import answers, routes

Verifier = Callable[[str, str], bool | float]
VERIFIERS: dict[str, Verifier] = {}
TOLERANCE = 0.01  # relative, of the Minerva rules
IN_PROCESS = ("exact", "numeric", "routes")  # these can neither hang nor crash


def given(completion: str) -> str:
    """Return the answer that a completion gives: its last box, else its last line's text.

    Empty where there is none: reasoning that never closed, or a box that never closed.
    """
    text = answers.final_text(completion)
    if text is None:
        return ""
    box = answers.last_box(text)
    if box is not None:
        return box
    if answers.has_box(text):
        return ""
    lines = [line for line in text.strip().splitlines() if line.strip()]
    last = lines[-1] if lines else ""
    return re.sub(r"^.*(?:answer is|[Aa]nswer:|=)\s*", "", last).strip().rstrip(".")


def boxed(completion: str) -> str | None:
    """Return the last closed box of a completion's final part; None where there is none."""
    text = answers.final_text(completion)
    return None if text is None else answers.last_box(text)


@register(VERIFIERS, "exact")
def exact(completion: str, answer: str) -> bool:
    """Whether the given answer is the gold answer, letter by letter, apart from space around it."""
    return given(completion) == answer.strip() != ""


@register(VERIFIERS, "numeric")
def numeric(completion: str, answer: str) -> bool:
    """Whether the given answer is the same number (whole numbers exactly, others to 1e-6)."""
    mine, gold = answers.number(given(completion)), answers.number(answer)
    return mine is not None and gold is not None and answers.same_number(mine, gold, 1e-6)


@register(VERIFIERS, "math")
def math(completion: str, answer: str) -> bool:
    """Whether the last box holds the gold answer, by the rules of :mod:`conet.llm.answers`."""
    box = boxed(completion)
    return box is not None and answers.same_answer(box, answer, 1e-6)


@register(VERIFIERS, "math_after_thought")
def math_after_thought(completion: str, answer: str) -> bool:
    """Whether the reasoning was closed by ``</think>``, and the last box after it holds the gold answer."""
    return answers.has_closed(completion) and math(completion, answer)


@register(VERIFIERS, "minerva")
def minerva(completion: str, answer: str) -> bool:
    """Whether the last box holds the gold answer, numbers within 1 %, as the Minerva evaluation has them."""
    box = boxed(completion)
    return box is not None and answers.same_answer(box, answer, TOLERANCE)


register(VERIFIERS, "routes")(routes.right)
