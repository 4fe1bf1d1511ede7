"""Answers as text: where a completion gives one, what it means, and whether two mean the same.

``boxes`` finds the answer, ``latex`` takes its decoration off, ``parse`` turns it into a value (number,
set, interval, matrix, words, …), and ``compare`` holds two values against one another.
"""

from conet.llm.answers.boxes import final_text, has_box, has_closed, last_box
from conet.llm.answers.compare import same_answer
from conet.llm.answers.latex import compact
from conet.llm.answers.numbers import number, same_number

__all__ = [
    "compact",
    "final_text",
    "has_box",
    "has_closed",
    "last_box",
    "number",
    "same_answer",
    "same_number",
]
