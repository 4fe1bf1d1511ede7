"""TRL's GRPO trainer with a schedule inside: one training, one optimiser, one count of steps.

It departs from GRPOTrainer in ten places: which problems are asked and with which options, what a heating
step's batch is and its loss, that it draws no prompts, looking at the rollouts, changing the phase at the end
of a step, which learning rate is logged, and saving and loading a checkpoint.
"""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from accelerate.utils import gather_object
from transformers import PrinterCallback
from trl import GRPOTrainer

from conet.llm import checkpoints
from conet.llm.curriculum import curriculum, epoch
from conet.llm.head import add_untempered_head, negative_log_likelihood
from conet.llm.hooks import PhaseCallback, defaults
from conet.llm.judge import Judge
from conet.llm.optimizer import clear_momentum
from conet.llm.problems import Problem
from conet.llm.record import Show, as_table, in_words, metrics_row, silent
from conet.llm.sampling import keep_tokens_alone
from conet.llm.schedule import ATTRIBUTES
from conet.llm.supervised import Supervised
from conet.observables.observation import Observable
from conet.rollouts.pool import Rollout
from conet.runs.annealing import Annealing
from conet.runs.code import Change, not_noted
from conet.runs.events import note
from conet.runs.recorder import Recorder


class AnnealedTrainer(Supervised, GRPOTrainer):
    """GRPO by the phases of a schedule, such as GRPO, a short heating, and GRPO again.

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
    """

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
        **kwargs: Any,
    ) -> None:
        self.annealing, self.recorder, self.judge, self.keep_text = annealing, recorder, judge, keep_text
        self.problems, self.flush_every, self.show = problems, flush_every, show
        self.observables = observables
        self.drawn: list[Rollout] | None = None  # rollouts of this step
        self.taught = 0  # micro-batches of the demonstrations of this phase
        self.used: dict[str, Any] = {}  # options of this update
        self.rate: float | None = None  # learning rate of this update
        self.monitor_seconds = 0.0
        self.code_changes: Sequence[Change] = ()  # since the run began
        self.own_generation = keep_tokens_alone(kwargs["model"], kwargs["processing_class"])
        super().__init__(*args, reward_funcs=[self.verified], **kwargs)
        add_untempered_head(
            self.model.get_base_model() if hasattr(self.model, "get_base_model") else self.model,
            self.args.cast_lm_head_to_fp32,
        )
        self.defaults = defaults(self)
        if "entropy" in annealing.tracker.option_names:
            self._entropy_bonus_enabled = True  # TRL looks once, and the weight may be 0 at first
        self.remove_callback(PrinterCallback)  # `show` says how it goes, and stdout belongs to the summary
        self.add_callback(PhaseCallback(self))

    def verified(self, completions: list[Any], answer: list[str], **_: Any) -> list[float]:
        """Reward: the verdicts of the judge."""
        texts = [text_of(completion) for completion in completions]
        return [verdict.reward for verdict in self.judge.judge(list(zip(texts, answer)))]

    # What the trainer calls.

    def _prepare_inputs(self, generation_batch: Any) -> Any:
        if self.annealing.supervised and self.model.training:
            return self.heat_batch()
        every = self.args.steps_per_generation * self.num_iterations
        if self.model.training and (self._step % every == 0 or self._buffered_inputs is None):
            generation_batch = self.chosen(generation_batch, self._step // every)
        return super()._prepare_inputs(generation_batch)

    def training_step(self, *args: Any, **kwargs: Any) -> Any:
        """One micro-batch; heating does not count, so that generations go on where they were."""
        supervised = self.annealing.supervised
        loss = super().training_step(*args, **kwargs)
        self._step -= supervised
        return loss

    def compute_loss(
        self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """Cross-entropy for heating, the mean over the tokens of an update; else the parent's loss."""
        if "labels" not in inputs:
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        tokens = inputs.pop("tokens")
        # Gradients are added up over micro-batches, and are the mean over processes.
        loss = negative_log_likelihood(model, inputs) * self.accelerator.num_processes / tokens
        parts = self.args.gradient_accumulation_steps
        self._metrics["train"]["conet/heat_loss"].append(loss.detach().item() * parts)
        return loss

    def log(self, logs: dict[str, float], *args: Any, **kwargs: Any) -> None:
        """Log the learning rate that was used; the scheduler knows the next one."""
        if "learning_rate" in logs and self.rate is not None:
            logs = logs | {"learning_rate": self.rate}
        super().log(logs, *args, **kwargs)

    def _calculate_rewards(
        self, inputs: Any, prompts: Any, completions: Any, completion_ids_list: list[list[int]]
    ) -> Any:
        rewards = super()._calculate_rewards(inputs, prompts, completions, completion_ids_list)
        if self.model.training:
            begun = time.perf_counter()
            texts = [text_of(completion) for completion in completions]
            numbers = [row["problem"] for row in inputs]
            local = list(zip(numbers, completion_ids_list, texts))
            drawn = zip(gather_object(local), rewards[:, 0].tolist())
            self.observe(
                [
                    Rollout(number, reward, ids, text, self.cut_off(ids))
                    for (number, ids, text), reward in drawn
                ]
            )
            self.monitor_seconds += time.perf_counter() - begun
        return rewards

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        super()._save_checkpoint(model, trial)
        self.accelerator.wait_for_everyone()  # each process writes files of its own
        if self.recorder is not None:
            begun = time.perf_counter()
            own = {"micro_step": self._step, "taught": self.taught, "judged": dict(self.judge.counts)}
            state = self.annealing.state() | own | {"tables": self.recorder.commit(self.annealing.events)}
            folder = Path(self.args.output_dir) / f"checkpoint-{self.state.global_step}"
            checkpoints.write_state(folder, state)
            self.monitor_seconds += time.perf_counter() - begun

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        super()._load_optimizer_and_scheduler(checkpoint)
        if checkpoint is not None:
            state = checkpoints.read_state(Path(checkpoint))
            self._step, self.taught = state["micro_step"], state["taught"]
            if self.is_world_process_zero():  # each process counts its own; they are added up at the end
                self.judge.counts.update(state["judged"])
            self.annealing.load(state, self.state.global_step)
        for change in not_noted(self.code_changes, self.annealing.events):
            note(self.annealing.events, self.state.global_step, "code_changed", **change._asdict())

    # What is new.

    def cut_off(self, ids: list[int]) -> bool:
        """Whether a completion ended by the length limit."""
        return len(ids) >= self.max_completion_length and ids[-1] not in self.eos_token_ids

    def observe(self, rollouts: list[Rollout]) -> None:
        """Take in the gathered rollouts of a step, alike on every process."""
        step = self.state.global_step
        self.drawn = rollouts
        evidence = self.annealing.observe(step, rollouts)
        self.keep(step, rollouts)
        logged = ("correct_length", "fall", "rise", "rise_sigmas", "learned", "heat_now")
        for name in logged:
            if evidence[name] is not None:
                self._metrics["train"][f"conet/{name}"].append(float(evidence[name]))

    def keep(self, step: int, rollouts: list[Rollout], split: str = "train") -> None:
        """Put rollouts on record, on the process that keeps it."""
        if self.recorder is not None:
            self.recorder.rollouts(step, as_table(step, rollouts, split=split, text=self.keep_text))

    def measured(self) -> dict[str, float | None]:
        """Return what the parent measured in this update, over its micro-batches; None where it did not."""
        found = {name: self._metrics["train"].get(name, []) for name in ("entropy", "kl")}
        parts = {name: values[-self.args.gradient_accumulation_steps :] for name, values in found.items()}
        return {name: sum(values) / len(values) if values else None for name, values in parts.items()}

    def end_step(self, step: int) -> None:
        """Write the step's row, and change the phase where it is due; ``step`` updates are done."""
        begun = time.perf_counter()
        annealing, tracker = self.annealing, self.annealing.tracker
        supervised = annealing.supervised
        learner = "sft" if supervised else "grpo"
        row = metrics_row(step - 1, tracker.phase.name, self.drawn, self.observables, learner)
        row |= {"heated": supervised, "learning_rate": self.rate} | self.used
        self.drawn = None
        if not supervised:
            row |= self.measured()
            tracker.entropy = tracker.entropy if row["entropy"] is None else row["entropy"]
        self.show("step", step, self.args.max_steps, in_words(row))
        self.monitor_seconds += time.perf_counter() - begun
        boundary = self._step % (self.args.steps_per_generation * self.num_iterations) == 0
        if step == self.args.max_steps:
            tracker.finish()
        elif supervised or boundary:
            tracker.advance(step, self.prepare)
            if supervised and not annealing.supervised and annealing.settings.clear_momentum:
                clear_momentum(self.optimizer)
        if self.recorder is not None:
            begun = time.perf_counter()
            self.recorder.step(row, annealing.events)
            if step % self.flush_every == 0:
                self.recorder.write_rollouts()
            self.monitor_seconds += time.perf_counter() - begun

    def options_now(self, step: int) -> dict[str, Any]:
        """Return the options of the phase at this step."""
        options = self.annealing.tracker.options(step)
        if self.annealing.supervised:
            options.setdefault("learning_rate", self.annealing.settings.learning_rate)
        return options

    def apply(self, options: dict[str, Any]) -> None:
        """Set options of a phase, and everything else as it was at the start."""
        for name, keys in ATTRIBUTES.items():
            for key, value in zip(keys, self.defaults[name]):
                setattr(self, key, options.get(name, value))
        if "learning_rate" in options:
            for group in self.optimizer.param_groups:
                group["lr"] = options["learning_rate"]
        self.used = {f"option.{name}": options.get(name) for name in self.annealing.tracker.option_names}
        self.rate = float(self.optimizer.param_groups[0]["lr"])

    def chosen(self, batch: list[dict[str, Any]], generation: int) -> list[dict[str, Any]]:
        """Put the problems of a generation in the place of those that the data loader drew."""
        drawn = gather_object([row["problem"] for row in batch])
        places = list(dict.fromkeys(drawn))
        allowed = self.annealing.tracker.problems(self.state.global_step, len(self.problems))
        if allowed is None:
            arguments = len(self.problems), len(places), generation, self.args.seed
            instead = dict(zip(places, epoch(*arguments, bool(self.args.shuffle_dataset)), strict=True))
        else:
            instead = curriculum(drawn, allowed, self.args.seed, generation)
        return [self.train_dataset[instead[row["problem"]]] for row in batch]


def text_of(completion: Any) -> str:
    """Return a completion's text, from text or messages."""
    return completion if isinstance(completion, str) else "".join(str(part["content"]) for part in completion)
