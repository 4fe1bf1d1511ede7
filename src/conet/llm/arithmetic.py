"""Sums of single digits, of graded difficulty: a generated task for models of any size.

A problem is ``3+8+5=``; a solution is a chain of equal sums, each with fewer terms, that ends in the
value: ``11+5=16``, or ``16`` at once. Each link adds up one pair, two, or all that is left, so one
problem has solutions of many lengths, and the longer ones have the easier links.

As *lines*, the way pretrained models have read sums, a problem is ``3 + 8 + 5``, and its solution one
addition a line: ``3 + 8 = 11``, ``11 + 5 = 16``.
"""

from collections.abc import Iterator
from itertools import accumulate
from typing import Literal

import numpy as np

Form = Literal["chain", "lines"]


def terms(rng: np.random.Generator, count: int) -> list[int]:
    """Draw the terms of a sum."""
    return [int(value) for value in rng.integers(1, 10, count)]


def prompt(numbers: list[int], form: Form = "chain") -> str:
    """Put a sum into the form of a problem."""
    return "+".join(map(str, numbers)) + "=" if form == "chain" else " + ".join(map(str, numbers))


def solution(numbers: list[int], rng: np.random.Generator, careful: float) -> str:
    """Write a chain of sums down to the value.

    Parameters
    ----------
    numbers
        The terms.
    careful
        Chance that a link adds up one pair alone; else it adds up more, as many as are drawn evenly.
    """
    links = []
    left = list(numbers)
    while len(left) > 1:
        most = len(left) - 1
        pairs = 1 if rng.random() < careful else int(rng.integers(1, most + 1))
        left = [sum(left[: pairs + 1]), *left[pairs + 1 :]]
        links.append("+".join(map(str, left)))
    return "=".join(links)


def lines(numbers: list[int]) -> str:
    """Write one addition a line, down to the value; a single number is its own value.

    Examples
    --------
    >>> lines([3, 8, 5])
    '3 + 8 = 11\\n11 + 5 = 16'
    """
    sums = list(accumulate(numbers))
    steps = zip(sums, numbers[1:], sums[1:])
    return "\n".join(f"{left} + {term} = {value}" for left, term, value in steps) or str(sums[0])


def worked(numbers: list[int], rng: np.random.Generator, careful: float, form: Form) -> str:
    """Write a solution in the form that is asked for."""
    return lines(numbers) if form == "lines" else solution(numbers, rng, careful)


def problems(count: int, levels: list[int], seed: int, form: Form = "chain") -> list[dict[str, str]]:
    """Make distinct problems, evenly over the levels.

    Parameters
    ----------
    count
        How many.
    levels
        Numbers of terms.
    seed
        Of the terms; the same seed gives the same problems.
    form
        How they are written.

    Returns
    -------
    list of dict
        ``id``, ``problem``, ``answer`` and ``solution`` (pair by pair).
    """
    rng = np.random.default_rng([seed, 11])
    found: dict[str, dict[str, str]] = {}
    while len(found) < count:
        numbers = terms(rng, levels[len(found) % len(levels)])
        text = prompt(numbers, form)
        found.setdefault(
            text,
            {
                "id": f"sum{len(numbers)}/{len(found)}",
                "problem": text,
                "answer": str(sum(numbers)),
                "solution": worked(numbers, rng, 1.0, form),
            },
        )
    return list(found.values())


def texts(levels: list[int], careful: float, seed: int, form: Form = "chain") -> Iterator[tuple[str, str]]:
    """Draw problems and solutions without end, for a supervised warm-up."""
    rng = np.random.default_rng([seed, 12])
    while True:
        numbers = terms(rng, int(rng.choice(levels)))
        yield prompt(numbers, form), worked(numbers, rng, careful, form)
