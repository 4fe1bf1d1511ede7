"""What may make a demonstration a bad one, and prompt and completion side by side, to be read."""

import textwrap
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from conet.base.text import counted, one_line
from conet.readers.measures import final_answer
from conet.readers.messages import text_of

if TYPE_CHECKING:
    import polars

SHORT = 0.3  # times the median length of the problem's answers: far shorter (our choice, like the next)
BARE = 0.5  # times that, where there is no reasoning before the result
FEWEST_WORDS = 5  # of reasoning
FEWEST_ANSWERS = 4  # of the problem, to compare with
NARROWEST = 30  # characters of a column


def flagged(row: Mapping[str, Any], others: "polars.Series") -> str | None:
    """Say what is suspicious in a demonstration; None where nothing is.

    A right result after a wrong chain cannot be seen.

    Parameters
    ----------
    row
        The example.
    others
        Lengths of all answers to the same problem.
    """
    length, known = row["length"], others.drop_nulls()
    if length is None or known.len() < FEWEST_ANSWERS:
        return None
    median = float(np.median(known.to_numpy()))
    if length < SHORT * median:
        return f"far shorter than the problem's other answers ({length:,}, and their median is {median:,.0f})"
    if length < BARE * median and words_before_result(answer_of(row)) < FEWEST_WORDS:
        return "no reasoning before the result"
    return None


def answer_of(row: Mapping[str, Any]) -> str:
    """Return the text of the answer of an example."""
    messages = row.get("messages")
    return text_of(messages[-1:]) if messages else str(row.get("completion") or "")


def question_of(row: Mapping[str, Any]) -> str:
    """Return the text of what was asked in an example."""
    messages = row.get("messages")
    return text_of(messages[:-1], roles=True) if messages else str(row.get("prompt") or "")


def words_before_result(answer: str) -> int:
    """Count the words before what an answer gives as its result; all, where it marks none."""
    result = final_answer(answer)
    before = answer if result is None else answer[: answer.rfind(result)]
    return len(before.replace("\\boxed{", "").split())


def side_by_side(row: Mapping[str, Any], width: int) -> str:
    """Return prompt and completion in two columns, beneath a line on what the choice rests on.

    Parameters
    ----------
    width
        Characters of a line.
    """
    each = max(NARROWEST, (width - 3) // 2)
    left, right = (_wrapped(text, each) for text in (question_of(row), answer_of(row)))
    height = max(len(left), len(right))
    left += [""] * (height - len(left))
    right += [""] * (height - len(right))
    flag = f" · FLAGGED: {row['flagged']}" if row.get("flagged") else ""
    head = f"accuracy {row['accuracy']:.3f} of {counted(row['samples'], 'sample')}"
    head += f", step {row['step']}, length {row['length']}"
    return "\n".join([one_line(head + flag), *(f"{a:{each}} │ {b}" for a, b in zip(left, right)), ""])


def _wrapped(text: str, width: int) -> list[str]:
    lines = [one_line(line) for line in text.splitlines()]
    return [part for line in lines for part in textwrap.wrap(line, width) or [""]]
