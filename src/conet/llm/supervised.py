"""How a trainer of TRL learns from demonstrations: which, where they come from, and as what batches."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from accelerate.utils import broadcast_object_list, gather_object

from conet.base.files import write_atomic
from conet.llm import heat_set
from conet.rollouts.pool import Demonstration, Pool, Rollout
from conet.runs.annealing import Annealing


class Supervised:
    """The part of :class:`conet.llm.mixin.AnnealingMixin` that learns from demonstrations."""

    annealing: Annealing
    taught: int
    accelerator: Any
    args: Any
    model: Any
    num_generations: int
    prompt_of: Any
    rollouts_of: Any
    scored: Any
    solution_of: Any
    state: Any
    train_dataset: Any
    _generate: Any
    _metrics: Any
    _pending_extra_logs: Any
    _pending_metrics: Any
    _tokenize_prompts: Any
    _tokenizer: Any

    def prepare(self, index: int) -> list[int] | None:
        """Choose what a phase learns from, and write it to disk; None where it learns from rollouts."""
        phase, step = self.annealing.tracker.phases[index], self.state.global_step
        if phase.learner != "sft":
            self.annealing.demonstrations = []
            return None
        settings = self.annealing.settings
        pool = self.harvest(step) if settings.harvest_samples else self.annealing.pool
        found: list[Demonstration] = []
        if self.accelerator.is_main_process:  # which alone has the tokens
            found = self.annealing.choose(phase, pool)
            if phase.heats and settings.pick == "solution":
                found = [self.reference(item) for item in found]
        found = self.told(found)
        if found:
            if self.accelerator.is_main_process:
                self.keep_heat_set("".join(map(self.heat_line, found)))
            self.annealing.demonstrations, self.taught = found, 0
        return [item.problem for item in found]

    def told(self, value: Any) -> Any:
        """Return what the first process has, on all of them."""
        if self.accelerator.num_processes == 1:
            return value
        told = [value]
        broadcast_object_list(told)
        return told[0]

    def reference(self, item: Demonstration) -> Demonstration:
        """Put the data's own solution in the place of a sampled one, where there is one."""
        worked = self.solution_of(item.problem)
        if worked is None:
            return item
        ids = [*self._tokenizer(worked, add_special_tokens=False)["input_ids"], self._tokenizer.eos_token_id]
        return replace(item, tokens=ids, step=-1, own=None)

    def keep_heat_set(self, lines: str) -> None:
        """Write the heat set beside the checkpoints."""
        write_atomic(Path(self.args.output_dir) / f"heat-{self.state.global_step}.jsonl", lines)

    def heat_line(self, item: Demonstration) -> str:
        """One line of the heat set on disk, in the chat format that trainers read."""
        text = self._tokenizer.decode(item.tokens, skip_special_tokens=True)
        return heat_set.line(item, self.name_of(item.problem), self.prompt_of(item), text)

    def name_of(self, number: int) -> str:
        """Return the name of a problem in the data."""
        return str(number)

    def harvest(self, step: int) -> Pool:
        """Draw ``harvest_samples`` a problem from the policy as it is; every process does its share."""
        rank, processes = self.accelerator.process_index, self.accelerator.num_processes
        repeats = -(-self.annealing.settings.harvest_samples // self.num_generations)
        problems = len(self.train_dataset)
        numbers = [number for number in range(rank, problems, processes) for _ in range(repeats)]
        batch = self.args.per_device_train_batch_size * self.args.steps_per_generation
        most = max(1, batch // self.num_generations)
        # Every process draws equally many, also where its share is smaller: rewards are gathered.
        whole = -(-problems // processes) * repeats
        counts = [True] * len(numbers) + [False] * (whole - len(numbers))
        numbers += (numbers or [0])[:1] * (whole - len(numbers))
        rollouts: list[Rollout] = []
        for first in range(0, whole, most):
            part = slice(first, first + most)
            rollouts += self.sample(numbers[part], counts[part])
            self.show("harvest", first // most + 1, -(-whole // most), "")
        rollouts.sort(key=lambda rollout: rollout.problem)
        self.keep(step, rollouts, split="harvest")
        pool = Pool(1)
        pool.add(step, rollouts)
        return pool

    def show(self, what: str, done: int, total: int, state: str) -> None:
        """Show how far something is that takes long; here nothing."""

    def keep(self, step: int, rollouts: list[Rollout], split: str = "train") -> None:
        """Put rollouts on record; here nowhere."""

    def sample(self, numbers: Sequence[int], counts: Sequence[bool]) -> list[Rollout]:
        """Draw a group for each numbered problem; return the rollouts that count, of all processes."""
        repeated = [number for number in numbers for _ in range(self.num_generations)]
        rows = [self.train_dataset[number] for number in repeated]
        prompts = [row["prompt"] for row in rows]
        with self.unnoticed():
            prompt_ids, ids, own, completions, *_ = self._generate(prompts)
            rewards = self.scored(rows, prompts, completions, ids)
        found = self.rollouts_of(repeated, (prompt_ids, ids, own), completions, rewards)
        kept = gather_object([flag for flag in counts for _ in range(self.num_generations)])
        return [one for one, flag in zip(found, kept, strict=True) if one is not None and flag]

    @contextmanager
    def unnoticed(self) -> Iterator[None]:
        """Draw as in training, and leave no trace in the trainer's metrics."""
        training, seen = self.model.training, self.state.num_input_tokens_seen
        metrics = {name: list(values) for name, values in self._metrics["train"].items()}
        self.model.train()
        try:
            yield
        finally:
            self.model.train(training)
            self.state.num_input_tokens_seen = seen
            self._metrics["train"] = defaultdict(list, metrics)
            self._pending_metrics.clear()
            self._pending_extra_logs.clear()

    def heat_batch(self) -> dict[str, Any]:
        """Return the next micro-batch of demonstrations, and how many tokens the whole update learns from."""
        items, tokens = self.turn(self.taught, self.accelerator.process_index), self.tokens_of_update()
        self.taught += 1
        prompts = [self.prompt_ids_of(item) for item in items]
        found = heat_set.batch(prompts, items, self._tokenizer.pad_token_id, self.accelerator.device)
        return {**found, "tokens": tokens}

    def prompt_ids_of(self, item: Demonstration) -> list[int]:
        """Return the tokens of a prompt; checkpoints of earlier versions do not have them."""
        if item.prompt is not None:
            return item.prompt
        found, _, _ = self._tokenize_prompts([self.train_dataset[item.problem]["prompt"]])
        return found[0]

    def turn(self, micro_batch: int, process: int) -> list[Demonstration]:
        """Return the demonstrations of a micro-batch; they come in turn, over all processes."""
        chosen, size = self.annealing.demonstrations, self.args.per_device_train_batch_size
        start = (micro_batch * self.accelerator.num_processes + process) * size
        return [chosen[(start + offset) % len(chosen)] for offset in range(min(size, len(chosen)))]

    def tokens_of_update(self) -> int:
        """Count the tokens of all micro-batches and processes of the update that is being made."""
        parts = self.args.gradient_accumulation_steps
        first = self.taught // parts * parts
        turns = (
            self.turn(first + part, process)
            for part in range(parts)
            for process in range(self.accelerator.num_processes)
        )
        return sum(item.length for items in turns for item in items)
