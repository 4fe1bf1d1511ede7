"""Completions drawn lately: how often each problem was solved, and some of its solutions, as token ids."""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from conet.rollouts.selection import Pick, choose, hard_problems


@dataclass(frozen=True)
class Rollout:
    """One completion with its reward: the tokens, the text, and whether the length limit cut it off."""

    problem: int
    reward: float
    tokens: list[int]
    text: str
    truncated: bool

    @property
    def correct(self) -> bool:
        """Whether its reward is full."""
        return self.reward >= 1.0


def counted(rollouts: Sequence[Rollout]) -> tuple[int, int, int]:
    """Return what the detector takes of a step: length and number of the correct rollouts, number of all."""
    lengths = [len(rollout.tokens) for rollout in rollouts if rollout.correct]
    return sum(lengths), len(lengths), len(rollouts)


@dataclass
class Visit:
    """The rollouts of one problem at one step: counts, and up to three correct ones.

    Only the first, the shortest and the newest correct one are kept, which is all that can be picked,
    so that the pool stays small beside 8,000 tokens a completion. Those that the length limit cut off are
    counted, but never kept: nobody is to learn from them.
    """

    step: int
    problem: int
    samples: int = 0
    correct_count: int = 0
    kept: list[tuple[int, list[int]]] = field(default_factory=list)  # sample, tokens

    def add(self, rollout: Rollout) -> None:
        """Take in one rollout."""
        self.correct_count += rollout.correct
        if rollout.correct and not rollout.truncated:  # what was cut off shows no end
            known = [*self.kept, (self.samples, rollout.tokens)]
            shortest = min(known, key=lambda item: len(item[1]))
            self.kept = sorted({item[0]: item for item in (known[0], shortest, known[-1])}.values())
        self.samples += 1


@dataclass(frozen=True)
class Demonstration:
    """A solution of a problem to learn from, and the evidence for choosing it."""

    problem: int
    tokens: list[int]
    step: int  # updates of the policy that wrote it; -1 for the data's own solution
    correct_count: int
    samples: int


class Pool:
    """Visits of the last steps, oldest first.

    The rollouts of a pool were written by policies of different ages; each visit keeps its step.
    """

    def __init__(self, window: int) -> None:
        self.window = window
        self.visits: deque[Visit] = deque()

    def add(self, step: int, rollouts: Sequence[Rollout]) -> None:
        """Take in the rollouts of a step and forget those older than the window."""
        visits: dict[int, Visit] = {}
        for rollout in rollouts:
            visits.setdefault(rollout.problem, Visit(step, rollout.problem)).add(rollout)
        self.visits.extend(visits.values())
        while self.visits and self.visits[0].step <= step - self.window:
            self.visits.popleft()

    def demonstrations(self, max_accuracy: float, min_samples: int, pick: Pick) -> list[Demonstration]:
        """Choose the hard problems and one solution for each.

        Parameters
        ----------
        max_accuracy, min_samples
            See :func:`conet.rollouts.selection.hard_problems`.
        pick
            See :func:`conet.rollouts.selection.choose`.
        """
        problems = sorted({visit.problem for visit in self.visits})
        place = {problem: row for row, problem in enumerate(problems)}
        correct_count, samples = np.zeros((2, len(problems)), np.int64)
        for visit in self.visits:
            correct_count[place[visit.problem]] += visit.correct_count
            samples[place[visit.problem]] += visit.samples
        found = []
        for row in hard_problems(correct_count, samples, max_accuracy, min_samples):
            kept = list(self._kept(problems[row]))
            if not kept:
                continue
            length = np.array([len(tokens) for _, tokens in kept])
            rows = np.arange(len(kept))
            step, tokens = kept[choose(rows, length, rows, pick, np.random.default_rng(0))]
            counted = int(correct_count[row]), int(samples[row])
            found.append(Demonstration(problems[row], tokens, step, *counted))
        return found

    def _kept(self, problem: int) -> Iterator[tuple[int, list[int]]]:
        for visit in self.visits:
            if visit.problem == problem:
                yield from ((visit.step, tokens) for _, tokens in visit.kept)

    def state(self) -> list[dict[str, Any]]:
        """Return what a checkpoint must keep, as JSON values."""
        return [vars(visit) for visit in self.visits]

    def load(self, state: list[dict[str, Any]]) -> None:
        """Take over what :meth:`state` returned."""
        self.visits = deque(
            Visit(**(row | {"kept": [(sample, tokens) for sample, tokens in row["kept"]]}))
            for row in map(present_names, state)
        )


def present_names(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row of a checkpoint with the names of today; version 0.1 called the count ``correct``."""
    return {("correct_count" if name == "correct" else name): value for name, value in row.items()}
