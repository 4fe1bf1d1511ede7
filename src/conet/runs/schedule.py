"""What a schedule is made of: the clock, triggers, values that change with it, and phases.

The same for walks (:mod:`conet.runs.trainer`) and language models (:mod:`conet.llm.trainer`). A schedule is a
function from a :class:`Setup` to phases; those that come with the package are in :mod:`conet.runs.schedules`,
and ``docs/skeletons/schedule.py`` is one to copy.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from conet.base.errors import ConetError
from conet.detect.evidence import Evidence

if TYPE_CHECKING:
    from conet.learners import Learner
    from conet.runs.critical import Estimate

Demonstrations = Literal["hard", "seen", "shortest", "random"]


class Clock:
    """What a trigger, and an option that changes during the run, may look at: never anything else.

    That is what makes a resumed run equal to an uninterrupted one: all of it is a function of the updates
    done so far, or kept in the checkpoint.

    Parameters
    ----------
    entropy, start_entropy, problem_accuracy, evaluation
        A value, or a function that is called when it is first asked for.

    Attributes
    ----------
    step, steps : int
        Updates done, and those of the whole run.
    elapsed : int
        Updates done in this phase.
    accuracy, correct_length : float or None
        Of the last rollouts; None before the first, and where none was correct.
    entropy : float or None
        Mean entropy of the policy where the last rollouts chose, in nats a choice (a hop, or a token).
    start_entropy : float or None
        The first of these that was known.
    entropy_weight : float or None
        The weight of the entropy bonus in the last update that a schedule set it for.
    last_options : mapping of str to float
        The numbers that options had in the last update that a schedule set them for: the memory of an option
        that follows its own past.
    problem_accuracy : ndarray of float64, shape (M,), or None
        Share of the correct rollouts of each problem of late, an exponential mean over the updates that drew
        it; NaN before the twentieth. For language models over the last ``heating.window`` updates, NaN below
        ``heating.min_samples`` rollouts; None where problems have no numbers.
    detector : Evidence or None
        What the online detector knows (see :class:`conet.detect.online.Evidence`).
    evaluation : mapping of str to float, or None
        The last evaluation: ``step``, when it was made, and what was measured. For walks, what a snapshot
        measures (``pass_at_1``, ``pass_at_2``, …, ``mean_degree``, ``islands``), at the steps of
        ``snapshots.steps`` and when it is asked for first; for language models what the trainer logs.
    """

    def __init__(
        self,
        *,
        step: int,
        steps: int,
        elapsed: int = 0,
        accuracy: float | None = None,
        correct_length: float | None = None,
        entropy: float | Callable[[], float | None] | None = None,
        start_entropy: float | Callable[[], float | None] | None = None,
        entropy_weight: float | None = None,
        last_options: Mapping[str, float] | None = None,
        problem_accuracy: np.ndarray | Callable[[], np.ndarray | None] | None = None,
        detector: Evidence | None = None,
        evaluation: Mapping[str, float] | Callable[[], Mapping[str, float] | None] | None = None,
    ) -> None:
        self.step, self.steps, self.elapsed = step, steps, elapsed
        self.accuracy, self.correct_length, self.detector = accuracy, correct_length, detector
        self._entropy, self._start_entropy, self._evaluation = entropy, start_entropy, evaluation
        self._problem_accuracy, self.last_options = problem_accuracy, last_options or {}
        self.entropy_weight = self.last_options.get("entropy") if entropy_weight is None else entropy_weight

    def __repr__(self) -> str:
        return (
            f"Clock(step={self.step}, steps={self.steps}, elapsed={self.elapsed}, accuracy={self.accuracy})"
        )

    @cached_property
    def entropy(self) -> float | None:
        """Mean entropy of the policy where the last rollouts chose, in nats a choice."""
        return self._entropy() if callable(self._entropy) else self._entropy

    @cached_property
    def start_entropy(self) -> float | None:
        """The first mean entropy that was known, in nats a choice."""
        return self._start_entropy() if callable(self._start_entropy) else self._start_entropy

    @cached_property
    def problem_accuracy(self) -> np.ndarray | None:
        """Share of the correct rollouts of each problem of late; NaN where not known yet."""
        return self._problem_accuracy() if callable(self._problem_accuracy) else self._problem_accuracy

    @cached_property
    def evaluation(self) -> Mapping[str, float] | None:
        """The last evaluation, or None."""
        return self._evaluation() if callable(self._evaluation) else self._evaluation

    @property
    def heating_signal(self) -> bool:
        """Whether the detector's heating signal has fired."""
        return self.detector is not None and self.detector.heat_now


# Asked before every step: whether the phase ends; a text says yes, and why.
Trigger = Callable[[Clock], bool | str]
Problems = Sequence[int] | Callable[[Clock], Sequence[int]]


@dataclass(frozen=True)
class AtStep:
    """Ends a phase when so many updates have been done in all."""

    step: int

    def __call__(self, clock: Clock) -> bool | str:
        """Say whether the step has come."""
        return clock.step >= self.step and f"step {self.step}, as set"


