"""Entropy led by the clip range: wider for rare choices while it is to rise, tighter when it is to fall."""

from typing import Annotated

from pydantic import Field

from conet.base.errors import ConetError
from conet.runs.clipping import STANDARD, ClipRange, Shape
from conet.runs.option_keys import key_of
from conet.runs.schedule import Phase, Setup

Wide = Annotated[float, Field(gt=0, le=1000)]  # ratios beyond are of no policy that still learns
Slope = Annotated[float, Field(ge=-1000, le=1000)]
OPTIONS = ("clip", "epochs", "clip_high", "clip_slope", "clip_high_slope")


def clip_range(
    setup: Setup,
    shape: Shape = "increase_decrease",
    upper: Wide = 0.5,
    upper_slope: Slope = -0.25,
    lower: Wide = 0.3,
    lower_slope: Slope = -0.13,
) -> tuple[Phase, ...]:
    """The run's own learner throughout, with a clip range that changes on the way (arXiv 2602.09782).

    Parameters
    ----------
    shape
        "increase_decrease": the upper end is wide at first and ``learner.clip`` (of language models
        ``training.epsilon``) from the middle on, then the
        lower end is wide and becomes that too. "decrease_increase_decrease": the upper end widens up to the
        middle and stays. "oscillating": one or the other, by the entropy.
    upper, upper_slope
        The upper end where it is wide: upper + upper_slope p, p being the probability of the choice.
    lower, lower_slope
        The lower end likewise.

    Raises
    ------
    ConetError
        For a learner without a clip range or whose updates it cannot matter for, an upper end or a slope
        that is set, and ends that are not above 0.
    """
    setup.refuse_demonstrations("clip_range")
    what = "schedule.name=clip_range"
    # TRL's trainer has the slopes from us; of walks, the learner itself must have what is to change.
    needed = OPTIONS[:2] if setup.language_model else OPTIONS
    if lacking := [name for name in needed if name not in setup.options]:
        got = f"{what} with learner.name={setup.learner}, which has no option {lacking[0]}"
        raise ConetError(got, "a learner with a clip range", "--set learner.name=grpo")
    if setup.options["epochs"] < 2:
        key = key_of("epochs", setup)
        got = f"{what} with {key}=1, where nothing is ever clipped"
        raise ConetError(got, "two passes over the rollouts or more", f"--set {key}=2")
    if setup.options["clip"] == 0:  # of TRL; walks refuse it themselves
        got = f"{what} with training.epsilon=0"
        raise ConetError(got, "a usual clip range above 0", f"--set training.epsilon={STANDARD:g}")
    if setup.options.get("clip_high") is not None:
        got = f"{what} with an upper end of the clip range of {setup.options['clip_high']:g}"
        raise ConetError(got, "none: the schedule sets it", f"leave {key_of('clip_high', setup)} out")
    for name in ("clip_slope", "clip_high_slope"):
        if setup.options.get(name):
            got = f"{what} with learner.{name}={setup.options[name]:g}"
            raise ConetError(got, "none: the schedule sets both slopes", "leave it out")
    for name, end, slope in (("upper", upper, upper_slope), ("lower", lower, lower_slope)):
        if end + slope <= 0:
            got = f"schedule.{name}={end:g} with schedule.{name}_slope={slope:g}"
            raise ConetError(got, "a sum above 0, the range at probability 1", f"raise schedule.{name}")
    found = ClipRange(
        shape=shape,
        standard=setup.options["clip"] or STANDARD,
        upper=upper,
        upper_slope=upper_slope,
        lower=lower,
        lower_slope=lower_slope,
    )
    return (Phase("rlvr", options=found.options()),)
