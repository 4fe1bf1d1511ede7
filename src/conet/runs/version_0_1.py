"""What checkpoints of version 0.1 lack, so that their runs go on."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from conet.config import Config
from conet.runs.events import translate


def upgrade(state: Mapping[str, Any], config: Config, problems: int) -> dict[str, Any]:
    """Add what the state of a run lacks: today's names of events, number of rollouts, what clocks show.

    Parameters
    ----------
    state
        From a checkpoint; one of today is returned as it is.
    config
        The settings of the run.
    problems
        How many there are.
    """
    events = translate(state["events"])
    if "rollouts" in state:
        return {**state, "events": events}
    settings = config.schedule
    harvested = settings.harvest_samples * (settings.name == "annealed_rlvr" or settings.pick == "random")
    began = [event for event in state["events"] if event["event"] in ("phase heat", "phase sft")]
    drawn = config.learner.rollouts * state["step"] + harvested * len(began)
    unknown = dict.fromkeys(("waiting", "accuracy", "correct_length", "entropy", "evaluation"))
    return {**unknown, "left_out": False, **state, "events": events, "rollouts": drawn * problems}


def renamed(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the arrays of a checkpoint under today's names."""
    return {
        "demonstrations." + name.removeprefix("lessons.") if name.startswith("lessons.") else name: array
        for name, array in arrays.items()
    }
