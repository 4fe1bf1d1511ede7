"""Groups of rollouts of several sizes: what is saved on problems that are solved goes to the others."""

from dataclasses import dataclass

import numpy as np

from conet.runs.schedule import Clock


@dataclass(frozen=True, kw_only=True)
class AdaptiveGroups:
    """Functions of the Clock for a phase: the problems of an update, rollouts of each, the learning rate.

    A problem that is solved is drawn in one of ``every`` updates, in turn; what is saved goes to the others,
    whose groups grow. So no update draws more rollouts than it would without. The rate falls with the number
    of problems in an update, by which the gradient is divided: each problem counts as much as before.

    Attributes
    ----------
    problems, rollouts : int
        How many problems there are, and rollouts of each in an update.
    learning_rate : float
        Where all problems are drawn.
    solved : float
        Accuracy of late from which a problem is solved.
    every : int
        Updates from one that draws a solved problem to the next.
    most : int
        A group is at most so many times as large.
    """

    problems: int
    rollouts: int
    learning_rate: float
    solved: float = 0.99
    every: int = 4
    most: int = 4

    def chosen(self, clock: Clock) -> list[int]:
        """Return the problems that this update draws, ascending; all where none is known."""
        known = clock.problem_accuracy
        if known is None:
            return list(range(self.problems))
        turn = (np.arange(self.problems) + clock.step) % self.every == 0
        found = np.flatnonzero(~(known >= self.solved) | turn)  # NaN is not solved
        return found.tolist() if len(found) else list(range(self.problems))

    def size(self, clock: Clock) -> int:
        """Return the rollouts of each of them."""
        return min(self.most * self.rollouts, self.rollouts * self.problems // len(self.chosen(clock)))

    def rate(self, clock: Clock) -> float:
        """Return the learning rate."""
        return self.learning_rate * len(self.chosen(clock)) / self.problems
