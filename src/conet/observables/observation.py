"""What an observable sees, what it can declare, and how the training loop asks it."""

from collections.abc import Callable, Collection, Mapping
from functools import cached_property
from numbers import Real
from typing import TYPE_CHECKING, Any, TypeVar
from zlib import crc32

import numpy as np

from conet.base.errors import ConetError, nearest
from conet.config.settings import WEB_THRESHOLD
from conet.engine.policy import Policy
from conet.engine.sample import Walks
from conet.engine.tables import TablePolicy
from conet.network.problems import Problems
from conet.network.web import Web
from conet.observables.web import threshold_web
from conet.rollouts import SPLITS, from_walks, per_problem

if TYPE_CHECKING:
    import polars

PARTS = ("rollouts", "walks", "policy", "table", "web")
CHECKED = 4 << 20  # bytes of an array that are looked at, whether an observable wrote into it
ROLLOUTS = frozenset({"rollouts"})  # what every run has, also those of language models and logs


class Observation:
    """One moment of a training: the smallest record that all observables share. Read, do not write.

    Parameters
    ----------
    step : int
        Updates done so far.
    policy, problems
        The policy after that many updates, and the problems asked of it; absent where only rollouts
        are known.
    walks
        Walks drawn from this policy.
    threshold : float
        Edges with π ≥ threshold form the concept web.
    rollouts : polars.DataFrame, optional
        Rollouts of this step (see :func:`conet.rollouts.schema`); made of the walks where absent.
    split, phase
        What the walks were drawn for, as in the table of rollouts.
    """

    def __init__(
        self,
        step: int,
        policy: Policy | None = None,
        problems: Problems | None = None,
        walks: Walks | None = None,
        threshold: float = WEB_THRESHOLD,
        *,
        rollouts: "polars.DataFrame | None" = None,
        split: str = "train",
        phase: str = "rlvr",
    ) -> None:
        self.step, self.threshold = step, threshold
        self._drawn = split, phase
        self._parts: dict[str, Any] = {
            "policy": policy,
            "problems": problems,
            "walks": walks,
            "rollouts": rollouts,
        }

    def _part(self, name: str) -> Any:
        found = self._parts[name]
        if found is None:
            raise ConetError(
                f"an observable that asks for `{name}`",
                "one that asks for `rollouts` alone: no more is known of this run",
                "evaluate it on a run of `conet run`",
            )
        return found

    def checksums(self) -> list[int]:
        """Return a checksum of every array that the training goes on with; of large ones, of a sample."""
        parts = [part for name, part in self._parts.items() if name != "rollouts" and part is not None]
        parts += [part.graph for part in parts if hasattr(part, "graph")]
        arrays = (
            value
            for part in parts
            for name, value in vars(part).items()
            if isinstance(value, np.ndarray) and not name.startswith("_")
        )
        sampled = (array.ravel(order="A")[:: array.nbytes // CHECKED + 1] for array in arrays)
        return [crc32(array.tobytes()) for array in sampled]

    @property
    def policy(self) -> Policy:
        """The policy."""
        return self._part("policy")

    @property
    def table(self) -> TablePolicy:
        """The policy, where an observable needs its logits or exact sums over all walks."""
        if isinstance(self.policy, TablePolicy):
            return self.policy
        got = f"an observable that needs logits of edges, on a {type(self.policy).__name__}"
        raise ConetError(got, "the table policy", "choose another observable")

    @property
    def problems(self) -> Problems:
        """Question and answer of each problem."""
        return self._part("problems")

    @property
    def tasks(self) -> Problems:
        """The name of version 0.1 for :attr:`problems`."""
        return self.problems

    @property
    def walks(self) -> Walks:
        """Walks drawn from the policy."""
        return self._part("walks")

    @cached_property
    def web(self) -> Web:
        """The thresholded web, made once however many observables ask for it."""
        return threshold_web(self.policy, self.threshold)

    @cached_property
    def rollouts(self) -> "polars.DataFrame":
        """One row a rollout of this step, with the columns of :func:`conet.rollouts.schema`."""
        known = self._parts["rollouts"]
        return from_walks([(self.step, *self._drawn, self.walks)]) if known is None else known

    @cached_property
    def by_problem(self) -> "polars.DataFrame":
        """One row a problem, with the columns of :func:`conet.rollouts.per_problem`."""
        return per_problem(self.rollouts, SPLITS)


Observable = Callable[[Observation], float | dict[str, float]]
_Function = TypeVar("_Function", bound=Callable)


def needs(*parts: str) -> Callable[[_Function], _Function]:
    """Declare what an observable reads: "rollouts", "walks", "policy", "table" or "web".

    "table" is a policy that is a table of logits, which the transformer is not.
    One that needs "rollouts" alone works on language models and on other people's logs as well.
    Without a declaration an observable is offered all there is, and fails where it asks for more.

    Raises
    ------
    ConetError
        For an unknown part.
    """
    for part in parts:
        if part not in PARTS:
            raise ConetError(f"needs({part!r})", "parts of an observation", nearest(part, PARTS))

    def declare(function: _Function) -> _Function:
        vars(function)["needs"] = frozenset(parts)
        return function

    return declare


def needed(function: Observable) -> frozenset[str] | None:
    """Return what an observable declares, None where it declares nothing."""
    found = getattr(function, "needs", None)
    return None if found is None else frozenset(found)


def check_needs(functions: Mapping[str, Observable], known: Collection[str], where: str) -> None:
    """Refuse observables that declare a need for what is not known, before anything runs.

    Parameters
    ----------
    functions
        Observables by name.
    known
        Which of :data:`PARTS` there are.
    where
        What they were to be evaluated on, for the error.
    """
    for name, function in functions.items():
        lacking = sorted((needed(function) or frozenset()) - frozenset(known))
        if lacking:
            raise ConetError(
                f"observable {name!r}, which needs {', '.join(lacking)}, on {where}",
                f"one that needs {', '.join(sorted(known))} alone",
                "leave it out, or choose another",
            )


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
        Naming the observable that raised, that returned something else than numbers, or that wrote into what
        it was shown, which would have changed the run.
    """
    results: dict[str, float] = {}
    # Those of the package only read. Arrays that cannot be written would have kernels compiled anew.
    own = {name for name, each in functions.items() if not _is_ours(each)}
    before = observation.checksums() if own else []
    for name, function in functions.items():
        try:
            value = function(observation)
        except ConetError as error:
            got = f"observable {name!r} at step {observation.step}: {error.got}"
            raise ConetError(got, error.expected, error.remedy) from error
        except (Exception, SystemExit) as error:
            raise ConetError(
                f"observable {name!r} at step {observation.step}: {type(error).__name__}: {error}",
                "a number or a dict of numbers",
                "mend it or leave it out of `observables`",
            ) from error
        if name in own and observation.checksums() != before:
            raise ConetError(
                f"observable {name!r} at step {observation.step}, which wrote into what it was shown",
                "one that only reads",
                "let it work on copies, such as `policy.copy()` or `array.copy()`",
            )
        if isinstance(value, Mapping):
            results |= {f"{name}.{key}": _number(f"{name}.{key}", part) for key, part in value.items()}
        else:
            results[name] = _number(name, value)
    return results


def _is_ours(function: Observable) -> bool:
    return str(getattr(function, "__module__", "")).startswith("conet.")


def _number(name: str, value: Any) -> float:
    if not isinstance(value, Real):
        raise ConetError(
            f"observable {name!r}: {type(value).__name__}",
            "a number (NaN where it is not defined) or a dict of numbers",
            "convert it with float()",
        )
    try:
        return float(value)
    except OverflowError:
        raise ConetError(f"observable {name!r}: a whole number too large", "a number", "scale it") from None
