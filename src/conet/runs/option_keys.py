"""Under which settings the user sets options of the learner, for messages that name them."""

from collections.abc import Mapping

from conet.runs.schedule import Setup

# What TRL calls them.
LANGUAGE_MODELS: Mapping[str, str] = {
    "entropy": "entropy_coef",
    "epochs": "num_iterations",
    "clip_high": "epsilon_high",
}


def key_of(option: str, setup: Setup) -> str:
    """Return the setting of an option of the learner in this kind of run."""
    return f"training.{LANGUAGE_MODELS[option]}" if setup.language_model else f"learner.{option}"
