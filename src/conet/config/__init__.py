"""Settings of a run, and named presets."""

from conet.config.checking import files_read, flatten, keys_of, validated
from conet.config.model import (
    Count,
    Nats,
    OpenSettings,
    Root,
    Settings,
    StepOrShare,
    Weight,
    hash_of,
)
from conet.config.pairs import parse_pairs
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
    "Nats",
    "OpenSettings",
    "PolicySettings",
    "ProblemSettings",
    "Root",
    "ScheduleSettings",
    "Settings",
    "SnapshotSettings",
    "StepOrShare",
    "WebSettings",
    "Weight",
    "files_read",
    "flatten",
    "hash_of",
    "keys_of",
    "load",
    "parse_pairs",
    "preset",
    "validated",
]
