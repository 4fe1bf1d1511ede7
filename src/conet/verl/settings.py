"""What is set under ``trainer.v1.annealed`` in verl's configuration, and the phases that come of it."""

from collections.abc import Mapping
from typing import Any, ClassVar, Self

from pydantic import Field

from conet.base.errors import ConetError, nearest
from conet.config import Root, validated
from conet.runs import schedules
from conet.runs.annealing import asked_of_heating
from conet.runs.recipe import MODES, HeatingSettings, ScheduleSettings
from conet.runs.schedule import Phase, Setup

SECTION = "trainer.v1.annealed"
CHANGING = ("temperature", "reheating", "falling_rate", "clip_range")  # options of the learner


class AnnealedSettings(Root):
    """When and on what a training by verl is heated; sections and defaults are those of recipes."""

    what: ClassVar[str] = "section"

    correct: float = Field(1.0, description="a completion is correct from this score on")
    schedule: ScheduleSettings = ScheduleSettings()
    heating: HeatingSettings = HeatingSettings()

    @classmethod
    def checked(cls, data: Mapping[str, Any]) -> Self:
        """Validate the section.

        Raises
        ------
        ConetError
            Naming the key, the value and what would fit; also for what verl has no way to do.
        """
        found = validated(cls, data)
        heating = found.heating
        if heating.harvest_samples:
            raise ConetError(
                f"{SECTION}.heating.harvest_samples={heating.harvest_samples}",
                "0: inside verl, problems are chosen from the rollouts of the training",
                "leave it out, and set heating.window",
            )
        if heating.pick == "solution":
            raise ConetError(
                f"{SECTION}.heating.pick=solution", "a completion of the model", "for example shortest"
            )
        return found

    def phases(self, steps: int, problems: int, rollouts: int) -> tuple[Phase, ...]:
        """Return the phases of a training.

        Parameters
        ----------
        steps
            Its updates, those of a heating among them.
        problems, rollouts
            How many there are, and completions a problem and step.

        Raises
        ------
        ConetError
            For a schedule that is none, or one that verl cannot follow.
        """
        name = self.schedule.name or MODES[self.heating.mode or "annealed"]
        if name in CHANGING:  # said before the schedule asks for settings that verl has not
            got = f"schedule.name={name}, which sets options of the learner, in a training by verl"
            remedy = "choose schedule.name=annealed_rlvr; set options in verl's own configuration"
            raise ConetError(got, "a schedule that sets none", remedy)
        drawn = {"rollouts": rollouts}
        setup = Setup(steps=steps, problems=problems, learner="grpo", options=drawn, language_model=True)
        asked = asked_of_heating(self.heating, steps)
        found = schedules.make(name, setup, asked, self.schedule.options)
        for place, phase in (("begins", found[0]), ("ends", found[-1])):
            if phase.learner == "sft":
                got = f"schedule.name={name}, which {place} with demonstrations"
                raise ConetError(
                    got, "rollouts before and after every heating", "choose schedule.name=annealed_rlvr"
                )
        for phase in found:
            _check(phase)
        return found


def _check(phase: Phase) -> None:
    what = f"phase {phase.name!r} of a training by verl"
    if phase.learner not in (None, "sft"):
        raise ConetError(f"{what} with learner {phase.learner!r}", "None (verl's own) or 'sft'", "change it")
    if (phase.learner == "sft") != (phase.demonstrations in ("hard", "random")):
        got = f"{what} with learner {phase.learner!r} and demonstrations {phase.demonstrations!r}"
        raise ConetError(got, "learner='sft' with demonstrations='hard' or 'random', or neither", "change it")
    if phase.problems is not None:
        raise ConetError(f"{what} with a choice of problems", "all problems, in verl's order", "leave it out")
    known = ("learning_rate",) if phase.learner == "sft" else ()
    for name in phase.options:
        if name not in known:
            remedy = nearest(name, known) if known else "set it in verl's own configuration"
            raise ConetError(f"{what} with the option {name!r}", "none that verl's workers set", remedy)
