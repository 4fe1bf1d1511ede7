"""What the online detector knows, for a trigger, an event or a person."""

from dataclasses import asdict, dataclass
from math import inf
from typing import Any, NamedTuple


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What the online detector knew when it was asked; None where it knew nothing yet.

    Attributes
    ----------
    step : int
    correct_length : float or None
        Recent correct length (steps or tokens).
    shortest, shortest_step : float, int or None
        Its minimum so far, and when that was.
    fall, rise : float or None
        ``1 - shortest / start`` and ``correct_length / shortest - 1``.
    rise_sigmas : float or None
        The rise in units of its noise.
    learned : float or None
        Share of what could be learned: (accuracy - accuracy at start) / (1 - accuracy at start).
    heat_now : bool
    mix_step : int or None
        The step since when other problems are asked than before, where the detector began anew then.
    silent : str or None
        Why nothing can be compared, where the mix of problems changes or has just changed.
    """

    step: int
    correct_length: float | None
    shortest: float | None = None
    shortest_step: int | None = None
    fall: float | None = None
    rise: float | None = None
    rise_sigmas: float | None = None
    learned: float | None = None
    heat_now: bool
    mix_step: int | None = None
    silent: str | None = None


class Mean(NamedTuple):
    """A recent mean length; its variance is ``share`` times the variance of one rollout."""

    length: float
    share: float
    noise: float


def as_event(evidence: Evidence) -> dict[str, Any]:
    """Return the evidence as JSON values for the event log (which knows no infinity)."""
    return {name: None if value == inf else value for name, value in asdict(evidence).items()}
