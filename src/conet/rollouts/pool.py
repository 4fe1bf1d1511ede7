"""Completions drawn lately: how often each problem was solved, and some of its solutions, as token ids."""

from collections import deque
from collections.abc import Collection, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np

from conet.rollouts.selection import Pick, choose, hard_problems
from conet.rollouts.token_store import InMemory, Tokens, TokenStore

PICKS: tuple[Pick, ...] = ("shortest", "first", "newest")


@dataclass(frozen=True)
class Rollout:
    """One completion with its reward.

    Attributes
    ----------
    problem : int
    reward : float
    tokens : list of int
        Of the completion, with those of tools.
    text : str
    truncated : bool
        Whether the length limit cut it off.
    prompt : list of int or None
        Tokens of the prompt, where they are known.
    own : list of int or None
        1 for each token that the model wrote itself, where tools wrote others.
    full : float
        The reward from which on it is correct.
    """

    problem: int
    reward: float
    tokens: list[int]
    text: str
    truncated: bool
    _: KW_ONLY
    prompt: list[int] | None = None
    own: list[int] | None = None
    full: float = 1.0

    @property
    def correct(self) -> bool:
        """Whether its reward is full."""
        return self.reward >= self.full

    @property
    def length(self) -> int:
        """Tokens that the model wrote."""
        return len(self.tokens) if self.own is None else sum(self.own)


def counted(rollouts: Sequence[Rollout]) -> tuple[int, int, int, list[int]]:
    """Return what the detector takes of a step.

    Returns
    -------
    tuple
        Length and number of the correct rollouts, number of all, and the problem of each.
    """
    lengths = [rollout.length for rollout in rollouts if rollout.correct]
    return sum(lengths), len(lengths), len(rollouts), [rollout.problem for rollout in rollouts]


class Visit(NamedTuple):
    """The rollouts of one problem at one step, counted."""

    step: int
    problem: int
    samples: int
    correct_count: int


class Kept(NamedTuple):
    """A solution that may be learned from: of which step and sample, how long, and where its tokens lie."""

    step: int
    sample: int
    length: int
    place: int


@dataclass(frozen=True)
class Demonstration:
    """A solution of a problem to learn from, and the evidence for choosing it."""

    problem: int
    tokens: list[int]
    step: int  # updates of the policy that wrote it; -1 for the data's own solution
    correct_count: int
    samples: int
    _: KW_ONLY
    prompt: list[int] | None = None  # tokens
    own: list[int] | None = None  # see Rollout

    @property
    def length(self) -> int:
        """Tokens that are learned from."""
        return len(self.tokens) if self.own is None else sum(self.own)


