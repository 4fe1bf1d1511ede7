"""The trainer of `conet llm train`: TRL's with annealing inside, a judge, and a record."""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from accelerate.utils import gather_object
from transformers import PrinterCallback
from trl import GRPOTrainer

from conet.llm.changes import set_rate
from conet.llm.judge import Judge
from conet.llm.looking import text_of
from conet.llm.mixin import AnnealingMixin
from conet.llm.problems import Problem
from conet.llm.record import Show, as_table, in_words, metrics_row, silent
from conet.llm.sampling import keep_tokens_alone
from conet.observables.observation import Observable
from conet.rollouts.pool import Rollout
from conet.runs.annealing import Annealing
from conet.runs.code import CHANGED, Change, not_noted
from conet.runs.events import note
from conet.runs.recorder import Recorder


class AnnealedTrainer(AnnealingMixin, GRPOTrainer):
    """GRPO by the phases of a schedule, on problems that a judge knows the answers of.

    Parameters
    ----------
    annealing, judge
        The schedule's state, and who judges completions.
    recorder
        The tables; None on all processes but one.
    keep_text
        Whether the rollouts are kept with their texts.
    problems
        The problems by number; the data set has their prompts, in this order.
    flush_every
        Steps between two writings of the tables.
    show
        Called with the progress: what is counted, how many are done, of how many, how it goes.
    interference
        Whether the gradients of the problems of an update are compared.
    """

    keeps_text = True

    def __init__(
        self,
        *args: Any,
        annealing: Annealing,
        recorder: Recorder | None,
        keep_text: bool,
        judge: Judge,
        problems: list[Problem],
        flush_every: int,
        show: Show = silent,
        observables: Mapping[str, Observable] | None = None,
        interference: bool = False,
        **kwargs: Any,
    ) -> None:
        self.interference = interference
        self.recorder, self.judge, self.keep_text = recorder, judge, keep_text
        self.problems, self.flush_every, self.shown = problems, flush_every, show
        self.observables = observables
        self.drawn: list[Rollout] | None = None  # rollouts of this step
        self.timeouts = 0  # of the verifiers of all processes, so far
        self.heat_sets = 0  # written so far
        self.code_changes: Sequence[Change] = ()  # since the run began
        self.settings: Mapping[str, Any] = {}  # that were given on resuming, now and before
        self.new_settings: Mapping[str, Any] = {}  # now
        self.own_generation = keep_tokens_alone(kwargs["model"], kwargs["processing_class"])
        super().__init__(*args, annealing=annealing, reward_funcs=[self.verified], **kwargs)
        self.remove_callback(PrinterCallback)  # `show` says how it goes, and stdout belongs to the summary

    def verified(self, completions: list[Any], answer: list[str], **_: Any) -> list[float]:
        """Reward: the verdicts of the judge."""
        texts = [text_of(completion) for completion in completions]
        return [verdict.reward for verdict in self.judge.judge(list(zip(texts, answer)))]

    def begin(self) -> None:
        """Begin the first phase, or go on in that of a checkpoint."""
        judged = None if self.loaded is None else self.loaded["judged"]
        if self.loaded is not None:
            self.heat_sets = self.loaded.get("heat_sets", 1)  # in older checkpoints there may be one
        super().begin()
        if judged is not None:
            self.timeouts = judged.get("timeout", 0)
            if self.is_world_process_zero():  # those of all processes are added up
                self.judge.counts.update(judged)
        if self.new_settings:
            changes = dict(self.new_settings)
            note(self.annealing.events, self.state.global_step, "settings_changed", changes=changes)
        if "training.learning_rate" in self.new_settings and self.state.global_step:
            set_rate(self.optimizer, self.lr_scheduler, self.args.learning_rate)
        for change in not_noted(self.code_changes, self.annealing.events):
            note(self.annealing.events, self.state.global_step, CHANGED, **change._asdict())

    def check_place(self) -> None:
        """Let no process write before the first has seen that the directory is still the one that is held.

        Raises
        ------
        ConetError
            When it is not: what stands there now belongs to someone else.
        """
        if self.recorder is not None:
            self.recorder.held.check()
        self.accelerator.wait_for_everyone()

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        self.check_place()  # the parent writes, and removes the oldest
        self.judged = self.judged_by_all()
        super()._save_checkpoint(model, trial)

    def checkpoint_state(self) -> dict[str, Any]:
        """Return what a checkpoint keeps: of the annealing, of the judge, and how far the tables are."""
        assert self.recorder is not None
        tables = self.recorder.commit(self.annealing.events)
        own = {"judged": dict(self.judged), "tables": tables, "settings": dict(self.settings)}
        return super().checkpoint_state() | own | {"heat_sets": self.heat_sets}

    def observe(self, rollouts: list[Rollout]) -> None:
        """Take in the gathered rollouts of a step, alike on every process."""
        self.drawn = rollouts
        if self.recorder is not None:
            self.recorder.held.check()  # their tokens are kept there
        self.timeouts = self.judged_by_all()["timeout"]
        super().observe(rollouts)
        self.keep(self.state.global_step, rollouts)

    def log_values(self, values: Mapping[str, float | None]) -> None:
        """Add to the trainer's metrics what is known, and how many samples the verifier took too long for."""
        super().log_values({**values, "verifier_timeouts": float(self.timeouts)})

    def judged_by_all(self) -> Counter[str]:
        """Return how the verdicts of all processes came about, so far."""
        return sum(map(Counter, gather_object([dict(self.judge.counts)])), Counter())

    def observe_evaluation(self, inputs: Any, completions: Any, rewards: Any) -> None:
        """Put the rollouts of an evaluation on record."""
        numbers = [row["problem"] for row in inputs]
        found = self.rollouts_of(numbers, self.written, completions, rewards)
        self.keep(self.state.global_step, [one for one in found if one is not None], split="eval")

    def keep(self, step: int, rollouts: list[Rollout], split: str = "train") -> None:
        """Put rollouts on record, on the process that keeps it."""
        if self.recorder is not None:
            self.recorder.rollouts(step, as_table(step, rollouts, split=split, text=self.keep_text))

    def end_step(self, step: int) -> None:
        """Write the step's row, and change the phase where it is due; ``step`` updates are done."""
        begun = time.perf_counter()
        supervised = self.annealing.supervised
        learner, phase = "sft" if supervised else "grpo", self.annealing.tracker.phase.name
        row = metrics_row(step - 1, phase, self.drawn, self.observables, learner)
        row |= {"heated": supervised, "learning_rate": self.rate} | self.used
        self.drawn = None
        if self.gradients is not None:
            row |= self.gradients.row()
        if not supervised:
            row |= {name: self.measured(name) for name in ("entropy", "kl")} | self.in_use()
        self.shown("step", step, self.args.max_steps, in_words(row))
        self.monitor_seconds += time.perf_counter() - begun
        super().end_step(step)
        if self.recorder is not None:
            begun = time.perf_counter()
            self.recorder.step(row, self.annealing.events)
            if step % self.flush_every == 0:
                self.recorder.write_rollouts()
            self.monitor_seconds += time.perf_counter() - begun

    def show(self, what: str, done: int, total: int, state: str) -> None:
        """Show how far something is that takes long."""
        self.shown(what, done, total, state)

    def keep_heat_set(self, lines: str) -> None:
        """Write the heat set into the run: each into a file of its own.

        A file that was written again would not be what the last checkpoint has the digest of, and a training
        that was killed after a second heating could not go on.
        """
        if self.recorder is not None:
            name = f"heat-{self.state.global_step}.jsonl" if self.heat_sets else "heat.jsonl"
            self.recorder.write(name, lines.encode())
        self.heat_sets += 1

    def name_of(self, number: int) -> str:
        """Return the name of a problem in the data."""
        return self.problems[number].name

    def solution_of(self, number: int) -> str | None:
        """Return a worked solution; None where the data has none."""
        return self.problems[number].solution

    def say(self, text: str) -> None:
        """Say nothing: events and summary have it."""
