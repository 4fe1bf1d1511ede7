"""The schedule of a run of walks: its phases, their learners, and the options of these now."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from conet.base.errors import ConetError, nearest
from conet.config import Config, LearnerSettings, validated
from conet.learners import Learner
from conet.learners import make as make_learner
from conet.learners.sft import SFT
from conet.runs import schedules
from conet.runs.critical import Estimate
from conet.runs.schedule import Phase, Schedule, Setup


def phases_of(
    config: Config,
    learner: Learner,
    problems: int,
    given: Schedule | Sequence[Phase] | None = None,
    estimate: Callable[[], Estimate] | None = None,
) -> tuple[Phase, ...]:
    """Return the phases that the config names, or those of a schedule given in their place.

    Parameters
    ----------
    learner, problems
        The run's own learner, and how many problems there are.
    estimate
        What :class:`conet.runs.schedule.Setup` has of that name.

    Raises
    ------
    ConetError
        For a schedule that is none, or options that do not fit.
    """
    setup = Setup(
        steps=config.steps,
        problems=problems,
        learner=config.learner.name,
        learns_from=learner.learns_from,
        options=learner.model_dump(),
        estimate=estimate,
    )
    settings = config.schedule
    known = {name: value for name, value in settings if name in type(settings).model_fields}
    return schedules.make(settings.name if given is None else given, setup, known, settings.options)


def learner_of(phase: Phase, own: Learner, sft_learning_rate: float) -> Learner:
    """Return the learner of a phase, with the options that stay as they are throughout.

    Parameters
    ----------
    phase
        Of a schedule.
    own
        The run's own learner; others take rollouts and optimizer from it.
    sft_learning_rate
        Of "sft" where the phase says nothing. It adds up log π over the demonstrations, so that the rate is
        the logit step a problem and update, and ascends without momentum.

    Raises
    ------
    ConetError
        For an unknown learner or option, or a value that does not fit.
    """
    given: Any = phase.learner
    fixed = {name: value for name, value in phase.options.items() if not callable(value)}
    if given is None:
        found = own
    elif given == "sft":
        found = SFT(rollouts=own.rollouts, learning_rate=sft_learning_rate, average=False)
    elif isinstance(given, str):
        shared = {name: getattr(own, name) for name in ("rollouts", "learning_rate", "optimizer")}
        found = make_learner(LearnerSettings(name=given, **shared))
    elif isinstance(given, Learner):
        found = given
    else:
        raise ConetError(
            f"phase {phase.name!r} with learner {given!r}"[:200],
            "a conet.Learner, the name of one, or None for the run's own",
            "docs/skeletons/schedule.py is one to copy",
        )
    found = with_options(found, fixed, phase)
    _check(found, phase)
    return found


def _check(learner: Learner, phase: Phase) -> None:
    """Refuse what would only be found out in the middle of a run."""
    known = type(learner).model_fields
    for name, value in phase.options.items():
        if callable(value) and name not in known:
            got = f"in phase {phase.name!r}: unknown key 'learner.{name}'"
            raise ConetError(got, f"an option of {type(learner).__name__}", nearest(name, known))
        if callable(value) and name == "optimizer":
            got = f"in phase {phase.name!r}: an optimizer that changes from step to step"
            raise ConetError(got, "one optimizer throughout a phase", "give it by name")
    if phase.demonstrations and learner.learns_from == "rollouts":
        got = f"phase {phase.name!r} with demonstrations and {type(learner).__name__}, a learner of rollouts"
        raise ConetError(got, "learner='sft' or another learner of demonstrations", "name it in the phase")


def with_options(learner: Learner, options: Mapping[str, Any], phase: Phase) -> Learner:
    """Return a learner with some options changed.

    Raises
    ------
    ConetError
        Naming the phase, for an unknown option or a value that does not fit.
    """
    if not options:
        return learner
    try:
        return validated(type(learner), learner.model_dump() | dict(options), prefix="learner.")
    except ConetError as error:
        raise ConetError(f"in phase {phase.name!r}: {error.got}", error.expected, error.remedy) from None


def columns(names: Sequence[str], learner: Learner) -> dict[str, float | None]:
    """Return options by name, ``option.<name>``, with the values that they have in this learner now."""
    values = {name: getattr(learner, name, None) for name in names}
    numbers = {
        name: float(value) if isinstance(value, int | float) else None for name, value in values.items()
    }
    return {f"option.{name}": value for name, value in numbers.items()}


def rate_setting(phase: Phase, shipped: bool) -> str:
    """Return the name under which the user sets the learning rate of a phase.

    Parameters
    ----------
    shipped
        Whether the schedule comes with the package, so that its rates are settings.
    """
    if phase.learner is None and "learning_rate" not in phase.options:
        return "learner.learning_rate"
    if phase.learner == "sft" and (shipped or "learning_rate" not in phase.options):
        return "schedule.sft_learning_rate"
    return f"learning_rate of phase {phase.name!r}"
