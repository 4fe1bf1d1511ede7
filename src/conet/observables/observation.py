"""What an observable sees, and how the training loop asks it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from numbers import Real
from typing import Any

from conet.base.errors import ConetError
from conet.engine.sample import Walks
from conet.engine.tables import TablePolicy
from conet.network.problems import Problems
from conet.network.web import Web
from conet.observables.web import threshold_web


@dataclass(frozen=True)
class Observation:
    """One moment of a training: the smallest record that all observables share.

    Parameters
    ----------
    step : int
        Updates done so far.
    policy, tasks
        The policy after that many updates, and the questions asked of it. Read, do not write.
    walks
        Walks drawn from this policy.
    threshold : float
        Edges with π ≥ threshold form the concept web.
    """

    step: int
    policy: TablePolicy
    tasks: Problems
    walks: Walks
    threshold: float = 0.3

    @cached_property
    def web(self) -> Web:
        """The thresholded web, made once however many observables ask for it."""
        return threshold_web(self.policy, self.threshold)


Observable = Callable[[Observation], float | dict[str, float]]


def evaluate(functions: Mapping[str, Observable], observation: Observation) -> dict[str, float]:
    """Ask every observable, and say which one fails.

    Parameters
    ----------
    functions
        Observables by name.
    observation
        What they see.

    Returns
    -------
    dict
        ``name`` for one that returns a number, ``name.key`` for one that returns a dict. NaN means:
        not defined at this moment.

    Raises
    ------
    ConetError
        Naming the observable that raised, or that returned something else than numbers.
    """
    results: dict[str, float] = {}
    for name, function in functions.items():
        try:
            value = function(observation)
        except Exception as error:
            raise ConetError(
                f"observable {name!r} at step {observation.step}: {type(error).__name__}: {error}",
                "a number or a dict of numbers",
                "mend it or leave it out of `observables`",
            ) from error
        if isinstance(value, Mapping):
            results |= {f"{name}.{key}": _number(f"{name}.{key}", part) for key, part in value.items()}
        else:
            results[name] = _number(name, value)
    return results


def _number(name: str, value: Any) -> float:
    if not isinstance(value, Real):
        raise ConetError(
            f"observable {name!r}: {type(value).__name__}",
            "a number (NaN where it is not defined) or a dict of numbers",
            "convert it with float()",
        )
    return float(value)
