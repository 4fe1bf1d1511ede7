"""Settings of a run, and named presets."""

from conet.config.checking import flatten, keys_of, validated
from conet.config.model import Count, OpenSettings, Root, Settings, StepOrShare, hash_of
from conet.config.presets import PRESETS
from conet.config.settings import (
    Config,
    GraphSettings,
    LearnerSettings,
    PolicySettings,
    ProblemSettings,
    ScheduleSettings,
    SnapshotSettings,
    WebSettings,
    load,
    preset,
)

__all__ = [
    "PRESETS",
    "Config",
    "Count",
    "GraphSettings",
    "LearnerSettings",
    "OpenSettings",
    "PolicySettings",
    "ProblemSettings",
    "Root",
    "ScheduleSettings",
    "Settings",
    "SnapshotSettings",
    "StepOrShare",
    "WebSettings",
    "flatten",
    "hash_of",
    "keys_of",
    "load",
    "preset",
    "validated",
]
