"""Annealing by temperature: an entropy bonus that keeps a run from freezing, and goes to zero at its end."""

from collections.abc import Mapping
from dataclasses import replace
from itertools import chain
from typing import Annotated, Any, Literal

from pydantic import Field

from conet.base.errors import ConetError
from conet.runs.cooling import Anchored, Cooling, HoldEntropy
from conet.runs.groups import AdaptiveGroups
from conet.runs.schedule import After, AtStep, Cosine, Linear, Phase, Setup

Shape = Literal["controlled", "constant", "linear", "cosine", "none"]
LAST = 20  # updates over which the summary's accuracy is taken


def temperature(
    setup: Setup,
    cooling: Shape = "controlled",
    entropy_target: Annotated[float, Field(ge=0)] | None = None,
    entropy_share: Annotated[float, Field(gt=0, lt=1)] | None = None,
    entropy_top: Annotated[float, Field(gt=0, le=1)] = 1.0,
    adaptive_groups: bool = False,
    sft_every: Annotated[int, Field(ge=2)] | None = None,
    sft_learning_rate: Annotated[float, Field(gt=0)] = 0.15,
) -> tuple[Phase, ...]:
    """The run's own learner throughout, with an entropy bonus that changes on the way.

    Parameters
    ----------
    cooling
        "controlled": a controller sets the weight so that the entropy falls to zero over the run, neither
        sooner nor by force; nothing needs to be tuned. "linear", "cosine": from ``learner.entropy`` to zero;
        "constant": it stays. "none": no bonus, for the groups and the supervised updates alone.
    entropy_target
        For "controlled": an entropy, in nats a choice, below which the policy is kept from falling
        throughout.
    entropy_share
        For "controlled": a share of the first entropy, to which another controller brings the entropy and
        where it keeps it (arXiv 2510.10959).
    entropy_top
        Of language models: the entropy is that among so large a share of the vocabulary, the most probable
        tokens (arXiv 2509.03493, which leaves out 0.3 of them). 1: all tokens.
    adaptive_groups
        Draw solved problems in every fourth update only, and more rollouts of the others, but in the last 20.
    sft_every
        One in so many updates is supervised: it learns the shortest correct walk ever drawn of each problem
        that was solved less often than ``schedule.max_accuracy`` since the last turn. For language models
        the shortest solution and the accuracy are those of the last ``heating.window`` updates. A turn
        without such a problem is left out.
    sft_learning_rate
        Its learning rate: the logit step a problem; of language models ``heating.learning_rate``.

    Raises
    ------
    ConetError
        Where a weight is given that the controller would set, or none where one is needed; or for a learner
        that cannot have it.
    """
    setup.refuse_demonstrations("temperature")
    rlvr: dict[str, Any] = {"entropy": _weight(setup, cooling, entropy_target, entropy_share)}
    if entropy_top < 1:
        _check_tokens(setup, entropy_top)
        rlvr["entropy_top"] = entropy_top
    if not adaptive_groups:
        return _phases(setup.steps, sft_every, sft_learning_rate, rlvr, None)
    if setup.learner == "exact":
        got = "schedule.adaptive_groups with learner.name=exact"
        raise ConetError(
            got, "a learner that learns from rollouts", "choose another learner, or leave it out"
        )
    if not setup.problems:
        got = "schedule.adaptive_groups with problems that come as a stream"
        raise ConetError(got, "a list of problems", "leave it out")
    rate, size = setup.options["learning_rate"], setup.options["rollouts"]
    groups = AdaptiveGroups(problems=setup.problems, rollouts=size, learning_rate=rate)
    # A language model draws always as many: what is left out makes room for more groups of the others.
    changing = rlvr if setup.language_model else {**rlvr, "rollouts": groups.size}
    if (
        not setup.language_model and setup.options.get("optimizer", "sgd") == "sgd"
    ):  # Adam's step does not follow the gradient's size
        changing["learning_rate"] = groups.rate
    before = _phases(setup.steps - LAST, sft_every, sft_learning_rate, changing, groups)
    # The last rollouts are of all problems alike, so that their accuracy is that of the run.
    return (*before, Phase("rlvr", options=rlvr))


def _phases(
    steps: int,
    sft_every: int | None,
    sft_learning_rate: float,
    options: Mapping[str, Any],
    groups: AdaptiveGroups | None,
) -> tuple[Phase, ...]:
    """Return the phases of so many updates; turns come by the clock, also after one that was left out."""
    rlvr = Phase("rlvr", options=options, problems=None if groups is None else groups.chosen)
    sft = {"learning_rate": sft_learning_rate}
    heat = Phase("heat", until=After(1), learner="sft", options=sft, demonstrations="seen", waits=False)
    turns = range(sft_every, steps + 1, sft_every) if sft_every else ()
    pairs = ((replace(rlvr, until=AtStep(turn - 1)), heat) for turn in turns)
    return (*chain.from_iterable(pairs), replace(rlvr, until=AtStep(max(0, steps))))


def _check_tokens(setup: Setup, share: float) -> None:
    if not setup.language_model:
        got = f"schedule.entropy_top={share:g} for walks, which choose among a few edges"
        raise ConetError(got, "a language model, or 1", "leave it out")


def _weight(setup: Setup, cooling: Shape, target: float | None, share: float | None) -> Any:
    given = float(setup.options.get("entropy") or 0.0)
    what = f"schedule.cooling={cooling} with an entropy weight of {given:g}"
    if cooling == "controlled":
        if given:
            remedy = "leave the weight out, or set schedule.cooling=constant, linear or cosine"
            raise ConetError(what, "no weight: the controller sets it", remedy)
        if share is not None and target is not None:
            got = f"schedule.entropy_share={share:g} and schedule.entropy_target={target:g}"
            raise ConetError(got, "one of them", "leave one out")
        if share is not None:
            return Anchored(share)
        # A fixed entropy is held against the learner, which takes more than slowing it down.
        return HoldEntropy(Cooling()) if target is None else HoldEntropy(target, gain=3.0, limit=1.0)
    if share is not None:
        remedy = "leave it out, or set schedule.cooling=controlled"
        got = f"schedule.entropy_share={share:g} with schedule.cooling={cooling}"
        raise ConetError(got, "none", remedy)
    if target is not None:
        remedy = "leave it out, or set schedule.cooling=controlled"
        raise ConetError(
            f"schedule.entropy_target={target:g} with schedule.cooling={cooling}", "none", remedy
        )
    if cooling == "none" and given:
        raise ConetError(what, "no weight", "leave it out, or set schedule.cooling=constant")
    if not given and cooling != "none":
        raise ConetError(what, "the weight at the start", "set learner.entropy, for example to 0.03")
    return {"none": 0.0, "constant": given, "linear": Linear(given, 0.0), "cosine": Cosine(given, 0.0)}[
        cooling
    ]
