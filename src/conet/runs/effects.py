"""Settings that have no effect beside others: said in one line, so that none is believed to have worked."""

from collections.abc import Iterable

from conet.base.errors import ConetError
from conet.base.registry import resolve
from conet.config import Config, preset
from conet.config.checking import flatten
from conet.config.functions import options_of
from conet.learners import make as make_learner
from conet.runs.demonstrations import kind_of, settings_of
from conet.runs.schedules import SCHEDULES
from conet.runs.walk_schedule import learner_of, phases_of


def without_effect(config: Config, given: Iterable[str]) -> list[str]:
    """Say which of the given settings change nothing, and because of what.

    Parameters
    ----------
    config
        The settings as a whole.
    given
        Dotted keys, by their present names, that were set on purpose.

    Returns
    -------
    list of str
        One line each, as "schedule.heat_at has no effect with schedule.name=rlvr".
    """
    keys = sorted(set(given))
    asked = any(key.startswith("schedule.") and key != "schedule.name" for key in keys)
    used = used_by_schedule(config) if asked else None
    reasons = {key: _of_schedule(config, key, used) or _of_what_walks_where(config, key) for key in keys}
    return [f"{key} has no effect with {reason}" for key, reason in reasons.items() if reason]


def used_by_schedule(config: Config) -> set[str] | None:
    """Return the settings that the schedule has arguments for, and those that its phases make use of.

    Returns
    -------
    set of str or None
        Names within ``schedule``; None for a schedule that cannot be made, of which the training will tell.
    """
    settings = config.schedule
    try:
        function = resolve(settings.name, SCHEDULES, "schedule")
        no_function = ConetError(settings.name, "a function", "")
        found = set(options_of(function, 1, no_function)) if callable(function) else set()
        own = make_learner(config.learner)
        for phase in phases_of(config, own, config.problems.count):
            learner = learner_of(phase, own, settings.sft_learning_rate)
            if phase.learner == "sft" and "learning_rate" not in phase.options:
                found.add("sft_learning_rate")
            if learner.learns_from != "rollouts":
                found |= settings_of(kind_of(phase, learner))
    except ConetError:
        return None
    return found


def _of_schedule(config: Config, key: str, used: set[str] | None) -> str:
    section, _, name = key.partition(".")
    schedule = config.schedule
    if section != "schedule" or name == "name" or used is None:
        return ""
    if name == "heat_latest" and {"heat_at", name} <= used and schedule.heat_at != "detector":
        return f"schedule.heat_at={schedule.heat_at}"
    if name in used:
        return ""
    if name == "harvest_samples" and "pick" in used:
        return f"schedule.pick={schedule.pick}"
    return f"schedule.name={schedule.name}"


def _of_what_walks_where(config: Config, key: str) -> str:
    if key == "problems.count" and config.problems.file is not None:
        return f"problems.file={config.problems.file}"
    if key in ("graph.nodes", "graph.degree") and config.graph.kind == "graphml":
        return "graph.kind=graphml"
    if key.startswith("policy.") and key != "policy.kind" and config.policy.kind == "table":
        return "policy.kind=table"
    return ""


def differing(config: Config) -> list[str]:
    """Return the dotted keys in which a config differs from the preset that it names."""
    base = flatten(preset(config.preset).model_dump())
    return [
        key for key, value in flatten(config.model_dump()).items() if key not in base or value != base[key]
    ]
