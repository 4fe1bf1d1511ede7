"""RLVR throughout."""

from conet.runs.schedule import Phase, Setup


def rlvr(setup: Setup) -> tuple[Phase, ...]:
    """One phase: the run's own learner to the end (also where it learns from demonstrations)."""
    return (Phase("sft" if setup.learns_from == "demonstrations" else "rlvr"),)
