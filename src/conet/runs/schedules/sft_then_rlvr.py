"""SFT on every problem, then RLVR: the order in which reasoning models are usually trained."""

from typing import Annotated, Literal

from pydantic import Field

from conet.config import Count
from conet.runs.schedule import After, Phase, Setup


def sft_then_rlvr(
    setup: Setup,
    sft_steps: Count = 10,
    sft_learning_rate: Annotated[float, Field(gt=0)] = 0.15,
    pick: Literal["shortest", "random"] = "shortest",
) -> tuple[Phase, ...]:
    """Supervised updates on one correct rollout of every problem, then the run's own learner.

    Parameters
    ----------
    sft_steps, sft_learning_rate
        Supervised updates, and their learning rate; for walks it is the logit step a problem and update.
    pick
        "shortest": a shortest path; "random": a correct rollout of the policy at the start.

    Raises
    ------
    ConetError
        When the run's own learner learns from demonstrations itself.
    """
    setup.refuse_demonstrations("sft_then_rlvr")
    return (
        Phase(
            "sft",
            until=After(sft_steps),
            learner="sft",
            options={"learning_rate": sft_learning_rate},
            demonstrations=pick,
        ),
        Phase("rlvr"),
    )
