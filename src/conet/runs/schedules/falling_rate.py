"""A learning rate that falls over the run: fast while all is open, slow where a run would freeze."""

from typing import Annotated, Literal

from pydantic import Field

from conet.runs.schedule import Cosine, Linear, Phase, Setup


def falling_rate(
    setup: Setup,
    shape: Literal["linear", "cosine"] = "cosine",
    last_rate: Annotated[float, Field(gt=0, le=1)] = 0.1,
) -> tuple[Phase, ...]:
    """The run's own learner throughout, from its ``learning_rate`` downwards.

    Parameters
    ----------
    shape
        "linear", or "cosine": flat at both ends.
    last_rate
        The rate at the end, as a share of the first.

    Raises
    ------
    ConetError
        For a learner of demonstrations.
    """
    setup.refuse_demonstrations("falling_rate")
    rate = float(setup.options["learning_rate"])
    kind = {"linear": Linear, "cosine": Cosine}[shape]
    return (Phase("rlvr", options={"learning_rate": kind(rate, last_rate * rate)}),)
