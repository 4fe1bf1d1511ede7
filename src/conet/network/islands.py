"""Islands through time: which keep their identity, which merge with which, and when.

Islands may touch and part again. A merge counts from the first snapshot after which two questions
stay in one component to the end. That is transitive at every moment, so the merges form a tree.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from conet.base.errors import ConetError
from conet.network.web import Web


@dataclass(frozen=True)
class Merge:
    """Groups of questions that become one for good.

    Attributes
    ----------
    step : int
        The first snapshot at which they are one.
    parts : tuple of tuple of int
        The groups as they were before; indices of questions, ascending.
    """

    step: int
    parts: tuple[tuple[int, ...], ...]


def question_labels(webs: Sequence[Web], questions: np.ndarray) -> np.ndarray:
    """Component of each question node in each web, int32, shape (webs, questions).

    -1 where the question touches no edge: it is then a group of its own.
    """
    return np.array([web.labels[questions] for web in webs], np.int32).reshape(len(webs), len(questions))


def lasting_groups(labels: np.ndarray) -> np.ndarray:
    """Group the questions that are in one component at this snapshot and at all later ones.

    Parameters
    ----------
    labels : ndarray of int, shape (snapshots, questions)
        From :func:`question_labels`; -1 is a group of its own.

    Returns
    -------
    ndarray of int64, shape (snapshots, questions)
        Group of each question, numbered from 0.
    """
    snapshots, questions = labels.shape
    alone = np.where(labels < 0, -1 - np.arange(questions), labels)
    groups = np.zeros(labels.shape, np.int64)
    later = np.zeros(questions, np.int64)
    for place in range(snapshots - 1, -1, -1):
        pairs = np.column_stack([later, alone[place]])
        later = np.unique(pairs, axis=0, return_inverse=True)[1].reshape(-1)
        groups[place] = later
    return groups


def merge_tree(steps: Sequence[int], labels: np.ndarray) -> list[Merge]:
    """List every lasting merge of islands that hold questions, in order of time.

    Parameters
    ----------
    steps
        Step of each snapshot, ascending.
    labels : ndarray of int, shape (snapshots, questions)
        From :func:`question_labels`.

    Returns
    -------
    list of Merge
        What is already one at the first snapshot is a merge there, of single questions.
    """
    _check(steps, labels)
    groups = lasting_groups(labels)
    before = np.arange(labels.shape[1])
    merges = []
    for step, now in zip(steps, groups):
        for group in np.unique(now):
            members = np.flatnonzero(now == group)
            parts = [tuple(members[before[members] == part].tolist()) for part in np.unique(before[members])]
            if len(parts) > 1:
                merges.append(Merge(int(step), tuple(sorted(parts))))
        before = now
    return merges


def merge_steps(steps: Sequence[int], labels: np.ndarray) -> np.ndarray:
    """Step from which two questions stay in one component, float64, shape (questions, questions).

    NaN where they never do. It is an ultrametric, so ``scipy.cluster.hierarchy`` can draw it.
    """
    _check(steps, labels)
    merged = np.full((labels.shape[1],) * 2, np.nan)
    for step, now in zip(reversed(list(steps)), lasting_groups(labels)[::-1]):
        merged[now[:, None] == now[None, :]] = step
    return merged


def follow(labels: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Number islands so that an island keeps its number while it grows, shrinks or takes in others.

    From one moment to the next the pairs of islands that share most nodes keep a number, the pair with
    the most first; an island without a partner gets a new number (our choice).

    Parameters
    ----------
    labels : sequence of ndarray of int, shape (nodes,)
        Component of each node at each moment, -1 where it has none.

    Returns
    -------
    list of ndarray of int64, shape (nodes,)
        The numbers, from 0 in the order of their appearance; -1 as before.
    """
    numbers: list[np.ndarray] = []
    known = 0
    for label in labels:
        islands = int(label.max(initial=-1)) + 1
        number = np.full(islands, -1)
        if numbers:
            both = (label >= 0) & (numbers[-1] >= 0)
            pairs, shared = np.unique(np.stack([label[both], numbers[-1][both]]), axis=1, return_counts=True)
            taken: set[int] = set()
            for place in np.argsort(-shared, kind="stable"):
                island, old = pairs[:, place].tolist()
                if number[island] < 0 and old not in taken:
                    number[island] = old
                    taken.add(old)
        new = number < 0
        number[new] = known + np.arange(new.sum())
        known += int(new.sum())
        numbers.append(np.append(number, -1)[label])
    return numbers


def _check(steps: Sequence[int], labels: np.ndarray) -> None:
    if len(steps) != len(labels) or any(later <= earlier for earlier, later in pairwise(steps)):
        raise ConetError(
            f"{len(steps)} steps for {len(labels)} snapshots",
            "one ascending step a snapshot",
            "pass the steps that the labels belong to",
        )
