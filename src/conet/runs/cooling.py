"""The weight of an entropy bonus as a function of the Clock: what holds the entropy where it should be."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from conet.runs.schedule import Clock

GAIN = 0.3  # weight for an entropy that is too low by all of its first value
BOUNDS = ("gain", "limit", "rate", "most")  # of controllers, which do nothing where one is 0
LIMIT = 0.2  # several times the weight at which a table policy ceases to learn


@dataclass(frozen=True)
class Cooling:
    """The entropy that a run should have: so much of its first value, (1 - step/steps) to a power.

    Runs that came nearest to the ground state, with constant weights found by trial, cooled about like this.

    Parameters
    ----------
    power
        1: in a straight line; more: faster at first.
    """

    power: float = 1.5

    def __call__(self, clock: Clock) -> float | None:
        """Return the entropy in nats a choice; None while the first is not known."""
        if clock.start_entropy is None:
            return None
        return clock.start_entropy * max(0.0, 1.0 - clock.step / max(clock.steps, 1)) ** self.power


@dataclass(frozen=True)
class Cycles:
    """A value that goes to zero by half a cosine, again and again (warm restarts, arXiv 1608.03983).

    Parameters
    ----------
    first
        At the start of every cycle.
    cycles
        In the whole run.
    """

    first: float
    cycles: int

    def __call__(self, clock: Clock) -> float:
        """Return the value now; zero once the run is over."""
        done = clock.step * self.cycles / max(clock.steps, 1)
        share = 1.0 if clock.step >= clock.steps else done % 1.0
        return self.first * (1.0 + math.cos(math.pi * share)) / 2.0


@dataclass(frozen=True)
class HoldEntropy:
    """A controller: a weight of the entropy bonus that keeps the entropy from falling below a target.

    The weight is ``gain`` times what is missing, as a share of the first entropy, and 0 where nothing is: a
    run that cools slowly enough by itself is left alone. (Proportional control, our choice; a target that is
    anchored at the first entropy as in AER, arXiv 2510.10959.)

    Parameters
    ----------
    target
        The entropy in nats a choice, or a function of the Clock to it, which may be None: then the weight is
        0.
    gain
        Weight where all is missing.
    limit
        The weight is never larger.
    """

    target: float | Callable[[Clock], float | None]
    gain: float = GAIN
    limit: float = LIMIT

    def __call__(self, clock: Clock) -> float:
        """Return the weight now."""
        target = self.target(clock) if callable(self.target) else self.target
        if target is None or clock.entropy is None or not clock.start_entropy:
            return 0.0
        missing = (target - clock.entropy) / clock.start_entropy
        return min(self.limit, self.gain * max(0.0, missing))


@dataclass(frozen=True)
class Anchored:
    """A controller that brings the entropy to a share of its first value, and keeps it there.

    After each update the weight is raised by ``gain`` times what is missing of that share, or lowered by what
    is too much, and is never negative: so it goes on until the target is reached, where
    :class:`HoldEntropy` stays a little below. (An anchored target and a weight that follows the difference
    as in AER, arXiv 2510.10959; gain and limit are our choice.)

    Parameters
    ----------
    share
        Of the first entropy.
    gain
        What the weight rises by in an update while all entropy is missing.
    limit
        The weight is never larger.
    """

    share: float
    gain: float = 0.02
    limit: float = 1.0

    def target(self, clock: Clock) -> float | None:
        """Return the entropy in nats a choice; None while the first is not known."""
        return None if clock.start_entropy is None else self.share * clock.start_entropy

    def __call__(self, clock: Clock) -> float:
        """Return the weight now."""
        before, target = clock.entropy_weight or 0.0, self.target(clock)
        if target is None or clock.entropy is None or not clock.start_entropy:
            return before
        return min(self.limit, max(0.0, before + self.gain * (target - clock.entropy) / clock.start_entropy))


@dataclass(frozen=True, kw_only=True)
class Banded:
    """A controller that changes the weight only while the entropy is outside a band, and keeps it in bounds.

    After each update the weight falls by ``rate`` times min(0, H - low) + max(0, H - high), H being the
    entropy, and is then put between ``least`` and ``most`` (AEnt, arXiv 2509.03493: its adaptive coefficient,
    as the authors' code states it, without the optional pull back to the first weight).

    Parameters
    ----------
    low, high
        The band, in nats a choice.
    first
        The weight in the first update.
    rate
        By how much the weight changes for a nat.
    least, most
        Bounds of the weight.
    """

    low: float
    high: float
    first: float
    rate: float = 0.002
    least: float = 0.00004
    most: float = 0.1

    def __call__(self, clock: Clock) -> float:
        """Return the weight now."""
        weight = self.first if clock.entropy_weight is None else clock.entropy_weight
        if clock.entropy is not None:
            weight -= self.rate * (min(0.0, clock.entropy - self.low) + max(0.0, clock.entropy - self.high))
        return min(self.most, max(self.least, weight))


def target_of(weight: object, clock: Clock) -> float | None:
    """Return the entropy that a controller steers for, in nats a choice; None where nothing has one."""
    found = getattr(weight, "target", None)
    return found(clock) if callable(found) else found


def why_zero(weight: object, start: float | None) -> str | None:
    """Say why a weight was 0 throughout; None where that is not known.

    Parameters
    ----------
    weight
        A number, or a function of the Clock to it.
    start
        The first entropy that is known.
    """
    if weight == 0:
        return "no bonus was asked for"
    if 0 in (getattr(weight, name, None) for name in BOUNDS):
        return "its controller never raises it"
    if isinstance(weight, Banded):
        return "the entropy never fell below its band"
    if not hasattr(weight, "target"):
        return None
    if not start:
        return "no entropy was known to steer by"
    return "the entropy never fell below its target"
