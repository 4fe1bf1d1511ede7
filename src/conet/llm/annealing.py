"""When a training on a language model heats, and when it cools again: no tensors here."""

from collections.abc import Sequence
from typing import Any

from conet.detect.online import Detector, as_event
from conet.llm.pool import Demonstration, Pool, Rollout, counted, present_names
from conet.llm.recipe import HeatingSettings
from conet.runs.events import note, translate


class Annealing:
    """The phase of a training: "rlvr", then "heat" for some steps, then "rlvr" again.

    Parameters
    ----------
    settings
        When to heat.
    steps
        Length of the training.
    """

    def __init__(self, settings: HeatingSettings, steps: int) -> None:
        self.settings = settings
        self.late_step = max(1, round(settings.late_share * steps))
        self.detector = Detector(**settings.detector)  # type: ignore[arg-type]
        self.pool = Pool(settings.window)
        self.phase = "rlvr"
        self.tried = False  # one heating a training, also where no problem was eligible
        self.heat_left = 0
        self.demonstrations: list[Demonstration] = []
        self.events: list[dict[str, Any]] = []
        note(self.events, 0, "phase_started", phase="rlvr")

    def observe(self, step: int, rollouts: Sequence[Rollout]) -> dict[str, Any]:
        """Take in the rollouts of a step; return the detector's evidence."""
        known = self.detector.heat_now
        evidence = as_event(self.detector.update(step, *counted(rollouts)))
        if self.detector.heat_now and not known:
            note(self.events, step, "heating_signal", **evidence)
        self.pool.add(step, rollouts)
        return evidence

    def reason(self, step: int) -> str | None:
        """Say why to heat after ``step`` updates, or None."""
        settings = self.settings
        if self.tried or self.phase == "heat" or settings.mode == "rlvr":
            return None
        if settings.mode == "annealed":
            if self.detector.heat_now:
                return "the heating signal fired"
            late = settings.latest is not None and step >= settings.latest
            return "the latest step was reached" if late else None
        due = self.late_step if settings.mode == "late" else settings.step or 0
        return f"mode {settings.mode}" if step >= due else None

    def heat(self, step: int, reason: str, demonstrations: list[Demonstration]) -> None:
        """Begin to heat, or say that there is nothing to heat on."""
        self.tried = True
        evidence = as_event(self.detector.evidence(step))
        evidence.pop("step")
        eligible = len(demonstrations)
        if not demonstrations:
            note(self.events, step, "heating_skipped", reason=reason, eligible=0, evidence=evidence)
            return
        self.phase, self.heat_left, self.demonstrations = "heat", self.settings.steps, demonstrations
        taught = [item.problem for item in demonstrations]
        note(
            self.events, step, "heating_started", reason=reason, eligible=eligible, phase="heat",
            problems=taught, demonstrations=eligible, evidence=evidence,
        )  # fmt: skip

    def cool(self, step: int) -> bool:
        """Count one heating step; whether it was the last."""
        self.heat_left -= 1
        if self.heat_left > 0:
            return False
        self.phase = "rlvr"
        note(self.events, step, "heating_ended")
        note(self.events, step, "phase_started", phase="rlvr")
        return True

    def state(self) -> dict[str, Any]:
        """Return what a checkpoint must keep, as JSON values."""
        return {
            "phase": self.phase, "tried": self.tried, "heat_left": self.heat_left, "events": self.events,
            "demonstrations": [vars(item) for item in self.demonstrations],
            "detector": self.detector.state(), "pool": self.pool.state(),
        }  # fmt: skip

    def load(self, state: dict[str, Any]) -> None:
        """Take over what :meth:`state` returned."""
        self.phase, self.tried, self.heat_left = state["phase"], state["tried"], state["heat_left"]
        self.events = translate(state["events"])
        self.demonstrations = [Demonstration(**present_names(item)) for item in state["demonstrations"]]
        self.detector.load(state["detector"])
        self.pool.load(state["pool"])
