"""Schedules by name: each is a function from a :class:`~conet.runs.schedule.Setup` to phases.

A new one is one file here and one line in ``SCHEDULES``.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, get_args

from conet.base.errors import ConetError
from conet.base.registry import Table, resolve
from conet.config import ScheduleSettings
from conet.config.functions import checked, options_of
from conet.runs.schedule import Demonstrations, Phase, Schedule, Setup

SCHEDULES: Mapping[str, Schedule] = Table(
    {
        "rlvr": "conet.runs.schedules.rlvr:rlvr",
        "annealed_rlvr": "conet.runs.schedules.annealed_rlvr:annealed_rlvr",
        "sft_then_rlvr": "conet.runs.schedules.sft_then_rlvr:sft_then_rlvr",
        "falling_rate": "conet.runs.schedules.falling_rate:falling_rate",
        "reheating": "conet.runs.schedules.reheating:reheating",
        "clip_range": "conet.runs.schedules.clip_range:clip_range",
        "temperature": "conet.runs.schedules.temperature:temperature",
    }
)

# What stands for the settings of walks in a recipe of a language model.
HEATING: Mapping[str, str] = {
    "heat_at": "step",
    "heat_latest": "latest",
    "heat_steps": "steps",
    "sft_steps": "steps",
    "sft_learning_rate": "learning_rate",
    "max_accuracy": "max_accuracy",
    "harvest_samples": "harvest_samples",
    "pick": "pick",
}
SKELETON = "docs/skeletons/schedule.py is one to copy"

__all__ = ["SCHEDULES", "make"]


def make(
    schedule: str | Schedule | Sequence[Phase],
    setup: Setup,
    settings: Mapping[str, Any] | None = None,
    options: Mapping[str, Any] | None = None,
) -> tuple[Phase, ...]:
    """Return the phases of a schedule.

    Parameters
    ----------
    schedule
        A name, ``path/to/file.py:name``, a function, or the phases themselves.
    setup
        What the schedule is told about the run.
    settings
        Values that every schedule may ask for; it gets those that it has an argument for.
    options
        Further options; the schedule must have an argument for each.

    Raises
    ------
    ConetError
        For an unknown name or option, a value that does not fit, or a function that fails or returns
        anything but phases.
    """
    if isinstance(schedule, str):
        name, found = schedule, resolve(schedule, SCHEDULES, "schedule")
    else:
        name, found = getattr(schedule, "__name__", type(schedule).__name__), schedule
    if callable(found):
        found = _called(name, found, setup, settings or {}, options or {})
    elif options:
        raise ConetError(
            f"schedule.{next(iter(options))} with phases given from Python",
            "a schedule that is a function",
            "leave it out",
        )
    return _phases(name, found)


def _called(
    name: str, function: Schedule, setup: Setup, settings: Mapping[str, Any], options: Mapping[str, Any]
) -> Any:
    what = f"schedule.name={name}"
    fields = options_of(function, 1, ConetError(what, "a function (setup, ...)", SKELETON))
    known = {key: value for key, value in settings.items() if key in fields}
    if setup.language_model:
        _refuse_option_of_heating(fields, options, what)
    beside = None if setup.language_model else ScheduleSettings  # a recipe's section has nothing else
    arguments = checked(fields, known | dict(options), "schedule.", beside)
    try:
        found = function(setup, **arguments)
        return tuple(found) if isinstance(found, Iterator) else found  # a generator fails when it is asked
    except (ConetError, MemoryError):
        raise
    except (Exception, SystemExit) as error:  # the function may be the user's own
        got = f"{what}: {type(error).__name__}: {error}"
        raise ConetError(got, "a schedule of this run", "mend the function") from error


def _refuse_option_of_heating(fields: Mapping[str, Any], options: Mapping[str, Any], what: str) -> None:
    """Say of an option that walks have beside every schedule what stands for it in a recipe."""
    for name in options:
        if name in HEATING and name not in fields:
            got = f"unknown key 'schedule.{name}' with {what}"
            raise ConetError(got, "an option of this schedule", f"heating.{HEATING[name]} stands for it")


def _phases(name: str, found: Any) -> tuple[Phase, ...]:
    if not isinstance(found, Sequence) or not found or not all(isinstance(one, Phase) for one in found):
        raise ConetError(
            f"schedule {name} of {found!r}"[:200], "one conet.runs.schedule.Phase or more, in order", SKELETON
        )
    for phase in found:
        if not isinstance(phase.name, str) or not phase.name:
            raise ConetError(f"phase of name {phase.name!r}"[:200], "a text that is not empty", SKELETON)
        if not callable(phase.until):
            got = f"phase {phase.name!r} until {phase.until!r}"
            raise ConetError(got, "a function of the Clock, such as AtStep(200)", SKELETON)
        if not isinstance(phase.options, Mapping):
            got = f"phase {phase.name!r} with options {phase.options!r}"
            raise ConetError(got, "a mapping of names to values", SKELETON)
        if phase.demonstrations not in (None, *get_args(Demonstrations)):
            got = f"phase {phase.name!r} with demonstrations {phase.demonstrations!r}"
            raise ConetError(got, "'hard', 'seen', 'shortest' or 'random'", SKELETON)
    return tuple(found)
