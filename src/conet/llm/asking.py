"""Which problems an annealed trainer asks, and by which numbers it knows them."""

import hashlib
import json
from typing import Any

from datasets import Dataset
from trl import GRPOTrainer

from conet.llm.curriculum import curriculum, epoch
from conet.rollouts.pool import Demonstration
from conet.runs.annealing import Annealing


class Asking:
    """The part of :class:`conet.llm.mixin.AnnealingMixin` that chooses problems.

    TRL's data loader goes on with every step, also with those of a heating. Where its order is TRL's own, the
    problems of a generation follow from its number, so that heating uses none up. A data loader of the user's
    own, and a stream, are left as they are.
    """

    accelerator: Any
    annealing: Annealing
    args: Any
    num_generations: int
    state: Any
    train_dataset: Any
    environment_factories: Any
    _tokenizer: Any

    asked: list[int] | None = None  # problems of the batch that is being drawn
    known: dict[str, int] | None = None  # problem by prompt, where we do not choose

    @property
    def chooses(self) -> bool:
        """Whether the problems of a generation follow from its number."""
        own = type(self)
        names = ("_get_train_sampler", "get_train_dataloader")
        usual = all(getattr(own, name, None) is getattr(GRPOTrainer, name) for name in names)
        return usual and isinstance(self.train_dataset, Dataset)

    def chosen(self, batch: list[dict[str, Any]], generation: int) -> list[dict[str, Any]]:
        """Put the problems of a generation in the place of those that the data loader drew."""
        self.asked = None
        if not self.chooses:
            return batch
        problems, size = len(self.train_dataset), len(batch)
        places = size * self.accelerator.num_processes // self.num_generations
        allowed = self.annealing.tracker.problems(self.state.global_step, problems)
        if allowed is None:
            order = epoch(problems, places, generation, self.args.seed, bool(self.args.shuffle_dataset))
        else:
            order = list(curriculum(list(range(places)), allowed, self.args.seed, generation).values())
        first = size * self.accelerator.process_index
        self.asked = [order[(first + row) // self.num_generations] for row in range(size)]
        return [self.train_dataset[number] for number in self.asked]

    def numbers_of(self, rows: list[dict[str, Any]]) -> list[int]:
        """Return the problems of the rows that are being judged: places in the data; a hash in a stream."""
        if self.asked is not None:
            return self.asked
        if not isinstance(self.train_dataset, Dataset):
            return [number_of(row["prompt"]) for row in rows]
        keys = [_key(row["prompt"]) for row in rows]
        if self.known is None:
            self.known = {}
            for number, prompt in enumerate(self.train_dataset["prompt"]):
                self.known.setdefault(_key(prompt), number)
        return [self.known[key] for key in keys]

    def prompt_of(self, item: Demonstration) -> Any:
        """Return the prompt of a demonstration, as text or messages."""
        if isinstance(self.train_dataset, Dataset) and self.environment_factories is None:
            return self.train_dataset[item.problem]["prompt"]
        return self._tokenizer.decode(item.prompt)

    def solution_of(self, number: int) -> str | None:
        """Return a worked solution, from the column ``solution`` of the data; None where there is none."""
        return self.train_dataset[number].get("solution") if isinstance(self.train_dataset, Dataset) else None


def number_of(prompt: Any) -> int:
    """Return a number of 48 bits by which a prompt is known that has no place in a list; always the same.

    Parameters
    ----------
    prompt
        A text, messages, or a list of token ids.
    """
    return int.from_bytes(hashlib.sha256(_key(prompt).encode()).digest()[:6], "big")


def _key(prompt: Any) -> str:
    return prompt if isinstance(prompt, str) else json.dumps(prompt, sort_keys=True)
