"""Rollouts: one schema, one aggregation, and the choice of problems to heat on."""

from conet.rollouts.aggregate import per_problem
from conet.rollouts.schema import PHASES, SPLITS, schema
from conet.rollouts.walks import from_walks

__all__ = ["PHASES", "SPLITS", "from_walks", "per_problem", "schema"]
