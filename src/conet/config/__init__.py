"""Settings of a run, and named presets."""

from conet.config.presets import PRESETS
from conet.config.settings import (
    Config,
    Count,
    GraphSettings,
    LearnerSettings,
    ProblemSettings,
    ScheduleSettings,
    Settings,
    SnapshotSettings,
    WebSettings,
    flatten,
    hash_of,
    known_keys,
    load,
    preset,
    validated,
)

__all__ = [
    "PRESETS",
    "Config",
    "Count",
    "GraphSettings",
    "LearnerSettings",
    "ProblemSettings",
    "ScheduleSettings",
    "Settings",
    "SnapshotSettings",
    "WebSettings",
    "flatten",
    "hash_of",
    "known_keys",
    "load",
    "preset",
    "validated",
]
