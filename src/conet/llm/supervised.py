"""How a trainer of TRL learns from demonstrations: which, where they come from, and as what batches."""

from typing import Any

from accelerate.utils import gather_object

from conet.llm import heat_set
from conet.rollouts.pool import Demonstration, Pool, Rollout
from conet.runs.annealing import Annealing
from conet.runs.recorder import Recorder


class Supervised:
    """The part of :class:`conet.llm.trainer.AnnealedTrainer` that learns from demonstrations."""

    annealing: Annealing
    taught: int
    accelerator: Any
    args: Any
    cut_off: Any
    judge: Any
    num_generations: int
    problems: Any
    recorder: Recorder | None
    keep: Any
    show: Any
    state: Any
    train_dataset: Any
    _generate_single_turn: Any
    _tokenize_prompts: Any
    _tokenizer: Any

    def prepare(self, index: int) -> list[int] | None:
        """Choose what a phase learns from, and write it to disk; None where it learns from rollouts."""
        phase, step = self.annealing.tracker.phases[index], self.state.global_step
        if phase.learner != "sft":
            self.annealing.demonstrations = []
            return None
        settings = self.annealing.settings
        hard, random = phase.heats, phase.demonstrations == "random"
        pool = self.harvest(step) if settings.harvest_samples else self.annealing.pool
        pick = settings.pick if hard else "first" if random else "shortest"
        found = pool.demonstrations(
            settings.max_accuracy if hard else float("inf"),
            settings.min_samples,
            "shortest" if pick == "solution" else pick,
        )
        if pick == "solution":
            found = [self.reference(item) for item in found]
        if found:
            if self.recorder is not None:
                self.recorder.write("heat.jsonl", "".join(map(self.heat_line, found)).encode())
            self.annealing.demonstrations, self.taught = found, 0
        return [item.problem for item in found]

    def reference(self, item: Demonstration) -> Demonstration:
        """Put the data's own solution in the place of a sampled one, where there is one."""
        worked = self.problems[item.problem].solution
        if worked is None:
            return item
        ids = [*self._tokenizer(worked, add_special_tokens=False)["input_ids"], self._tokenizer.eos_token_id]
        return Demonstration(item.problem, ids, -1, item.correct_count, item.samples)

    def heat_line(self, item: Demonstration) -> str:
        """One line of the heat set on disk, in the chat format that trainers read."""
        text = self._tokenizer.decode(item.tokens, skip_special_tokens=True)
        prompt = self.train_dataset[item.problem]["prompt"]
        return heat_set.line(item, self.problems[item.problem], prompt, text)

    def harvest(self, step: int) -> Pool:
        """Draw ``harvest_samples`` a problem from the policy as it is; every process does its share."""
        rank, processes = self.accelerator.process_index, self.accelerator.num_processes
        mine = self.problems[rank::processes]
        repeats = -(-self.annealing.settings.harvest_samples // self.num_generations)
        numbers = [problem.number for problem in mine for _ in range(repeats)]
        batch = self.args.per_device_train_batch_size * self.args.steps_per_generation
        most = max(1, batch // self.num_generations)
        drawn: list[tuple[int, list[int], str, float]] = []
        # Every process makes the same number of calls, also where its share is smaller.
        calls = -(-(-(-len(self.problems) // processes) * repeats) // most)
        for call in range(calls):
            part = numbers[call * most : (call + 1) * most] or numbers[:1]
            drawn += self.sample(part, counts=call * most < len(numbers))
            self.show("harvest", call + 1, calls, "")
        rollouts = [
            Rollout(number, reward, ids, text, self.cut_off(ids))
            for number, ids, text, reward in gather_object(drawn)
        ]
        rollouts.sort(key=lambda rollout: rollout.problem)
        self.keep(step, rollouts, split="harvest")
        pool = Pool(1)
        pool.add(step, rollouts)
        return pool

    def sample(self, numbers: list[int], counts: bool = True) -> list[tuple[int, list[int], str, float]]:
        """Draw a group of completions for each numbered problem and judge them."""
        repeated = [number for number in numbers for _ in range(self.num_generations)]
        prompts = [self.train_dataset[number]["prompt"] for number in repeated]
        prompt_ids, _, _ = self._tokenize_prompts(prompts)
        ids, _ = self._generate_single_turn(prompt_ids, None, {}, self.num_generations)
        if not counts:
            return []
        texts = self._tokenizer.batch_decode(ids, skip_special_tokens=True)
        answers = [self.problems[number].answer for number in repeated]
        verdicts = self.judge.judge(list(zip(texts, answers)))
        rewards = [verdict.reward for verdict in verdicts]
        return list(zip(repeated, ids, texts, rewards))

    def heat_batch(self) -> dict[str, Any]:
        """Return the next micro-batch of demonstrations, and how many tokens the whole update learns from."""
        items, tokens = self.turn(self.taught, self.accelerator.process_index), self.tokens_of_update()
        self.taught += 1
        prompts, _, _ = self._tokenize_prompts([self.train_dataset[item.problem]["prompt"] for item in items])
        completions = [item.tokens for item in items]
        found = heat_set.batch(prompts, completions, self._tokenizer.pad_token_id, self.accelerator.device)
        return {**found, "tokens": tokens}

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
        return sum(len(item.tokens) for items in turns for item in items)
