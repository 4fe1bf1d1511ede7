"""The state of a schedule of a training that draws completions: phase, pool, demonstrations; no tensors."""

from collections.abc import Sequence
from math import inf
from typing import Any

from conet.base.errors import ConetError
from conet.detect.evidence import as_event
from conet.detect.online import Detector
from conet.rollouts.pool import Demonstration, Pool, Rollout, counted, present_names
from conet.rollouts.selection import Pick
from conet.rollouts.token_store import TokenStore
from conet.runs.events import translate
from conet.runs.phases import PhaseTracker
from conet.runs.recipe import HeatingSettings
from conet.runs.schedule import Phase


class Annealing:
    """Phases of a training, what was rolled out lately, and what is learned from at present.

    Parameters
    ----------
    settings
        On what to heat.
    phases
        The schedule (see :mod:`conet.runs.schedule`).
    steps
        Updates of the whole training.
    retry
        Updates between two attempts to find demonstrations.
    store
        Where the tokens of solutions lie; in memory where absent.
    problems
        How many there are, where they are known by their numbers.
    """

    def __init__(
        self,
        settings: HeatingSettings,
        phases: Sequence[Phase],
        steps: int,
        retry: int = 1,
        store: TokenStore | None = None,
        problems: int = 0,
    ) -> None:
        self.settings = settings
        detector = Detector(**settings.detector)  # type: ignore[arg-type]
        self.tracker = PhaseTracker(phases, steps, retry=retry, detector=detector)
        self.tracker.evaluation = _no_evaluation
        picks = {self.pick(phase) for phase in phases if phase.learner == "sft"}
        self.pool = Pool(settings.window, picks, store)
        if problems:
            self.tracker.problem_accuracy = lambda: self.pool.accuracy(problems, settings.min_samples)
        self.demonstrations: list[Demonstration] = []

    @property
    def supervised(self) -> bool:
        """Whether the next update learns from demonstrations."""
        return bool(self.demonstrations)

    @property
    def events(self) -> list[dict[str, Any]]:
        """What happened (see :mod:`conet.runs.events`)."""
        return self.tracker.events

    def pick(self, phase: Phase) -> Pick:
        """Return by which rule solutions are picked in a phase; the data's own take their places later."""
        if not phase.heats:
            return "first" if phase.demonstrations == "random" else "shortest"
        return "shortest" if self.settings.pick == "solution" else self.settings.pick

    def choose(self, phase: Phase, pool: Pool | None = None) -> list[Demonstration]:
        """Choose what a phase learns from.

        Parameters
        ----------
        phase
            One that learns from demonstrations; one that heats takes hard problems alone.
        pool
            Whose rollouts; those drawn lately where absent.
        """
        most = self.settings.max_accuracy if phase.heats else inf
        found = self.pool if pool is None else pool
        return found.demonstrations(most, self.settings.min_samples, self.pick(phase))

    def observe(self, step: int, rollouts: Sequence[Rollout]) -> dict[str, Any]:
        """Take in the rollouts of a step; return the detector's evidence."""
        self.pool.add(step, rollouts)
        return as_event(self.tracker.observe(step, *counted(rollouts)))

    def state(self) -> dict[str, Any]:
        """Return what a checkpoint must keep, as JSON values."""
        tracker, evaluation = self.tracker, self.tracker.evaluation
        return tracker.state() | {
            "entropy": tracker.entropy,
            "evaluation": None if callable(evaluation) else evaluation,
            "demonstrations": [vars(item) for item in self.demonstrations],
            "pool": self.pool.state(),
        }

    def load(self, state: dict[str, Any], step: int) -> None:
        """Take over what :meth:`state` returned when ``step`` updates were done."""
        if "tried" in state:
            state = self._upgraded(state, step)
        self.tracker.load(state)
        self.tracker.entropy = state["entropy"]
        self.tracker.evaluation = state["evaluation"] or _no_evaluation
        self.demonstrations = [Demonstration(**present_names(item)) for item in state["demonstrations"]]
        self.tracker.draws = not self.demonstrations
        self.pool.load(state["pool"])

    def _upgraded(self, state: dict[str, Any], step: int) -> dict[str, Any]:
        """Turn the state that version 0.1 kept into today's."""
        heats, tried = state["phase"] == "heat", state["tried"]
        unknown = dict.fromkeys(("waiting", "accuracy", "correct_length", "entropy", "evaluation"))
        return unknown | {
            "phase_index": 1 if heats else 2 if tried else 0,
            "phase_start": step - (self.settings.steps - state["heat_left"])
            if heats
            else step
            if tried
            else 0,
            "left_out": False,
            "demonstrations": state["demonstrations"] if heats else [],
            "detector": state["detector"],
            "events": translate(state["events"]),
            "pool": state["pool"],
        }


def asked_of_heating(heating: HeatingSettings, steps: int) -> dict[str, Any]:
    """Return what a schedule of the package asks for, from the section ``heating``.

    Parameters
    ----------
    steps
        Updates of the whole training.
    """
    latest = heating.latest if heating.latest is not None and heating.latest < steps else None
    when = {"heat_at": heating.step, "late": heating.late_share}
    return {
        "heat_at": when.get(heating.mode or "annealed", "detector"),
        "heat_latest": None if latest is None else latest / steps,
        "heat_steps": heating.steps,
        "sft_steps": heating.steps,
        "sft_learning_rate": heating.learning_rate,
    }


def _no_evaluation() -> None:
    raise ConetError(
        "a schedule that asks for the evaluation, in a training that makes none",
        "a trigger that looks at rollouts",
        "use clock.accuracy, clock.correct_length or clock.detector",
    )
