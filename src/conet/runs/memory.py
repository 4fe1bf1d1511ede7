"""What a run of walks has seen of each problem: its shortest correct walk, and its counts of late."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from conet.engine.sample import Walks
from conet.network.problems import Problems

ALWAYS = ("recent", "updates")
SHORTEST = ("length", "edges", "correct", "samples")
FADING = 0.9  # of the mean, from one update that draws a problem to the next
KNOWN = 20  # updates


class Memory:
    """The accuracy of each problem of late, and the shortest correct walk of each that was ever drawn.

    Parameters
    ----------
    problems
        Of the run.
    shortest
        Whether walks are kept, and counts since they were last asked for.
    """

    def __init__(self, problems: Problems, shortest: bool = True) -> None:
        self.problems, self.names = problems, (*ALWAYS, *SHORTEST) if shortest else ALWAYS
        self.recent, self.updates = np.zeros(len(problems)), np.zeros(len(problems), np.int64)
        count = len(problems) if shortest else 0
        self.length = np.zeros(count, np.int32)  # 0: never solved
        self.edges = np.zeros((count, problems.max_length), np.int32)
        self.correct, self.samples = np.zeros(count, np.int64), np.zeros(count, np.int64)

    def add(self, walks: Walks) -> None:
        """Take in the rollouts of an update."""
        groups, drawn = walks.correct.reshape(-1, walks.rollouts), walks.problems
        self.recent[drawn] = FADING * self.recent[drawn] + (1 - FADING) * groups.mean(axis=1)
        self.updates[drawn] += 1
        if len(self.length):
            self._keep(walks, groups)

    def _keep(self, walks: Walks, groups: np.ndarray) -> None:
        """Keep the shortest correct walks, and count."""
        self.correct[walks.problems] += groups.sum(axis=1)
        self.samples[walks.problems] += walks.rollouts
        longer = self.problems.max_length + 1
        length = np.where(walks.correct, walks.length, longer).reshape(groups.shape)
        best = length.argmin(axis=1)
        shortest = length[np.arange(len(best)), best]
        known = self.length[walks.problems]
        better = np.flatnonzero(shortest < np.where(known > 0, known, longer))
        chosen = walks.problems[better]
        self.length[chosen] = shortest[better]
        self.edges[chosen] = walks.edges[better * walks.rollouts + best[better]]

    def accuracy(self) -> np.ndarray:
        """Return the exponential mean of each problem's accuracy, NaN where it was drawn too seldom."""
        known = self.updates >= KNOWN
        whole = 1.0 - FADING ** np.maximum(self.updates, 1)
        return np.where(known, self.recent / whole, np.nan)

    def take(self, max_accuracy: float) -> Walks:
        """Return the shortest walks of the problems that were solved rarely since this was last called.

        Parameters
        ----------
        max_accuracy
            Problems solved less often are chosen, if they ever were solved at all.

        Returns
        -------
        Walks
            One a chosen problem; the counts begin anew.
        """
        rare = self.correct < max_accuracy * self.samples
        chosen = np.flatnonzero(rare & (self.length > 0)).astype(np.int32)
        self.correct[:], self.samples[:] = 0, 0
        return Walks(
            problems=chosen,
            starts=self.problems.questions[chosen],
            edges=self.edges[chosen],
            length=self.length[chosen],
            correct=np.ones(len(chosen), np.bool_),
            rollouts=1,
        )

    def replayed(self, walks: Walks) -> Walks:
        """Return the walks with the shortest known one in the last place of groups that have no correct one.

        It was drawn by an earlier policy; groups whose problem was never solved stay as they are.
        """
        dead = ~walks.correct.reshape(-1, walks.rollouts).any(axis=1) & (self.length[walks.problems] > 0)
        places, problems = (np.flatnonzero(dead) + 1) * walks.rollouts - 1, walks.problems[dead]
        found = replace(
            walks,
            **{name: getattr(walks, name).copy() for name in ("edges", "length", "correct")},
            illegal=None if walks.illegal is None else walks.illegal.copy(),
        )
        found.edges[places], found.length[places] = self.edges[problems], self.length[problems]
        found.correct[places] = True
        if found.illegal is not None:
            found.illegal[places] = -1
        return found

    def state(self) -> dict[str, np.ndarray]:
        """Return the arrays that a checkpoint must keep."""
        return {name: getattr(self, name) for name in self.names}

    def load(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Take over what :meth:`state` returned; what earlier versions did not keep begins anew."""
        for name in self.names:
            if name in arrays:
                getattr(self, name)[:] = arrays[name]
