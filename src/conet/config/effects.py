"""Settings that have no effect beside others: said in one line, so that none is believed to have worked."""

from collections.abc import Iterable

from conet.config.checking import flatten
from conet.config.settings import Config, preset

# What each schedule looks at, of the settings that are about heating and supervised updates.
USED = {
    "rlvr": frozenset[str](),
    "temperature": frozenset[str](),
    "annealed_rlvr": frozenset(
        {
            "heat_at",
            "heat_latest",
            "heat_steps",
            "sft_learning_rate",
            "max_accuracy",
            "harvest_samples",
            "pick",
        }
    ),
    "sft_then_rlvr": frozenset({"sft_learning_rate", "sft_steps", "harvest_samples", "pick"}),
}


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
    found = []
    for key in sorted(set(given)):
        because = _because(config, key)
        if because:
            found.append(f"{key} has no effect with {because}")
    return found


def _because(config: Config, key: str) -> str:
    section, _, name = key.partition(".")
    schedule = config.schedule
    used = USED.get(schedule.name)
    if section == "schedule" and name != "name" and used is not None and name not in used:
        return f"schedule.name={schedule.name}"
    if key == "schedule.heat_latest" and schedule.heat_at != "detector":
        return f"schedule.heat_at={schedule.heat_at}"
    if key == "schedule.harvest_samples" and schedule.name == "sft_then_rlvr" and schedule.pick == "shortest":
        return f"schedule.pick={schedule.pick}"
    if key == "problems.count" and config.problems.file is not None:
        return f"problems.file={config.problems.file}"
    if key in ("graph.nodes", "graph.degree") and config.graph.kind == "graphml":
        return "graph.kind=graphml"
    return ""


def differing(config: Config) -> list[str]:
    """Return the dotted keys in which a config differs from the preset that it names."""
    base = flatten(preset(config.preset).model_dump())
    return [
        key for key, value in flatten(config.model_dump()).items() if key not in base or value != base[key]
    ]
