"""Schedules: a tuple of phases, each a learner with the trigger that ends it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from conet.base.errors import ConetError
from conet.config import Config
from conet.learners import Learner
from conet.learners.sft import SFT


@dataclass(frozen=True)
class Clock:
    """What a trigger may look at.

    Attributes
    ----------
    step, steps : int
        Updates done, and those of the whole run.
    phase_step : int
        Updates done in this phase.
    heat_now : bool
        Whether the online detector has called for heating.
    """

    step: int
    steps: int
    phase_step: int
    heat_now: bool


Trigger = Callable[[Clock], bool]
Teach = Literal["hard", "shortest", "random"]


@dataclass(frozen=True)
class Phase:
    """One stretch of training.

    Attributes
    ----------
    name : "rlvr", "heat" or "sft"
    learner : Learner
    until : Trigger
        Asked before every step; the phase ends when it says yes.
    teach : str or None
        For a learner of demonstrations: "hard" (rarely solved problems, see :mod:`conet.rollouts.selection`),
        "shortest" (a shortest path of every question) or "random" (a random correct walk of each).
    """

    name: str
    learner: Learner
    until: Trigger
    teach: Teach | None = None


@dataclass(frozen=True)
class AtStep:
    """Ends a phase when so many updates have been done in all."""

    step: int

    def __call__(self, clock: Clock) -> bool:
        """Say whether the step has come."""
        return clock.step >= self.step


@dataclass(frozen=True)
class After:
    """Ends a phase when it has lasted so many updates."""

    steps: int

    def __call__(self, clock: Clock) -> bool:
        """Say whether the phase has lasted long enough."""
        return clock.phase_step >= self.steps


@dataclass(frozen=True)
class AtMaximalFrustration:
    """Ends a phase at the online detector's word, or at the latest after this share of the run."""

    latest: float = 0.5

    def __call__(self, clock: Clock) -> bool:
        """Say whether the detector has spoken, or its time is up."""
        return clock.heat_now or clock.step >= self.latest * clock.steps


def never(clock: Clock) -> bool:
    """Let a phase last to the end of the run."""
    return False


def reason(trigger: Trigger, clock: Clock) -> str:
    """Say in words why a trigger ended its phase."""
    if isinstance(trigger, AtMaximalFrustration):
        return "the heating signal fired" if clock.heat_now else "the latest step was reached"
    return f"step {trigger.step}, as set" if isinstance(trigger, AtStep) else "the schedule's trigger"


def rlvr(config: Config, learner: Learner) -> tuple[Phase, ...]:
    """One phase: the learner throughout (also for a learner of demonstrations)."""
    if isinstance(learner, SFT):
        return (Phase("sft", learner, never, learner.demonstrations),)
    return (Phase("sft" if learner.learns_from == "demonstrations" else "rlvr", learner, never,
                  "shortest" if learner.learns_from == "demonstrations" else None),)  # fmt: skip


def annealed_rlvr(config: Config, learner: Learner) -> tuple[Phase, ...]:
    """Annealed-RLVR: the learner, a brief SFT on hard problems, the learner again."""
    settings = config.schedule
    trigger: Trigger = (
        AtMaximalFrustration(settings.heat_latest)
        if settings.heat_at == "detector"
        else AtStep(settings.heat_at)
    )
    heat = SFT(rollouts=learner.rollouts, learning_rate=settings.sft_learning_rate, average=False)
    return (
        Phase("rlvr", learner, trigger),
        Phase("heat", heat, After(settings.heat_steps), "hard"),
        Phase("rlvr", learner, never),
    )


def sft_then_rlvr(config: Config, learner: Learner) -> tuple[Phase, ...]:
    """SFT on one walk of every question, then the learner."""
    settings = config.schedule
    warm_up = SFT(rollouts=learner.rollouts, learning_rate=settings.sft_learning_rate, average=False)
    teach: Teach = "shortest" if settings.pick == "shortest" else "random"
    return (Phase("sft", warm_up, After(settings.sft_steps), teach), Phase("rlvr", learner, never))


SCHEDULES = {"rlvr": rlvr, "annealed_rlvr": annealed_rlvr, "sft_then_rlvr": sft_then_rlvr}


def make(config: Config, learner: Learner) -> tuple[Phase, ...]:
    """Return the phases that the config names.

    Raises
    ------
    ConetError
        When heating is set to a step outside the run, or a learner of demonstrations is to be heated.
    """
    settings = config.schedule
    if settings.name != "rlvr" and learner.learns_from == "demonstrations":
        raise ConetError(
            f"schedule.name={settings.name} with learner.name={config.learner.name}",
            "a learner of rollouts",
            "choose another learner; SFT throughout is learner.name=sft alone",
        )
    heat_at = settings.heat_at
    if settings.name == "annealed_rlvr" and heat_at != "detector" and not 0 <= heat_at < config.steps:
        raise ConetError(
            f"schedule.heat_at={heat_at}",
            f"0 to {config.steps - 1}, inside the run",
            "choose an earlier step or a longer run",
        )
    return SCHEDULES[settings.name](config, learner)
