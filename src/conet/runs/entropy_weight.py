"""What sets the weight of the entropy bonus in ``schedule.name=temperature``, and what is refused."""

from collections.abc import Mapping
from typing import Any, Literal

from conet.base.errors import ConetError
from conet.runs.cooling import Anchored, Banded, Cooling, HoldEntropy
from conet.runs.critical import BelowCritical, Estimate
from conet.runs.option_keys import key_of
from conet.runs.schedule import Cosine, Linear, Setup

Shape = Literal["controlled", "critical", "constant", "linear", "cosine", "none"]
BAND = ("entropy_low", "entropy_high", "weight_rate", "weight_least", "weight_most")


def weight_of(setup: Setup, cooling: Shape, options: Mapping[str, Any]) -> Any:
    """Return the weight, or a function of the Clock to it.

    Parameters
    ----------
    setup
        Of the run; the learner's own weight is among its options.
    cooling
        How it changes.
    options
        Of the controllers, None where they are not set: ``entropy_target``, ``entropy_share``, and those in
        ``BAND``.

    Raises
    ------
    ConetError
        Where they contradict one another.
    """
    given = float(setup.options.get("entropy") or 0.0)
    if given < 0:  # TRL takes it, and lowers the entropy
        raise ConetError(f"an entropy weight of {given:g}", "0 or more", "choose such a weight")
    asked = {name: value for name, value in options.items() if value is not None}
    what = f"schedule.cooling={cooling} with an entropy weight of {given:g}"
    if cooling == "controlled":
        return _controlled(given, what, asked)
    for name, value in asked.items():
        got = f"schedule.{name}={value:g} with schedule.cooling={cooling}"
        raise ConetError(got, "none", "leave it out, or set schedule.cooling=controlled")
    if cooling == "critical":
        return _below_critical(given, what, setup)
    if cooling == "none" and given:
        raise ConetError(what, "no weight", "leave it out, or set schedule.cooling=constant")
    if not given and cooling != "none":
        raise ConetError(what, "the weight at the start", _how_to_set(setup))
    return {"none": 0.0, "constant": given, "linear": Linear(given, 0.0), "cosine": Cosine(given, 0.0)}[
        cooling
    ]


def _how_to_set(setup: Setup) -> str:
    key = key_of("entropy", setup)
    if not setup.language_model:
        return f"set {key}, for example to 0.03"
    return f"set {key}, for example to 0.01 (in a script of your own: entropy_coef of GRPOConfig)"


def _controlled(given: float, what: str, asked: Mapping[str, float]) -> Any:
    kinds = ("entropy_target", "entropy_share", *BAND[:2])
    found = [name for name in kinds if name in asked]
    if len(found) > 1 and found != list(BAND[:2]):
        got = " and ".join(f"schedule.{name}={asked[name]:g}" for name in found)
        raise ConetError(got, "one of them", "leave one out")
    band = [name for name in BAND if name in asked]
    if band:
        return _banded(given, asked, band)
    _refuse(given, what)
    if "entropy_share" in asked:
        return Anchored(asked["entropy_share"])
    # A fixed entropy is held against the learner, which takes more than slowing it down.
    target = asked.get("entropy_target")
    return HoldEntropy(Cooling()) if target is None else HoldEntropy(target, gain=3.0, limit=1.0)


def _below_critical(given: float, what: str, setup: Setup) -> BelowCritical:
    _refuse(given, what)
    if setup.language_model:
        got = "schedule.cooling=critical for a language model, whose critical weight has no estimate"
        raise ConetError(got, "walks", "leave schedule.cooling out: the usual controller needs no estimate")
    if setup.options.get("rollouts", 2) < 2:
        got = "schedule.cooling=critical with learner.rollouts=1, for which the estimate is 0"
        raise ConetError(got, "two rollouts of a problem or more", "--set learner.rollouts=8")
    return BelowCritical(setup.estimate or _not_known)


def _refuse(given: float, what: str) -> None:
    if given:
        remedy = "leave the weight out, or set schedule.cooling=constant, linear or cosine"
        raise ConetError(what, "no weight: the controller sets it", remedy)


def _not_known() -> Estimate:
    raise ConetError("schedule.cooling=critical without a graph", "a run of walks", "train it with conet.run")


def _banded(given: float, asked: Mapping[str, float], band: list[str]) -> Banded:
    """Return the controller of a band, whose first weight is the learner's own."""
    missing = [name for name in BAND[:2] if name not in asked]
    if missing:
        got = f"schedule.{band[0]}={asked[band[0]]:g} without schedule.{missing[0]}"
        raise ConetError(got, "both ends of the band", "set schedule.entropy_low and schedule.entropy_high")
    fields = {name.removeprefix("weight_"): asked[name] for name in BAND[2:] if name in asked}
    found = Banded(low=asked["entropy_low"], high=asked["entropy_high"], first=given, **fields)
    if found.low > found.high:
        got = f"schedule.entropy_low={found.low:g} with schedule.entropy_high={found.high:g}"
        raise ConetError(got, "a band: low, and high above it", "exchange them")
    if found.least > found.most:
        got = f"schedule.weight_least={found.least:g} with schedule.weight_most={found.most:g}"
        raise ConetError(got, "the smaller weight first", "exchange them")
    if given and not found.least <= given <= found.most:
        got = f"a band of the entropy with a first weight of {given:g}"
        remedy = "set schedule.weight_least or schedule.weight_most, or another first weight"
        raise ConetError(got, f"one in its bounds, {found.least:g} to {found.most:g}", remedy)
    return found
