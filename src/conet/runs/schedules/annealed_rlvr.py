"""Annealed-RLVR (arXiv 2509.23629): RLVR, a short SFT on hard problems when frustration is largest, RLVR."""

from typing import Annotated, Literal

from pydantic import Field

from conet.base.errors import ConetError
from conet.config import Count, StepOrShare
from conet.runs.schedule import After, AtHeatingSignal, AtStep, Phase, Setup, Trigger


def annealed_rlvr(
    setup: Setup,
    heat_at: StepOrShare | Literal["detector"] = "detector",
    heat_latest: Annotated[float, Field(gt=0, le=1)] | None = 0.5,
    heat_steps: Count = 10,
    sft_learning_rate: Annotated[float, Field(gt=0)] = 0.15,
) -> tuple[Phase, ...]:
    """The run's own learner, a short heating, and the learner again.

    Parameters
    ----------
    heat_at
        A step, a share of the run (0.8), or "detector": when the heating signal fires.
    heat_latest
        The share of the run after which heating begins without a signal; None waits for it to the end.
    heat_steps
        Supervised updates.
    sft_learning_rate
        Their learning rate; for walks it is the logit step a problem and update.

    Raises
    ------
    ConetError
        When heating would begin outside the run, or the learner learns from demonstrations itself.
    """
    setup.refuse_demonstrations("annealed_rlvr")
    return (
        Phase("rlvr", until=_trigger(setup, heat_at, heat_latest)),
        Phase(
            "heat",
            until=After(heat_steps),
            learner="sft",
            options={"learning_rate": sft_learning_rate},
            demonstrations="hard",
        ),
        Phase("rlvr"),
    )


def _trigger(setup: Setup, heat_at: int | float | str, heat_latest: float | None) -> Trigger:
    if isinstance(heat_at, str):
        return AtHeatingSignal(heat_latest)
    if isinstance(heat_at, float):
        return AtStep(min(max(1, round(heat_at * setup.steps)), setup.steps - 1))  # 0.99 of 20 is 19, not 20
    if not 0 <= heat_at < setup.steps:
        raise ConetError(
            f"schedule.heat_at={heat_at}",
            f"0 to {setup.steps - 1}, inside the run",
            "choose an earlier step or a longer run",
        )
    return AtStep(heat_at)
