"""The clip range of the probability ratio as a function of the Clock, and of the probability of a choice."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from conet.runs.schedule import Clock

Shape = Literal["increase_decrease", "decrease_increase_decrease", "oscillating"]
STANDARD = 0.2  # clip range where none is set, as in TRL


@dataclass(frozen=True, kw_only=True)
class ClipRange:
    """Ends of the clip range that let the entropy rise or make it fall (arXiv 2602.09782).

    A choice of probability p is clipped to 1 - low(p) … 1 + high(p). Where the entropy is to rise, high(p) is
    upper + upper_slope p: rare choices may gain more, frequent ones less. Where it is to fall, low(p) is
    lower + lower_slope p. An end that does neither is ``standard``. In between, the ends are mixed, with
    λ = 1 - 2 step/steps (the paper's three strategies, from their summary by its authors):

    - "increase_decrease": high is λ of the way to its dynamic value in the first half, low 1 + λ in the
      second.
    - "decrease_increase_decrease": high is 1 - λ of the way in the first half and stays there; low as before.
    - "oscillating": high alone, once the entropy has come down to ``floor`` of its first value; low alone,
      once it is above a line from that value to the floor; else as before, and low at the start (our choice).

    Parameters
    ----------
    shape
        One of these.
    standard
        The usual clip range.
    upper, upper_slope, lower, lower_slope
        The dynamic ends. (The numbers are those under which others use the method; the paper could not be
        read.)
    floor
        Of "oscillating": a share of the first entropy.
    """

    shape: Shape
    standard: float = STANDARD
    upper: float = 0.5
    upper_slope: float = -0.25
    lower: float = 0.3
    lower_slope: float = -0.13
    floor: float = 0.2

    def shares(self, clock: Clock) -> tuple[float, float]:
        """Return how far the upper and the lower end are on the way to their dynamic values, 0 to 1."""
        if self.shape == "oscillating":
            return (1.0, 0.0) if self.rises(clock) else (0.0, 1.0)
        left = 1.0 - 2.0 * clock.step / max(clock.steps, 1)
        first = self.shape == "increase_decrease"
        if left >= 0.0:
            return left if first else 1.0 - left, 0.0
        return 0.0 if first else 1.0, 1.0 + left

    def rises(self, clock: Clock) -> bool:
        """Say whether the entropy is to rise, for "oscillating"."""
        now, start = clock.entropy, clock.start_entropy
        if now is not None and start is not None:
            floor = self.floor * start
            if now <= floor:
                return True
            if now > floor + (start - floor) * (1.0 - clock.step / max(clock.steps, 1)):
                return False
        last = clock.last_options
        return bool(last) and all(last.get(name) == value for name, value in self.at(1.0, 0.0).items())

    def at(self, up: float, down: float) -> dict[str, float]:
        """Return the options of a learner for these shares."""
        return {
            "clip": (1.0 - down) * self.standard + down * self.lower,
            "clip_slope": down * self.lower_slope,
            "clip_high": (1.0 - up) * self.standard + up * self.upper,
            "clip_high_slope": up * self.upper_slope,
        }

    def options(self) -> dict[str, Callable[[Clock], float]]:
        """Return the options of a phase."""

        def of(name: str) -> Callable[[Clock], float]:
            return lambda clock: self.at(*self.shares(clock))[name]

        return {name: of(name) for name in self.at(0.0, 0.0)}
