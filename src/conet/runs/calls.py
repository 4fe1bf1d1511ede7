"""Calls of the functions in a schedule, which may be the user's own."""

from collections.abc import Callable
from typing import Any

from conet.base.errors import ConetError
from conet.runs.schedule import Clock, Phase


def called(what: str, function: Callable[[Clock], Any], phase: Phase, clock: Clock) -> Any:
    """Return what a function of a schedule says now.

    Parameters
    ----------
    what
        What it decides, for the message.

    Raises
    ------
    ConetError
        When it fails, with what it did wrong.
    """
    try:
        return function(clock)
    except (ConetError, MemoryError):
        raise
    except (Exception, SystemExit) as error:
        raise ConetError(
            f"{what} of phase {phase.name!r} at step {clock.step}: {type(error).__name__}: {error}",
            "a function of the Clock that gives a value at every step",
            "mend the schedule; of a Clock, accuracy, correct_length and entropy are None at the start",
        ) from error
