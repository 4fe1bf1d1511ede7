"""Rollouts: one schema, one aggregation, and the choice of problems to heat on."""

from conet.rollouts.aggregate import group_size, is_group, per_problem, per_step, without_signal
from conet.rollouts.arrays import bundle, unfold
from conet.rollouts.counts import Counts
from conet.rollouts.record import RolloutRecord, main_split
from conet.rollouts.schema import PHASES, SPLITS, schema
from conet.rollouts.walks import count_walks, from_walks

__all__ = [
    "PHASES",
    "SPLITS",
    "Counts",
    "RolloutRecord",
    "bundle",
    "count_walks",
    "from_walks",
    "group_size",
    "is_group",
    "main_split",
    "per_problem",
    "per_step",
    "schema",
    "unfold",
    "without_signal",
]
