"""Rollouts: one schema, one aggregation, and the choice of problems to heat on."""
