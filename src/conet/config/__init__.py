"""Settings of a run, and named presets."""

from conet.config.presets import PRESETS
from conet.config.settings import (
    Config,
    Count,
    GraphSettings,
    LearnerSettings,
    ScheduleSettings,
    Settings,
    SnapshotSettings,
    TaskSettings,
    WebSettings,
    flatten,
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
    "ScheduleSettings",
    "Settings",
    "SnapshotSettings",
    "TaskSettings",
    "WebSettings",
    "flatten",
    "known_keys",
    "load",
    "preset",
    "validated",
]
