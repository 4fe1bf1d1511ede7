"""Annealing by temperature: an entropy bonus that keeps a run from freezing, and goes to zero at its end."""

from typing import Annotated, Any, Literal

from pydantic import Field

from conet.base.errors import ConetError
from conet.runs.cooling import Cooling, HoldEntropy
from conet.runs.schedule import Cosine, Linear, Phase, Setup

Shape = Literal["controlled", "constant", "linear", "cosine"]


def temperature(
    setup: Setup,
    cooling: Shape = "controlled",
    entropy_target: Annotated[float, Field(ge=0)] | None = None,
) -> tuple[Phase, ...]:
    """The run's own learner throughout, with an entropy bonus that changes on the way.

    Parameters
    ----------
    cooling
        "controlled": a controller sets the weight so that the entropy falls to zero over the run, neither
        sooner nor by force; nothing needs to be tuned. "linear", "cosine": from ``learner.entropy`` to zero;
        "constant": it stays.
    entropy_target
        For "controlled": an entropy, in nats a choice, below which the policy is kept from falling
        throughout.

    Raises
    ------
    ConetError
        Where a weight is given that the controller would set, or none where one is needed; or the learner
        learns from demonstrations.
    """
    setup.refuse_demonstrations("temperature")
    return (Phase("rlvr", options={"entropy": _weight(setup, cooling, entropy_target)}),)


def _weight(setup: Setup, cooling: Shape, target: float | None) -> Any:
    given = float(setup.options.get("entropy") or 0.0)
    what = f"schedule.cooling={cooling} with an entropy weight of {given:g}"
    if cooling == "controlled":
        if given:
            remedy = "leave the weight out, or set schedule.cooling=constant, linear or cosine"
            raise ConetError(what, "no weight: the controller sets it", remedy)
        # A fixed entropy is held against the learner, which takes more than slowing it down.
        return HoldEntropy(Cooling()) if target is None else HoldEntropy(target, gain=3.0, limit=1.0)
    if target is not None:
        remedy = "leave it out, or set schedule.cooling=controlled"
        raise ConetError(
            f"schedule.entropy_target={target:g} with schedule.cooling={cooling}", "none", remedy
        )
    if not given:
        raise ConetError(what, "the weight at the start", "set learner.entropy, for example to 0.03")
    return {"constant": given, "linear": Linear(given, 0.0), "cosine": Cosine(given, 0.0)}[cooling]
