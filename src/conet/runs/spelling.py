"""The word "none" among the options of a schedule or a learner, which the command line reads as nothing.

``--set schedule.cooling=none`` gives None, as ``--set learner.clip=none`` does. Which of them is a word the
function or class says that has the option. What a run keeps and shows is the word.
"""

from collections.abc import Mapping
from typing import Any

from conet.base.errors import ConetError
from conet.base.registry import file_of, resolve
from conet.config import Config
from conet.config.functions import options_of
from conet.config.model import is_a_word
from conet.learners import LEARNERS
from conet.runs.recipe import Recipe
from conet.runs.schedules import SCHEDULES


def with_words(config: Config, learner: bool = True, schedule: bool = True) -> Config:
    """Return the config of a run of walks with the word wherever an option has it.

    Parameters
    ----------
    learner, schedule
        Whether the config names these, or the run is given others in their place.

    Raises
    ------
    ConetError
        For a learner or a schedule that is not there.
    """
    changes: dict[str, Any] = {}
    if learner and (bare := _bare(config.learner.options)):
        fields = getattr(resolve(config.learner.name, LEARNERS, "learner"), "model_fields", {})
        kinds = {name: field.annotation for name, field in fields.items()}
        changes |= {f"learner.{name}": "none" for name in bare if is_a_word(kinds.get(name))}
    if schedule and (bare := _bare(config.schedule.options)):
        changes |= _of_schedule(config.schedule.name, bare)
    return config.override(changes) if changes else config


def recipe_with_words(recipe: Recipe) -> Recipe:
    """Return the recipe of a language model with the word wherever an option of its schedule has it."""
    bare, name = _bare(recipe.schedule.options), recipe.schedule.name
    changes = _of_schedule(name, bare) if name and bare and file_of(name) is None else {}
    return recipe.override(changes) if changes else recipe


def _bare(options: Mapping[str, Any]) -> list[str]:
    return [name for name, value in options.items() if value is None]


def _of_schedule(name: str, bare: list[str]) -> dict[str, str]:
    """Return the changes of a schedule's options, of those that have no value."""
    wrong = ConetError(f"schedule.name={name}", "a function (setup, ...)", "see docs/skeletons/schedule.py")
    fields = options_of(resolve(name, SCHEDULES, "schedule"), 1, wrong)
    return {f"schedule.{one}": "none" for one in bare if one in fields and is_a_word(fields[one][0])}