@dataclass(frozen=True)
class After:
    """Ends a phase when it has lasted so many updates."""

    steps: int

    def __call__(self, clock: Clock) -> bool | str:
        """Say whether the phase has lasted long enough."""
        return clock.elapsed >= self.steps and f"after {self.steps} updates"


@dataclass(frozen=True)
class AtHeatingSignal:
    """Ends a phase when the detector's heating signal has fired, or at the latest after a share of the run.

    With ``latest=None`` it waits to the end.
    """

    latest: float | None = 0.5

    def __call__(self, clock: Clock) -> bool | str:
        """Say whether the signal has fired, or its time is up."""
        if clock.heating_signal:
            return "the heating signal fired"
        late = self.latest is not None and clock.step >= self.latest * clock.steps - 1e-9  # for rounding
        return late and "the latest step was reached"


def never(clock: Clock) -> bool:
    """Let a phase last to the end of the run."""
    return False


@dataclass(frozen=True)
class Linear:
    """An option that goes from ``first`` to ``last`` in a straight line, and then stays.

    Parameters
    ----------
    first, last
        Its values.
    over
        Updates of the phase that it takes; the whole run where absent.
    """

    first: float
    last: float
    over: int | None = None

    def share(self, clock: Clock) -> float:
        """Return how much of the way is done, 0 to 1."""
        done, of = (clock.step, clock.steps) if self.over is None else (clock.elapsed, self.over)
        return min(1.0, done / max(of, 1))

    def __call__(self, clock: Clock) -> float:
        """Return the value now."""
        return self.first + (self.last - self.first) * self.share(clock)


@dataclass(frozen=True)
class Cosine(Linear):
    """An option that goes from ``first`` to ``last`` by half a cosine, flat at both ends, and then stays."""

    def __call__(self, clock: Clock) -> float:
        """Return the value now."""
        return self.last + (self.first - self.last) * (1.0 + math.cos(math.pi * self.share(clock))) / 2.0


@dataclass(frozen=True)
class Phase:
    """One stretch of training.

    Attributes
    ----------
    name : str
        Stands in the metrics and the events: "rlvr", "heat" or "sft" for those of the package.
    until : Trigger
        Asked before every step; the phase ends when it says yes.
    learner : Learner, str or None
        None: the run's own. "sft": supervised steps on demonstrations. For walks also any other learner,
        by name or as an object.
    options : mapping of str to a value or a function of the Clock
        Options of the learner that differ in this phase, such as ``learning_rate``. A function is asked
        before every step.
    problems : sequence of int, function of the Clock, or None
        The problems that are trained; all where None.
    demonstrations : str or None
        Of what the supervised steps learn: "hard" (rarely solved problems, see
        :mod:`conet.rollouts.selection`: this is heating), "seen" (likewise, but from the run's own rollouts,
        which costs none: problems rarely solved of late, and of walks the shortest correct one that the run
        has ever drawn, of completions that of the last ``heating.window`` updates), "shortest" (a shortest
        path of every problem) or "random" (a random correct rollout of each). None: what the learner says,
        "shortest" where it says nothing.
    waits : bool
        What happens where there are no demonstrations when the phase is due and the phase before draws
        rollouts: that one goes on, and it is tried again later; or the phase is left out.
    """

    name: str
    _: KW_ONLY
    until: Trigger = never
    learner: "Learner | str | None" = None
    options: Mapping[str, Any] = field(default_factory=dict)
    problems: Problems | None = None
    demonstrations: Demonstrations | None = None
    waits: bool = True

    @property
    def heats(self) -> bool:
        """Whether it is a heating: supervised steps on hard problems."""
        return self.demonstrations in ("hard", "seen")


@dataclass(frozen=True, kw_only=True)
class Setup:
    """What a schedule is told about the run.

    Attributes
    ----------
    steps : int
        Updates of the whole run.
    problems : int
        How many there are.
    learner : str
        Name of the run's own learner.
    learns_from : "rollouts" or "demonstrations"
        What that learner learns from.
    options : mapping of str to any
        Its options, ``learning_rate`` among them.
    language_model : bool
        Whether completions of a language model are drawn, always equally many in an update.
    estimate : function without arguments, or None
        Of walks on a graph that is there: returns what is known of the critical weight of the entropy.
    """

    steps: int
    problems: int
    learner: str = "grpo"
    learns_from: Literal["rollouts", "demonstrations"] = "rollouts"
    options: Mapping[str, Any] = field(default_factory=dict)
    language_model: bool = False
    estimate: "Callable[[], Estimate] | None" = None

    def refuse_demonstrations(self, schedule: str) -> None:
        """Refuse a learner of demonstrations.

        Raises
        ------
        ConetError
            When the run's own learner is one.
        """
        if self.learns_from == "demonstrations":
            raise ConetError(
                f"schedule.name={schedule} with learner.name={self.learner}",
                "a learner of rollouts",
                "choose another learner; SFT throughout is learner.name=sft alone",
            )


Schedule = Callable[..., Sequence[Phase]]
