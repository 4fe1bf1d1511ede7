"""Sums of single digits, of graded difficulty: a generated task for models of any size.

A problem is ``3+8+5=``; a solution is a chain of equal sums, each with fewer terms, that ends in the
value: ``11+5=16``, or ``16`` at once. Each link adds up one pair, two, or all that is left, so one
problem has solutions of many lengths, and the longer ones have the easier links.
"""

from collections.abc import Iterator

import numpy as np


def terms(rng: np.random.Generator, count: int) -> list[int]:
    """Draw the terms of a sum."""
    return [int(value) for value in rng.integers(1, 10, count)]


def prompt(numbers: list[int]) -> str:
    """Put a sum into the form of a problem."""
    return "+".join(map(str, numbers)) + "="


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


def problems(count: int, levels: list[int], seed: int) -> list[dict[str, str]]:
    """Make distinct problems, evenly over the levels.

    Parameters
    ----------
    count
        How many.
    levels
        Numbers of terms.
    seed
        Of the terms; the same seed gives the same problems.

    Returns
    -------
    list of dict
        ``id``, ``problem``, ``answer`` and ``solution`` (pair by pair).
    """
    rng = np.random.default_rng([seed, 11])
    found: dict[str, dict[str, str]] = {}
    while len(found) < count:
        numbers = terms(rng, levels[len(found) % len(levels)])
        text = prompt(numbers)
        found.setdefault(
            text,
            {
                "id": f"sum{len(numbers)}/{len(found)}",
                "problem": text,
                "answer": str(sum(numbers)),
                "solution": solution(numbers, rng, 1.0),
            },
        )
    return list(found.values())


def texts(levels: list[int], careful: float, seed: int) -> Iterator[tuple[str, str]]:
    """Draw problems and solutions without end, for a supervised warm-up."""
    rng = np.random.default_rng([seed, 12])
    while True:
        numbers = terms(rng, int(rng.choice(levels)))
        yield prompt(numbers), solution(numbers, rng, careful)
