"""Online: one cheap update a step, from rollouts alone, and the heating signal."""

from collections.abc import Mapping, Sequence
from math import inf, sqrt
from typing import Any

import numpy as np

from conet.base.errors import ConetError
from conet.detect.evidence import Evidence, Mean
from conet.detect.mix import Mix

NOISE_MEMORY = 2.0  # longer than the means': a noise estimate needs many steps
STATE = (
    "updates",
    "total_correct",
    "length",
    "correct",
    "samples",
    "squared",
    "noise",
    "previous",
    "start",
    "start_accuracy",
    "shortest",
    "shortest_step",
    "heat_now",
)


class Detector:
    """Online: its heating signal fires once the correct length has turned from its shortest.

    Formally. After n updates a mean forgets with the rate α = ``memory`` / (n + ``memory`` - 1), so
    that update s weighs as s^(memory-1) and the mean looks back on a fixed *share* of the run (about
    n / (memory + 1) steps). No step number enters the rule, so a run twice as slow is judged alike.
    Let

    - m(n) be the recent correct length: forgotten total length over forgotten number of correct
      rollouts; s(n) its standard error, with the variance a rollout taken from the differences of
      successive steps (so it holds the noise of changing batches too); where an earlier m is
      compared, its variance is the larger of the estimates then and now, since an early one rests
      on few steps;
    - m₀, s₀ and the accuracy a₀ belong to the first update with ``start_updates`` updates and
      ``start_correct`` correct rollouts seen; m*, s* belong to the smallest m since;
    - a(n) be the recent accuracy.

    The signal fires at the first n with all of

    1. m* ≤ (1 - ``fall``) m₀ and m₀ - m* ≥ ``fall_sigmas`` √(s₀² + s*²): it has fallen;
    2. m(n) ≥ (1 + ``rise``) m* and m(n) - m* ≥ ``rise_sigmas`` √(s(n)² + s*²): it rises again;
    3. a(n) - a₀ ≥ ``learned`` (1 - a₀): a part of what was to be learned has been learned (left out
       where the number of rollouts is not given).

    Once it has fired, it stays so.

    Where it is told which problems a step asked, a fall and a rise count only within one mix of problems:
    once the mix has changed (:class:`conet.detect.mix.Mix`), the detector begins anew, as if the run began
    there; while it may be changing, the signal stays silent.

    All numbers are our choice, made on seeds 1000 to 1019 and on pure
    noise, and measured on other seeds (``docs/detector.md``); the paper states no trigger.

    Parameters
    ----------
    memory
        Larger looks back less far, sees a turn sooner and is fooled more often.
    fall, rise, learned
        Shares, see above.
    fall_sigmas, rise_sigmas
        In standard errors, see above.
    start_updates, start_correct
        What has to be seen before anything is compared.
    """

    def __init__(
        self,
        memory: float = 8.0,
        *,
        fall: float = 0.10,
        rise: float = 0.03,
        learned: float = 0.10,
        fall_sigmas: float = 1.0,
        rise_sigmas: float = 4.0,
        start_updates: int = 5,
        start_correct: int = 200,
    ) -> None:
        self.memory = memory
        self.fall, self.rise, self.learned = fall, rise, learned
        self.fall_sigmas, self.rise_sigmas = fall_sigmas, rise_sigmas
        self.start_updates, self.start_correct = start_updates, start_correct
        self.updates, self.mix = 0, Mix()
        self.mix_step: int | None = None
        self._begin()

    def _begin(self) -> None:
        """Begin with this update, knowing nothing of those before."""
        self.begun, self.total_correct = self.updates, 0.0
        self.length = self.correct = self.samples = self.squared = self.noise = 0.0
        self.previous: Sequence[float] | None = None  # mean length of a step, and its rollouts
        self.start: Mean | None = None
        self.start_accuracy: float | None = None
        self.shortest: Mean | None = None
        self.shortest_step: int | None = None
        self.heat_now = False

    def update(
        self,
        step: int,
        correct_length_sum: float,
        correct_count: float,
        samples: float | None = None,
        problems: Sequence[int] | np.ndarray | None = None,
    ) -> Evidence:
        """Take in one step's rollouts.

        Parameters
        ----------
        step
            Its number, only for the answer.
        correct_length_sum, correct_count
            Total length of its correct rollouts, and how many there were.
        samples
            All its rollouts; without them the third condition is left out. A step without rollouts
            is passed over.
        problems
            The numbers of the problems that it asked, for a run in which they may change.

        Raises
        ------
        ConetError
            For counts that no step can have.
        """
        if not (
            0 <= correct_count < inf
            and 0 <= correct_length_sum < inf
            and (samples is None or correct_count <= samples < inf)
        ):
            raise ConetError(
                f"step {step} with {correct_count} of {samples} rollouts correct "
                f"and total length {correct_length_sum}",
                "0 <= correct <= samples and a length of at least 0",
                "count the rollouts again",
            )
        if samples != 0:
            if problems is not None and not self.heat_now:
                changed = self.mix.look(step, problems, self.updates + 1, self.memory)
                if changed is not None:
                    self.mix_step = changed
                    self._begin()
            self._take(float(correct_length_sum), float(correct_count), float(samples or 0))
            if self.mix.since is None:
                self._judge(step)
        return self.evidence(step)

    def _take(self, correct_length_sum: float, correct_count: float, samples: float) -> None:
        self.updates += 1
        self.total_correct += correct_count
        seen = self.updates - self.begun
        rate = self.memory / (seen + self.memory - 1)
        self.length += rate * (correct_length_sum - self.length)
        self.correct += rate * (correct_count - self.correct)
        self.samples += rate * (samples - self.samples)
        self.squared += rate * (rate * correct_count - (2 - rate) * self.squared)
        if not correct_count:
            return
        mean = correct_length_sum / correct_count
        if self.previous is not None:
            before, count = self.previous
            rate = NOISE_MEMORY / (seen + NOISE_MEMORY - 1)
            pair = correct_count * count / (correct_count + count)  # makes the square one rollout's variance
            self.noise += rate * (pair * (mean - before) ** 2 - self.noise)
        self.previous = mean, correct_count

    def _judge(self, step: int) -> None:
        enough = self.updates - self.begun >= self.start_updates and self.total_correct >= self.start_correct
        if not enough or not self.length:
            return
        recent = self._recent()
        if self.start is None:
            self.start, self.start_accuracy = recent, self.accuracy
        if self.shortest is None or recent.length < self.shortest.length:
            self.shortest, self.shortest_step = recent, step
        known = self.evidence(step)
        fallen = (known.fall or 0) >= self.fall and self._sigmas(self.start) >= self.fall_sigmas
        risen = (known.rise or 0) >= self.rise and (known.rise_sigmas or 0) >= self.rise_sigmas
        learned = known.learned is None or known.learned >= self.learned
        self.heat_now = self.heat_now or (fallen and risen and learned)

    def lacking(self) -> dict[str, float]:
        """Say how far each condition of the signal is from being met: what it asks for less what there is.

        Returns
        -------
        dict of str to float
            ``start_updates`` and ``start_correct`` (counts), and once these are 0 also ``fall``,
            ``fall_sigmas``, ``rise``, ``rise_sigmas`` and, where the number of rollouts is given,
            ``learned``. 0 where it is met; the signal fires when all are. ``mix`` is 1 while the mix of
            problems may change, and left out else.
        """
        known = self.evidence(0)
        there: dict[str, float | None] = {
            "start_updates": self.updates - self.begun,
            "start_correct": self.total_correct,
        }
        if self.mix.since is not None:
            return self._short_of(there) | {"mix": 1.0}
        if self.start is not None:
            there |= {name: getattr(known, name) for name in ("fall", "rise", "rise_sigmas", "learned")}
            there["fall_sigmas"] = self._sigmas(self.start)
        return self._short_of(there)

    def _short_of(self, there: Mapping[str, float | None]) -> dict[str, float]:
        found = {name: getattr(self, name) - value for name, value in there.items() if value is not None}
        return {name: max(0.0, float(value)) for name, value in found.items()}

    def _recent(self) -> Mean:
        return Mean(self.length / self.correct, self.squared / self.correct**2, self.noise)

    def _sigmas(self, mean: Mean) -> float:
        """How far a mean lies above the shortest, in standard errors."""
        assert self.shortest is not None
        gap = mean.length - self.shortest.length
        variance = sum(part.share * max(part.noise, self.noise) for part in (mean, self.shortest))
        return gap / sqrt(variance) if variance else (inf if gap > 0 else 0.0)

    @property
    def accuracy(self) -> float | None:
        """Recent accuracy; None where the number of rollouts is not given."""
        return self.correct / self.samples if self.samples else None

    @property
    def silent(self) -> str | None:
        """Why nothing can be compared, where the mix of problems changes or has just changed."""
        within = "lengths are compared within one mix of problems only"
        if self.mix.since is not None:
            return f"most problems since step {self.mix.since} were never asked before, and {within}"
        if self.mix_step is None or self.start is not None:
            return None
        seen = f"{round(self.total_correct)} of {self.start_correct} correct answers"
        steps = f"{self.updates - self.begun} of {self.start_updates} steps"
        return (
            f"other problems are asked since step {self.mix_step}, and {within}: "
            f"{seen} and {steps} that the signal needs have been seen"
        )

    def evidence(self, step: int) -> Evidence:
        """Return what is known after the last update."""
        recent = self._recent() if self.correct else None
        changing = self.mix.since is not None
        mix: dict[str, Any] = {"mix_step": self.mix_step, "silent": self.silent}
        if changing or recent is None or self.start is None or self.shortest is None:
            length = None if recent is None else recent.length
            return Evidence(step=step, correct_length=length, heat_now=self.heat_now, **mix)
        learned, first, now = None, self.start_accuracy, self.accuracy
        if first is not None and now is not None:
            learned = (now - first) / (1 - first) if first < 1 else 0.0
        return Evidence(
            step=step,
            correct_length=recent.length,
            shortest=self.shortest.length,
            shortest_step=self.shortest_step,
            fall=1 - self.shortest.length / self.start.length,
            rise=recent.length / self.shortest.length - 1,
            rise_sigmas=self._sigmas(recent),
            learned=learned,
            heat_now=self.heat_now,
            **mix,
        )

    def state(self) -> dict[str, Any]:
        """Return what a checkpoint must keep, as JSON values."""
        values = {name: getattr(self, name) for name in STATE}
        kept = {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}
        return kept | {"begun": self.begun, "mix_step": self.mix_step, "mix": self.mix.state()}

    def load(self, state: dict[str, Any]) -> None:
        """Take over what :meth:`state` returned."""
        for name in STATE:
            setattr(self, name, state[name])
        for name in ("start", "shortest"):
            setattr(self, name, state[name] and Mean(*state[name]))
        self.begun, self.mix_step = state.get("begun", 0), state.get("mix_step")  # not in earlier checkpoints
        self.mix = Mix()
        self.mix.load(state.get("mix", {}))
