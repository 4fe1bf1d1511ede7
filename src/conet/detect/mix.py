"""Which problems a run asks: whether the mix of problems has changed.

Lengths of two policies can be compared where both answer the same kind of problems. A curriculum that goes
on to other problems changes the correct length without any change of the policy.
"""

import base64
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from conet.base.errors import ConetError

# All are our choice, made on problems drawn at random with replacement, which never change their mix.
MOST = 0.5  # more than this share of the problems of a step, or of a stretch
FEW = 0.25  # less than this share of the problems asked of late
LATELY = 64  # problems asked, at least: fewer may recur by chance
ENOUGH = 16  # times that a new problem was asked, before the mix has changed
FOLD = 2**32  # numbers of problems that are longer (hashes of prompts) are folded
_NONE = np.empty(0, np.int64)


class Mix:
    """Tells when a run whose problems recurred goes on to problems that it never asked before.

    Formally. A step is *new* if more than half of its problems were never asked before. The mix is *steady*
    at update n if no step of the last n / (``memory`` + 1) updates was new (as far as the detector's means
    look back), and if less than ``FEW`` of the problems asked of late were: a mean that starts at 1 and
    forgets as the detector's do, yet looks back on ``LATELY`` problems at least. A new step of a steady mix
    opens a *stretch*. With every step of it, those problems are counted that were not asked before the
    stretch began: once these are ``ENOUGH``, the mix has changed; if they are half of the stretch or less
    before that, it is closed, and all is as it was.

    So a run in epochs never changes its mix: in its first epoch every step is new, later none is. Nor does
    a run that never asks a problem twice; and one that goes over to that changes once. What is not seen: a
    change to problems that were asked before, one by half or less of the problems, and stages that are
    shorter than what the means look back on.

    Attributes
    ----------
    known : ndarray of int64
        Problems that were asked, ascending.
    since : int or None
        The step at which a stretch was opened that is neither closed nor a change yet.
    """

    def __init__(self) -> None:
        self.known = _NONE
        self.new_at = 0  # updates at the last new step
        self.new_share = 1.0  # of the problems asked of late
        self.since: int | None = None
        self.fresh = _NONE  # problems that were asked first in this stretch
        self.asked = self.asked_fresh = 0  # in this stretch: problems asked, and fresh ones among them

    def look(self, step: int, problems: Sequence[int] | np.ndarray, update: int, memory: float) -> int | None:
        """Take in the problems of a step.

        Parameters
        ----------
        step
            Its number, only for the answer.
        problems
            Their numbers; one that stands there several times counts once.
        update
            How many steps were taken in, with this one.
        memory
            Of the detector's means.

        Returns
        -------
        int or None
            Where this step shows that the mix has changed: the step since when.

        Raises
        ------
        ConetError
            For numbers that are not whole.
        """
        here = _numbers(step, problems)
        if not len(here):
            return None
        never = here[~_among(here, self.known)]
        new = len(never) > MOST * len(here)
        steady = self.new_share < FEW and (update - self.new_at) * (memory + 1) >= update
        if new and steady and self.since is None:
            self._close(opened=step)
        self.new_at = update if new else self.new_at
        rate = min(memory / (update + memory - 1), len(here) / LATELY, 1.0)
        self.new_share += rate * (len(never) / len(here) - self.new_share)
        self.known = _joined(self.known, never)
        if self.since is None:
            return None
        self.fresh = _joined(self.fresh, never)
        self.asked += len(here)
        self.asked_fresh += int(_among(here, self.fresh).sum())
        since, mostly = self.since, self.asked_fresh > MOST * self.asked
        if not mostly or self.asked_fresh >= ENOUGH:
            self._close()
        return since if mostly and self.since is None else None

    def _close(self, opened: int | None = None) -> None:
        self.since, self.fresh, self.asked, self.asked_fresh = opened, _NONE, 0, 0

    def state(self) -> dict[str, Any]:
        """Return what a checkpoint must keep, as JSON values."""
        counts = {
            name: getattr(self, name) for name in ("new_at", "new_share", "since", "asked", "asked_fresh")
        }
        return counts | {"known": _packed(self.known), "fresh": _packed(self.fresh)}

    def load(self, state: Mapping[str, Any]) -> None:
        """Take over what :meth:`state` returned."""
        for name, value in state.items():
            setattr(self, name, _unpacked(value) if name in ("known", "fresh") else value)


def _numbers(step: int, problems: Sequence[int] | np.ndarray) -> np.ndarray:
    try:
        given = np.asarray(problems)
    except ValueError:  # lists of several lengths
        given = np.asarray(None)
    if given.size and (given.ndim != 1 or given.dtype.kind not in "iu"):
        got = f"problems {problems!r}"[:100] + f" of step {step}"
        raise ConetError(got, "a list of whole numbers", "give each problem a number, always the same")
    return np.unique(given.astype(np.int64) % FOLD)


def _among(some: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Say which numbers are among ``known``, which ascends."""
    if not len(known):
        return np.zeros(len(some), np.bool_)
    return known[np.minimum(np.searchsorted(known, some), len(known) - 1)] == some


def _joined(known: np.ndarray, more: np.ndarray) -> np.ndarray:
    """Return both, ascending; ``more`` ascends, and none of it is known."""
    return np.insert(known, np.searchsorted(known, more), more) if len(more) else known


def _packed(numbers: np.ndarray) -> str:
    """Write ascending numbers as text: their differences, compressed."""
    gaps = np.diff(numbers, prepend=0).astype("<u4")
    return base64.b64encode(zlib.compress(gaps.tobytes())).decode("ascii")


def _unpacked(text: str) -> np.ndarray:
    gaps = np.frombuffer(zlib.decompress(base64.b64decode(text)), "<u4")
    return np.cumsum(gaps, dtype=np.int64)