class Pool:
    """Counts of the last steps, and for each problem the solutions that may be picked.

    The rollouts of a pool were written by policies of different ages; each visit keeps its step. A solution
    that the length limit cut off is counted, but never kept: nobody is to learn from it. Nor is one kept that
    can no longer be picked, because a better one will leave the window later.

    Parameters
    ----------
    window
        Steps that it looks back on.
    picks
        By which rules solutions will be picked; only what these need is kept, and without any nothing.
    store
        Where tokens lie; in memory where absent.
    """

    def __init__(self, window: int, picks: Collection[Pick] = PICKS, store: TokenStore | None = None) -> None:
        self.window, self.picks = window, frozenset(PICKS if "random" in picks else picks)
        self.store: TokenStore = InMemory() if store is None else store
        self.visits: deque[Visit] = deque()
        self.counts: dict[int, tuple[int, int]] = {}  # correct and all rollouts of a problem in the window
        self.kept: dict[int, list[Kept]] = {}  # oldest first

    def add(self, step: int, rollouts: Sequence[Rollout]) -> None:
        """Take in the rollouts of a step and forget those older than the window."""
        groups: dict[int, list[Rollout]] = {}
        for rollout in rollouts:
            groups.setdefault(rollout.problem, []).append(rollout)
        for problem, group in groups.items():
            self._count(Visit(step, problem, len(group), sum(one.correct for one in group)))
        candidates = [
            (problem, sample) for problem, group in groups.items() for sample in self._candidates(group)
        ]
        chosen = [groups[problem][sample] for problem, sample in candidates]
        places = self.store.add(step, [Tokens(one.prompt, one.tokens, one.own) for one in chosen])
        for (problem, sample), one, place in zip(candidates, chosen, places, strict=True):
            self._keep(problem, Kept(step, sample, one.length, place))
        self._forget(step - self.window)

    def _candidates(self, group: Sequence[Rollout]) -> list[int]:
        """Return the samples of a group that may be picked."""
        solved = [n for n, one in enumerate(group) if one.correct and not one.truncated]
        if not solved:
            return []
        by_rule = {
            "shortest": min(solved, key=lambda sample: group[sample].length),
            "first": solved[0],
            "newest": solved[-1],
        }
        return sorted({by_rule[rule] for rule in self.picks})

    def _count(self, visit: Visit) -> None:
        self.visits.append(visit)
        correct, samples = self.counts.get(visit.problem, (0, 0))
        self.counts[visit.problem] = correct + visit.correct_count, samples + visit.samples

    def _keep(self, problem: int, new: Kept) -> None:
        known = self.kept.get(problem, [])
        if self.picks == {"newest"}:
            known = []
        elif self.picks == {"shortest"}:
            known = [one for one in known if one.length <= new.length]  # of two as short the older is picked
        self.kept[problem] = [*known, new]

    def _forget(self, last: int) -> None:
        """Drop what was drawn at a step or before."""
        before = len(self.visits)
        while self.visits and self.visits[0].step <= last:
            visit = self.visits.popleft()
            correct, samples = self.counts[visit.problem]
            self.counts[visit.problem] = correct - visit.correct_count, samples - visit.samples
            if samples == visit.samples:
                del self.counts[visit.problem]
            left = [one for one in self.kept.get(visit.problem, ()) if one.step > last]
            if left:
                self.kept[visit.problem] = left
            else:
                self.kept.pop(visit.problem, None)
        if len(self.visits) < before:
            self.store.forget(last + 1)

    def count_eligible(self, max_accuracy: float, min_samples: Sequence[int]) -> list[int]:
        """Count the problems that may be heated on, for each of several numbers of samples."""
        known = [self.counts[problem] for problem in (self.kept if self.picks else self.counts)]
        counts = np.array(known, np.int64).reshape(-1, 2)
        correct, samples = counts.T
        return [len(hard_problems(correct, samples, max_accuracy, least)) for least in min_samples]

    def eligible(self, max_accuracy: float, min_samples: int) -> list[int]:
        """Return the problems that may be heated on, ascending (see :meth:`demonstrations`)."""
        problems = sorted(self.counts)
        counts = np.array([self.counts[problem] for problem in problems], np.int64).reshape(-1, 2)
        rows = hard_problems(counts[:, 0], counts[:, 1], max_accuracy, min_samples)
        found = [problems[row] for row in rows]
        return [problem for problem in found if problem in self.kept] if self.picks else found

    def accuracy(self, problems: int, min_samples: int) -> np.ndarray:
        """Return the share of correct rollouts of each problem in the window; NaN below ``min_samples``."""
        found = np.full(problems, np.nan)
        for problem, (correct, samples) in self.counts.items():
            if samples >= min_samples and problem < problems:
                found[problem] = correct / samples
        return found

    def demonstrations(self, max_accuracy: float, min_samples: int, pick: Pick) -> list[Demonstration]:
        """Choose the hard problems and one solution for each.

        Parameters
        ----------
        max_accuracy, min_samples
            See :func:`conet.rollouts.selection.hard_problems`.
        pick
            See :func:`conet.rollouts.selection.choose`.
        """
        found = []
        for problem in self.eligible(max_accuracy, min_samples):
            kept = self.kept[problem]
            rows = np.arange(len(kept))
            length = np.array([one.length for one in kept])
            chosen = kept[choose(rows, length, rows, pick, np.random.default_rng(0))]
            tokens = self.store.read(chosen.step, chosen.place)
            correct, samples = self.counts[problem]
            found.append(
                Demonstration(
                    problem,
                    tokens.completion,
                    chosen.step,
                    correct,
                    samples,
                    prompt=tokens.prompt,
                    own=tokens.own,
                )
            )
        return found

    def state(self) -> dict[str, Any]:
        """Return what a checkpoint must keep beside the store's files, as JSON values."""
        kept = [[problem, *one] for problem, found in self.kept.items() for one in found]
        visits = [list(visit) for visit in self.visits]
        return {"visits": visits, "kept": kept, "tokens": self.store.state()}

    def load(self, state: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> None:
        """Take over what :meth:`state` returned, here or in earlier versions, which kept all tokens in it."""
        self.visits, self.counts, self.kept = deque(), {}, {}
        if not isinstance(state, Mapping):
            self._load_with_tokens([present_names(row) for row in state])
            return
        for row in state["visits"]:
            self._count(Visit(*row))
        for problem, *rest in state["kept"]:
            self.kept.setdefault(problem, []).append(Kept(*rest))
        self.store.take_over(state["tokens"])

    def _load_with_tokens(self, rows: Sequence[Mapping[str, Any]]) -> None:
        for row in rows:
            self._count(Visit(row["step"], row["problem"], row["samples"], row["correct_count"]))
        for step, group in groupby(rows, key=lambda row: int(row["step"])):
            found = [(row["problem"], *one) for row in group for one in row["kept"]]
            places = self.store.add(step, [Tokens(None, tokens) for _, _, tokens in found])
            for (problem, sample, tokens), place in zip(found, places, strict=True):
                self._keep(problem, Kept(step, sample, len(tokens), place))


def present_names(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row of a checkpoint with the names of today; version 0.1 called the count ``correct``."""
    return {("correct_count" if name == "correct" else name): value for name, value in row.items()}
