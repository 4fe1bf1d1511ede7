"""Annealing by temperature: an entropy bonus that keeps a run from freezing, and goes to zero at its end."""

from collections.abc import Mapping
from dataclasses import replace
from itertools import chain
from typing import Annotated, Any

from pydantic import Field

from conet.base.errors import ConetError
from conet.config import Nats, Weight
from conet.runs.entropy_weight import Shape, weight_of
from conet.runs.groups import AdaptiveGroups
from conet.runs.schedule import After, AtStep, Phase, Setup

LAST = 20  # updates over which the summary's accuracy is taken


def temperature(
    setup: Setup,
    cooling: Shape = "controlled",
    entropy_target: Nats | None = None,
    entropy_share: Annotated[float, Field(gt=0, lt=1)] | None = None,
    entropy_low: Nats | None = None,
    entropy_high: Nats | None = None,
    weight_rate: Annotated[float, Field(gt=0, le=1000)] | None = None,
    weight_least: Weight | None = None,
    weight_most: Weight | None = None,
    entropy_top: Annotated[float, Field(gt=0, le=1)] = 1.0,
    entropy_max_accuracy: Annotated[float, Field(gt=0, le=1)] | None = None,
    adaptive_groups: bool = False,
    sft_every: Annotated[int, Field(ge=2)] | None = None,
    sft_learning_rate: Annotated[float, Field(gt=0)] = 0.15,
) -> tuple[Phase, ...]:
    """The run's own learner throughout, with an entropy bonus that changes on the way.

    Parameters
    ----------
    cooling
        "controlled": a controller sets the weight so that the entropy falls to zero over the run, neither
        sooner nor by force; nothing needs to be tuned. "critical", of walks: the weight falls until there is
        order, and stays there, a little below the critical one; nothing is tuned here either. "linear",
        "cosine": from ``learner.entropy`` (of language models ``training.entropy_coef``) to zero; "constant":
        it stays. "none": no bonus, for the groups and the supervised updates alone.
    entropy_target
        For "controlled": an entropy, in nats a choice, below which the policy is kept from falling
        throughout.
    entropy_share
        For "controlled": a share of the first entropy, to which another controller brings the entropy and
        where it keeps it (arXiv 2510.10959).
    entropy_low, entropy_high
        For "controlled": a band, in nats a choice. The weight begins with ``learner.entropy`` (of language
        models ``training.entropy_coef``) and changes only while the entropy is outside (arXiv
        2509.03493; such as 0.15 and 0.24 from a weight of 0.002).
    weight_rate
        With a band: by how much an update changes the weight for each nat that the entropy is outside. None:
        0.002.
    weight_least, weight_most
        With a band: bounds of the weight. None: 0.00004 and 0.1.
    entropy_top
        Of language models: the entropy is that among so large a share of the vocabulary, the most probable
        tokens (arXiv 2509.03493, which leaves out 0.3 of them). 1: all tokens.
    entropy_max_accuracy
        Of language models: the bonus of a problem is 1 - accuracy/entropy_max_accuracy times as large, none
        from that accuracy of its group on (weights by difficulty as in arXiv 2510.10959; this formula is our
        choice).
        None: it is the same for all.
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
        Where a weight is given that the controller would set, or none where one is needed; for a learner
        that cannot have it; or where the run is too short for an option to do anything.
    """
    setup.refuse_demonstrations("temperature")
    control = {"entropy_target": entropy_target, "entropy_share": entropy_share}
    control |= {"entropy_low": entropy_low, "entropy_high": entropy_high}
    control |= {"weight_rate": weight_rate, "weight_least": weight_least, "weight_most": weight_most}
    rlvr: dict[str, Any] = {"entropy": weight_of(setup, cooling, control)}
    rlvr |= _of_tokens(setup, cooling, entropy_top, entropy_max_accuracy)
    _check_length(setup.steps, sft_every, adaptive_groups)
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


def _check_length(steps: int, sft_every: int | None, adaptive_groups: bool) -> None:
    """Refuse a run so short that an option would do nothing in it."""
    end = ", without the last 20 of schedule.adaptive_groups" if adaptive_groups else ""
    left = steps - LAST * adaptive_groups
    if sft_every is not None and sft_every > left:
        got = f"schedule.sft_every={sft_every} in {steps} updates{end}"
        raise ConetError(got, "a turn inside the run", "choose a smaller number or a longer run")
    if left < 1:
        got = f"schedule.adaptive_groups in {steps} updates"
        raise ConetError(got, f"more than {LAST}: the last are of all problems alike", "leave it out")


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


def _of_tokens(setup: Setup, cooling: Shape, top: float, hard: float | None) -> dict[str, float]:
    """Return the options that language models alone have."""
    found = {} if top == 1 else {"entropy_top": top}
    if hard is not None:
        found["entropy_max_accuracy"] = hard
        if cooling == "none":
            got = f"schedule.entropy_max_accuracy={hard:g} with schedule.cooling=none"
            raise ConetError(got, "a bonus that it weighs", "set another cooling, or leave it out")
    if found and not setup.language_model:
        name, value = next(iter(found.items()))
        why = (
            "which choose among a few edges" if name == "entropy_top" else "whose bonus is that of all nodes"
        )
        otherwise = "a language model" + (", or 1" if name == "entropy_top" else "")
        raise ConetError(f"schedule.{name}={value:g} for walks, {why}", otherwise, "leave it out")
    return found
