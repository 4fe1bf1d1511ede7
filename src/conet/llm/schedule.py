"""The schedule of a training on a language model: phases as for walks, and what TRL's trainer can change."""

from collections.abc import Mapping, Sequence
from typing import Any

from conet.base.errors import ConetError, nearest
from conet.rollouts.token_store import TokenStore
from conet.runs import schedules
from conet.runs.annealing import Annealing, asked_of_heating
from conet.runs.recipe import MODES, HeatingSettings, Recipe
from conet.runs.schedule import Phase, Setup

# Options of a phase, and the attributes of TRL's trainer that they set; the rate is the optimiser's.
ATTRIBUTES = {
    "entropy": ("entropy_coef",),
    "entropy_top": ("entropy_top",),
    "kl": ("beta",),
    "entropy_max_accuracy": ("entropy_max_accuracy",),
    "clip": ("epsilon_low", "epsilon_high"),
    "clip_slope": ("clip_slope",),
    "clip_high": ("epsilon_high",),
    "clip_high_slope": ("clip_high_slope",),
}
CLIPPED = ("grpo", "bnpo", "dr_grpo", "dapo")  # losses of TRL that clip the ratio of each token
OPTIONS = {None: ("learning_rate", *ATTRIBUTES), "sft": ("learning_rate",)}


def state_of(recipe: Recipe, problems: int, rollouts: int, store: TokenStore | None = None) -> Annealing:
    """Return the state of a recipe's schedule as a training begins.

    Where demonstrations are harvested, the second attempt is made when the training has drawn as many
    rollouts as the first had cost.

    Parameters
    ----------
    problems, rollouts
        How many problems there are, and rollouts an update.
    store
        Where the tokens of solutions lie; in memory where absent.
    """
    retry = retry_after(recipe.heating, problems, rollouts)
    return Annealing(recipe.heating, phases(recipe, problems), recipe.steps, retry, store, problems)


def retry_after(heating: HeatingSettings, problems: int, rollouts: int) -> int:
    """Return the updates that draw as many rollouts as one harvest; at least one."""
    return max(1, -(-problems * heating.harvest_samples // rollouts))


def phases(recipe: Recipe, problems: int) -> tuple[Phase, ...]:
    """Return the phases of a recipe (see :func:`phases_of`)."""
    name = recipe.schedule.name or MODES[recipe.heating.mode or "annealed"]
    settings = recipe.schedule.options
    return phases_of(name, settings, recipe.heating, recipe.options(), recipe.steps, problems)


def phases_of(
    name: str,
    settings: Mapping[str, Any],
    heating: HeatingSettings,
    options: Mapping[str, Any],
    steps: int,
    problems: int,
) -> tuple[Phase, ...]:
    """Return the phases of a schedule.

    Parameters
    ----------
    name, settings
        A schedule, and its own options.
    heating
        On what to heat, and for the schedules of the package when.
    options
        Of TRL's trainer.
    steps, problems
        Updates of the whole training, and how many problems there are.

    Raises
    ------
    ConetError
        For a schedule that is none, or that asks for something that TRL's trainer has not.
    """
    found = schedules.make(name, _setup(options, steps, problems), asked_of_heating(heating, steps), settings)
    for phase in found:
        _check(phase, options, heating)
    if found[0].learner == "sft" and not heating.harvest_samples:
        raise ConetError(
            f"schedule.name={name}, which begins with demonstrations, and heating.harvest_samples=0",
            "samples to choose demonstrations from",
            "--set heating.harvest_samples=64",
        )
    return found


def _setup(options: Mapping[str, Any], steps: int, problems: int) -> Setup:
    return Setup(
        steps=steps,
        problems=problems,
        learner="grpo",
        language_model=True,
        options={
            "learning_rate": options["learning_rate"],
            "rollouts": options["num_generations"],
            "entropy": options["entropy_coef"],
            "kl": options["beta"],
            "clip": options["epsilon"],
            "clip_high": options.get("epsilon_high"),
            "epochs": _passes(options),
        },
    )


def _passes(options: Mapping[str, Any]) -> int:
    """Return how many updates of the policy a completion may live through."""
    often, parts = options.get("steps_per_generation"), options.get("gradient_accumulation_steps", 1)
    several = often > parts if often else "generation_batch_size" in options
    return int(options["num_iterations"]) * (2 if several else 1)


def _check(phase: Phase, options: Mapping[str, Any], heating: HeatingSettings) -> None:
    what = f"phase {phase.name!r} of a training on a language model"
    if phase.learner not in OPTIONS:
        got = f"{what} with learner {phase.learner!r}"
        raise ConetError(got, "None (GRPO) or 'sft'", "TRL's trainer has no other; that of walks has")
    if phase.demonstrations and phase.learner is None:
        got = f"{what} with demonstrations and GRPO, which learns from rollouts"
        raise ConetError(got, "learner='sft'", "name it in the phase")
    if phase.demonstrations == "seen" and heating.harvest_samples:
        got = f"{what} with demonstrations='seen' and heating.harvest_samples={heating.harvest_samples}"
        remedy = "--set heating.harvest_samples=0 heating.min_samples=16"
        raise ConetError(got, "the rollouts of the training, no others", remedy)
    for name in phase.options:
        _check_option(name, phase, what)
    if "entropy" in phase.options and options.get("use_adaptive_entropy"):
        got = f"{what} that sets the weight of the entropy, and training.use_adaptive_entropy"
        # TRL's control would leave the bonus out wherever the entropy is above a target of its own.
        raise ConetError(got, "one of them", "leave use_adaptive_entropy out, or choose another schedule")
    _check_clipping(phase, options, what)
    if "kl" in phase.options and not options["beta"]:
        got = f"{what} with the option kl, and training.beta=0"
        raise ConetError(
            got, "a reference model, which TRL only keeps with a beta", "--set training.beta=0.001"
        )


def _check_clipping(phase: Phase, options: Mapping[str, Any], what: str) -> None:
    """Refuse a clip range by the token's probability where TRL's loss has none for each token."""
    slopes = {"clip_slope", "clip_high_slope"} & set(phase.options)
    for name, fit in (("loss_type", CLIPPED), ("importance_sampling_level", ("token",))):
        if slopes and options[name] not in fit:
            got = f"{what} with a clip range by probability, and training.{name}={options[name]}"
            raise ConetError(got, f"one of {', '.join(fit)}", "choose one, or another schedule")


def _check_option(name: str, phase: Phase, what: str) -> None:
    known: Sequence[str] = OPTIONS[phase.learner if phase.learner == "sft" else None]
    if name == "rollouts":
        got = f"{what} with the option rollouts"
        raise ConetError(
            got, "one number throughout, which is all that TRL has", "set training.num_generations"
        )
    if name not in known:
        raise ConetError(f"{what} with the option {name!r}", "an option of its learner", nearest(name, known))
