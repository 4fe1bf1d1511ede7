"""Runs of CoNet: schedule, trainer, what is recorded, and the run directory."""
