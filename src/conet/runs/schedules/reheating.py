"""Reheating: an entropy bonus that cools to nothing several times over."""

from typing import Annotated

from pydantic import Field

from conet.base.errors import ConetError
from conet.runs.cooling import Cycles
from conet.runs.schedule import Phase, Setup

FIRST = 0.03  # weight at the start of a cycle where none is set: near the best constant one at the reference


def reheating(setup: Setup, cycles: Annotated[int, Field(ge=1)] = 4) -> tuple[Phase, ...]:
    """The run's own learner throughout, with an entropy bonus in cycles.

    Parameters
    ----------
    cycles
        How often it goes from ``learner.entropy`` (of language models ``training.entropy_coef``), or 0.03
        where that is 0, to zero by half a cosine; the last ends with the run.

    Raises
    ------
    ConetError
        For a learner of demonstrations, or cycles of less than two updates.
    """
    setup.refuse_demonstrations("reheating")
    if 2 * cycles > setup.steps:
        got = f"schedule.cycles={cycles} in {setup.steps} updates"
        remedy = "choose fewer cycles or a longer run"
        raise ConetError(got, "two updates a cycle or more, so that the weight can fall", remedy)
    weight = float(setup.options.get("entropy") or FIRST)
    if weight < 0:  # TRL takes it, and lowers the entropy
        raise ConetError(f"an entropy weight of {weight:g}", "0 or more", "choose such a weight")
    return (Phase("rlvr", options={"entropy": Cycles(weight, cycles)}),)
