"""Learners by name; each owns its options and returns a gradient.

A new one is one file here and one line in ``LEARNERS``.
"""

from collections.abc import Mapping
from typing import Any

from conet.base.errors import ConetError
from conet.base.registry import Table, resolve
from conet.config import LearnerSettings, validated
from conet.learners.base import Batch, Learner

LEARNERS: Mapping[str, type[Learner]] = Table(
    {
        "grpo": "conet.learners.grpo:GRPO",
        "reinforce": "conet.learners.reinforce:Reinforce",
        "rloo": "conet.learners.rloo:RLOO",
        "sft": "conet.learners.sft:SFT",
        "exact": "conet.learners.exact:Exact",
        "kl_cov": "conet.learners.kl_cov:KLCov",
        "negative": "conet.learners.negative:Negative",
        "pass_at_k": "conet.learners.pass_at_k:PassAtK",
    }
)

__all__ = ["LEARNERS", "Batch", "Learner", "make"]


def make(settings: LearnerSettings) -> Learner:
    """Make the learner that the settings name, with its options validated.

    Raises
    ------
    ConetError
        For an unknown name or option (the nearest is named), or a value out of range.
    """
    kind: Any = resolve(settings.name, LEARNERS, "learner", _is_learner)
    if not _is_learner(kind):
        raise ConetError(
            f"{settings.name}: {kind!r}", "a subclass of conet.Learner", "see docs/skeletons/learner.py"
        )
    _refuse_option_of_another(kind, settings)
    return validated(kind, settings.model_dump(exclude={"name"}), "learner.", LearnerSettings)


def _refuse_option_of_another(kind: type[Learner], settings: LearnerSettings) -> None:
    """Say of an option that this learner has not which learner has it."""
    for option in settings.options:
        owners = [name for name, one in LEARNERS.items() if option in one.model_fields]
        if owners and option not in kind.model_fields:
            got = f"unknown key 'learner.{option}' with learner.name={settings.name}"
            remedy = f"{option} is an option of learner.name={' and '.join(owners)}"
            raise ConetError(got, f"an option of {settings.name}", remedy)


def _is_learner(thing: Any) -> bool:
    return isinstance(thing, type) and issubclass(thing, Learner)
