"""Which phase of its schedule a training is in, for walks and language models alike."""

from collections.abc import Callable, Mapping, Sequence
from numbers import Real
from typing import Any

import numpy as np

from conet.base.errors import ConetError
from conet.detect.evidence import Evidence, as_event
from conet.detect.online import Detector
from conet.runs.calls import called
from conet.runs.events import note
from conet.runs.schedule import Clock, Phase

# Makes the demonstrations of the phase of this index; their problems, or None where it learns from rollouts.
Prepare = Callable[[int], Sequence[int] | None]
KEPT = ("phase_index", "phase_start", "waiting", "left_out", "accuracy", "correct_length")


class PhaseTracker:
    """The phase of a training, the detector, and the events.

    Where a phase of demonstrations is due and there are none, the phase before goes on if it draws rollouts
    and the phase waits, and it is tried again later; else the phase is left out.

    Parameters
    ----------
    phases
        The schedule, in order.
    steps
        Updates of the whole run.
    retry
        Updates between the first two attempts to find demonstrations; from then on, each comes when the phase
        has waited twice as long as at the one before.
    detector
        With its options; the usual one where absent.

    Attributes
    ----------
    phase_index, phase_start : int
        Which phase, and the updates done when it began.
    waiting : dict or None
        While a phase of demonstrations is due: since which step, why, and when it is tried again.
    left_out : bool
        Whether this phase found no demonstrations, and ends at once.
    events : list of dict
        See :mod:`conet.runs.events`.
    """

    def __init__(
        self, phases: Sequence[Phase], steps: int, *, retry: int = 1, detector: Detector | None = None
    ) -> None:
        self.phases, self.steps, self.retry = tuple(phases), steps, retry
        self.detector = Detector() if detector is None else detector
        self.phase_index, self.phase_start = 0, 0
        self.waiting: dict[str, Any] | None = None
        self.left_out = False
        self.draws = True  # whether this phase draws rollouts
        self.accuracy: float | None = None
        self.correct_length: float | None = None
        self.entropy: Any = None  # as Clock takes it; the trainer sets it
        self.start_entropy: float | None = None  # the first that a schedule asked for
        self.asked_entropy: tuple[int, float | None] = (-1, None)  # at which step the options asked, and what
        # The last step whose options were asked for, the numbers that had been set by then, and before.
        self.last_options: tuple[int, dict[str, float], dict[str, float]] = (-1, {}, {})
        self.problem_accuracy: Any = None
        self.evaluation: Any = None
        self.events: list[dict[str, Any]] = []

    @property
    def phase(self) -> Phase:
        """The phase that the next update belongs to."""
        return self.phases[self.phase_index]

    @property
    def option_names(self) -> list[str]:
        """Names of the options that any phase sets, in order."""
        return sorted({name for phase in self.phases for name in phase.options})

    def clock(self, step: int) -> Clock:
        """Return what a trigger sees when ``step`` updates are done."""
        at, now, before = self.last_options
        return Clock(
            step=step,
            steps=self.steps,
            elapsed=step - self.phase_start,
            accuracy=self.accuracy,
            correct_length=self.correct_length,
            entropy=self.entropy,
            start_entropy=self._start_entropy,
            last_options=before if at == step else now,
            problem_accuracy=self.problem_accuracy,
            detector=self.detector.evidence(step),
            evaluation=self.evaluation,
        )

    def _start_entropy(self) -> float | None:
        if self.start_entropy is None:
            self.start_entropy = self.entropy() if callable(self.entropy) else self.entropy
        return self.start_entropy

    @property
    def problems_vary(self) -> bool:
        """Whether any phase chooses problems."""
        return any(phase.problems is not None for phase in self.phases)

    def observe(
        self,
        step: int,
        length_sum: int,
        correct: int,
        samples: int,
        problems: Sequence[int] | np.ndarray | None = None,
    ) -> Evidence:
        """Take in the rollouts of a step; return the detector's evidence.

        Parameters
        ----------
        step
            Updates of the policy that they were drawn from.
        length_sum, correct, samples
            Total length of the correct rollouts, their number, and that of all.
        problems
            The problems that were asked, where they may change.
        """
        fired, mix = self.detector.heat_now, self.detector.mix_step
        evidence = self.detector.update(step, length_sum, correct, samples, problems)
        if evidence.mix_step != mix:
            note(self.events, step, "problems_changed", since=evidence.mix_step, silent=evidence.silent)
        if evidence.heat_now and not fired:
            note(self.events, step, "heating_signal", **as_event(evidence))
        self.accuracy = correct / samples if samples else None
        self.correct_length = length_sum / correct if correct else None
        return evidence

    def begin(self, prepare: Prepare) -> None:
        """Begin the first phase."""
        self._enter(0, 0, "the run begins", prepare)

    def advance(self, step: int, prepare: Prepare) -> None:
        """Begin the next phase if it is due, and the one after it if that is left out.

        Parameters
        ----------
        step
            Updates done.
        prepare
            Makes the demonstrations of a phase.

        Raises
        ------
        ConetError
            When a trigger of the user's own fails, or there is nothing to learn from in the last phase.
        """
        while self.phase_index + 1 < len(self.phases):
            reason = self._due(step)
            if reason is None or not self._enter(self.phase_index + 1, step, reason, prepare):
                return

    def begin_next(self, step: int, reason: str, prepare: Prepare) -> None:
        """Begin the next phase now, whatever its trigger says; without demonstrations it waits."""
        self._enter(self.phase_index + 1, step, reason, prepare)

    def finish(self) -> None:
        """Say so where a heating was due and no problem became eligible before the run ended."""
        if self.waiting is not None:
            reason, since = self.waiting["reason"], self.waiting["since"]
            note(self.events, self.steps, "heating_skipped", reason=reason, eligible=0, since=since)
            self.waiting = None

    def options(self, step: int) -> dict[str, Any]:
        """Return the options of the phase as they are at this step."""
        clock, phase = self.clock(step), self.phase
        found = {
            name: called(f"option {name!r}", value, phase, clock) if callable(value) else value
            for name, value in phase.options.items()
        }
        if "entropy" in found:
            self._start_entropy()  # that the summary can say from where it fell
        self.asked_entropy = step, vars(clock).get("entropy")  # which the clock works out when it is asked
        before = dict(clock.last_options)
        numbers = {name: float(value) for name, value in found.items() if isinstance(value, Real)}
        self.last_options = (step, before | numbers, before)
        return found

    def problems(self, step: int, count: int) -> np.ndarray | None:
        """Return the indices of the problems that are trained, ascending; None for all ``count``.

        Raises
        ------
        ConetError
            When they are no problems of the run, or none at all.
        """
        phase, chosen = self.phase, self.phase.problems
        if callable(chosen):
            chosen = called("the choice of problems", chosen, phase, self.clock(step))
        if chosen is None:
            return None
        try:
            given = np.asarray(chosen)
        except ValueError:  # lists of several lengths
            given = np.empty(0)
        fits = given.ndim == 1 and given.dtype.kind in "iu"
        found = np.unique(given) if fits else np.empty(0)
        if not len(found) or found[0] < 0 or found[-1] >= count:
            got = f"problems {chosen!r}"[:100] + f" of phase {phase.name!r} at step {step}"
            raise ConetError(got, f"one or more of 0 to {count - 1}", "mend the schedule")
        return found.astype(np.int32)

    def state(self) -> dict[str, Any]:
        """Return what a checkpoint must keep, as JSON values."""
        kept = {name: getattr(self, name) for name in (*KEPT, "start_entropy")}
        kept |= {"last_options": list(self.last_options), "detector": self.detector.state()}
        return kept | {"events": self.events}

    def load(self, state: Mapping[str, Any]) -> None:
        """Take over what :meth:`state` returned."""
        for name in KEPT:
            setattr(self, name, state[name])
        self.start_entropy = state.get("start_entropy")  # not in earlier checkpoints, nor is the next
        at, now, before = state.get("last_options") or _of_weights(*state.get("entropy_weights", (-1,)))
        self.last_options = int(at), dict(now), dict(before)
        self.events = list(state["events"])
        self.detector.load(state["detector"])

    def _due(self, step: int) -> str | None:
        """Say why the next phase is to begin, or None."""
        if self.left_out:
            return "the phase before was left out"
        if self.waiting is not None:
            return self.waiting["reason"] if step >= self.waiting["again"] else None
        answer = called("the trigger", self.phase.until, self.phase, self.clock(step))
        if answer is None or (isinstance(answer, int | float) and not answer):  # `clock.accuracy and …`
            return None
        if not isinstance(answer, bool | np.bool_ | str):
            got = f"{answer!r} from the trigger of phase {self.phase.name!r}"[:150]
            raise ConetError(got, "True, False, or a text that says why", "mend the schedule")
        if not answer:
            return None
        return answer if isinstance(answer, str) else "the schedule's trigger"

    def _enter(self, index: int, step: int, reason: str, prepare: Prepare) -> bool:
        """Begin a phase; False where it has to wait."""
        phase = self.phases[index]
        found = prepare(index)
        empty = found is not None and len(found) == 0
        if empty and index and phase.waits and self.draws and not self.left_out:
            self._wait(phase, step, reason)
            return False
        if empty and index + 1 == len(self.phases):
            raise ConetError(
                f"no problem with a correct rollout for phase {phase.name!r}",
                "at least one to learn from",
                "let rollouts be longer, or give other problems",
            )
        if index and self.phase.heats and not self.left_out:
            note(self.events, step, "heating_ended")
        if self.waiting is not None:
            reason = f"{self.waiting['reason']} at step {self.waiting['since']}"
        self.phase_index, self.phase_start, self.waiting = index, step, None
        self.left_out, self.draws = empty, found is None
        self._announce(phase, step, reason, found)
        return True

    def _wait(self, phase: Phase, step: int, reason: str) -> None:
        if self.waiting is None:
            self.waiting = {"since": step, "reason": reason, "again": step}
            note(self.events, step, "heating_waits", phase=phase.name, reason=reason, eligible=0)
        # As long again as it has waited: each attempt may draw many rollouts, and a run makes few of them so.
        self.waiting = self.waiting | {"again": step + max(self.retry, step - self.waiting["since"])}

    def _announce(self, phase: Phase, step: int, reason: str, found: Sequence[int] | None) -> None:
        if found is None:
            note(self.events, step, "phase_started", phase=phase.name)
            return
        learned = {"phase": phase.name, "problems": [int(one) for one in found], "demonstrations": len(found)}
        evidence = as_event(self.detector.evidence(step))
        evidence.pop("step")
        why = {"reason": reason, "eligible": len(found), "evidence": evidence}
        if not len(found):
            note(self.events, step, "heating_skipped", phase=phase.name, **why)
        elif phase.heats:
            note(self.events, step, "heating_started", **why, **learned)
        else:
            note(self.events, step, "phase_started", **learned)


def _of_weights(at: int, *weights: float | None) -> tuple[Any, ...]:
    """Return the last options from the weights of the entropy alone, which earlier checkpoints kept."""
    return (at, *({} if one is None else {"entropy": one} for one in weights or (None, None)))
