"""What is measured, and the clock: all cases in turns, medians of their times."""

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from time import perf_counter
from typing import Any

TURN = 0.05  # seconds that a case repeats in each of its turns, so that a short one is not one reading


@dataclass(frozen=True)
class Size:
    """Graph, questions and walks of a case."""

    nodes: int
    degree: int
    questions: int
    rollouts: int
    max_length: int


@dataclass(frozen=True)
class Case:
    """One piece of work to be timed.

    Attributes
    ----------
    labels : dict
        What identifies it in the results: name, the fields of :class:`Size`, policy, threads, learner.
    work
        What is timed; returns the walker-steps taken as ``steps``, and further facts.
    put_back
        Undoes what the work changed; not timed.
    """

    labels: dict[str, Any]
    work: Callable[[], dict[str, int]]
    put_back: Callable[[], None] = lambda: None


def measure(cases: list[Case], turns: int) -> list[dict[str, Any]]:
    """Time the cases in turns (A B C A B C …), so that what slows the machine slows all of them.

    Parameters
    ----------
    cases
        Each is also run once before, untimed.
    turns
        Turns of each case.

    Returns
    -------
    list of dict
        For each case its labels and facts; ``seconds``, the median; ``seconds_min``; ``repeats``;
        and ``msteps_per_s``, million walker-steps a second at the median.
    """
    for case in cases:
        case.work()
        case.put_back()
    times: list[list[float]] = [[] for _ in cases]
    facts: list[dict[str, int]] = [{} for _ in cases]
    for _ in range(turns):
        for place, case in enumerate(cases):
            spent = 0.0
            while spent <= TURN:
                started = perf_counter()
                facts[place] = case.work()
                times[place].append(perf_counter() - started)
                spent += times[place][-1]
                case.put_back()
    return [_result(*row) for row in zip(cases, facts, times)]


def _result(case: Case, facts: dict[str, int], times: list[float]) -> dict[str, Any]:
    seconds = median(times)
    rate = facts["steps"] / seconds / 1e6
    spread = {"seconds_min": min(times), "repeats": len(times)}
    return case.labels | facts | {"msteps_per_s": rate, "seconds": seconds} | spread
