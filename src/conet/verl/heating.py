"""When a training by verl is heated, and on what: token ids in, token ids out, and nothing of verl."""

import hashlib
from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from conet.base.errors import ConetError
from conet.rollouts.pool import Demonstration, Rollout
from conet.rollouts.token_store import OnDisk
from conet.rollouts.truncation import was_cut_off
from conet.runs.annealing import Annealing
from conet.runs.live import Live
from conet.verl.batches import Drawn
from conet.verl.settings import AnnealedSettings


class Heating:
    """The schedule of one training: fed with rollouts after each step, asked for supervised updates when due.

    Updates are counted as everywhere in CoNet, those of a heating among them; verl counts its own steps
    alone, and a heating lies within one of these.

    Parameters
    ----------
    settings
        When and on what to heat.
    steps, problems, rollouts
        Updates of the whole training, problems, and completions a problem and step.
    folder
        Where the tokens of solutions lie while the training runs.

    Attributes
    ----------
    done : int
        Supervised updates made so far.
    """

    def __init__(
        self, settings: AnnealedSettings, steps: int, problems: int, rollouts: int, folder: Path
    ) -> None:
        self.settings, self.steps = settings, steps
        self.store = OnDisk(folder)
        self.annealing = Annealing(
            settings.heating, settings.phases(steps, problems, rollouts), steps, store=self.store
        )
        self.numbers: dict[str, int] = {}  # digest of a prompt's tokens → problem
        self.live = Live(settings.heating.max_accuracy)
        self.done = 0
        self.taught = 0  # demonstrations of this heating that updates have had

    def begin(self) -> None:
        """Begin a training from the start."""
        self.store.clear()
        self.annealing.tracker.begin(lambda index: None)

    @property
    def supervised(self) -> bool:
        """Whether the next update learns from demonstrations."""
        return self.annealing.supervised

    def observe(self, step: int, drawn: Sequence[Drawn], limit: int, ends: Sequence[int]) -> dict[str, float]:
        """Take in the rollouts of a step; return what is known of the heating, as metrics.

        Parameters
        ----------
        step
            As verl counts it: from 1, with the updates of this step done.
        drawn
            The rollouts.
        limit
            Most tokens of a completion; one that reaches it without an end was cut off.
        ends
            Tokens that end a completion.
        """
        rollouts, updates = [self._rollout(one, limit, ends) for one in drawn], step - 1 + self.done
        annealing, heating = self.annealing, self.settings.heating
        annealing.observe(updates, rollouts)
        found = self.live.observe(updates, rollouts, annealing.pool, annealing.tracker.detector)
        found["eligible"] = float(len(annealing.pool.eligible(heating.max_accuracy, heating.min_samples)))
        return {f"conet/{name}": value for name, value in found.items()}

    def _rollout(self, one: Drawn, limit: int, ends: Sequence[int]) -> Rollout:
        own = None if all(one.own) else list(one.own)
        cut = was_cut_off(one.completion, limit, ends, own)
        name = hashlib.blake2b(array("q", one.prompt).tobytes(), digest_size=12).hexdigest()
        number = self.numbers.setdefault(name, len(self.numbers))
        full = self.settings.correct
        return Rollout(number, one.score, one.completion, "", cut, prompt=one.prompt, own=own, full=full)

    def advance(self, step: int) -> bool:
        """Begin the next phase where it is due; return whether the next update is a supervised one.

        Parameters
        ----------
        step
            As verl counts it, its own updates done.
        """
        self.annealing.tracker.advance(step + self.done, self._prepare)
        return self.supervised

    def _prepare(self, index: int) -> list[int] | None:
        """Choose what a phase learns from; None where it learns from rollouts."""
        annealing = self.annealing
        phase = annealing.tracker.phases[index]
        if phase.learner != "sft":
            annealing.demonstrations = []
            return None
        annealing.demonstrations, self.taught = annealing.choose(phase), 0
        return [item.problem for item in annealing.demonstrations]

    def next_demonstrations(self, most: int) -> list[Demonstration]:
        """Return what the next supervised update learns from: demonstrations come in turn."""
        chosen = self.annealing.demonstrations
        count = min(most, len(chosen))
        return [chosen[(self.taught + place) % len(chosen)] for place in range(count)]

    def learning_rate(self, step: int) -> float:
        """Return the rate of the next supervised update."""
        options = self.annealing.tracker.options(step + self.done)
        return float(options.get("learning_rate", self.settings.heating.learning_rate))

    def made(self, step: int, count: int) -> None:
        """Note that a supervised update on so many demonstrations was made, and end the heating when due.

        Raises
        ------
        ConetError
            Where a schedule of the user's own never ends it.
        """
        self.taught += count
        self.done += 1
        began = self.annealing.tracker.phase_start
        if step + self.done - began > self.steps:
            raise ConetError(
                f"a heating of {self.steps} updates, which goes on",
                "an end that does not wait for rollouts, since a heating draws none",
                "end the phase after a number of updates",
            )
        self.advance(step)

    def finish(self) -> None:
        """Say so where a heating was due and never came."""
        self.annealing.tracker.finish()

    def state(self) -> dict[str, Any]:
        """Return what a checkpoint must keep beside the tokens, as JSON values."""
        own = {"numbers": self.numbers, "done": self.done, "live": self.live.state()}
        return self.annealing.state() | own

    def load(self, state: dict[str, Any], step: int) -> None:
        """Take over what :meth:`state` returned after verl's step ``step``."""
        self.numbers, self.done = dict(state["numbers"]), state["done"]
        self.annealing.load(state, step + self.done)
        if "live" in state:  # not in checkpoints of earlier versions
            self.live.load(state["live"])
