"""The part of a trainer that heats; with a trainer of verl behind it, it is one (:mod:`conet.verl.register`).

It departs from verl's in five places: what is done after the updates of a step, what workers it makes, how it
begins, and saving and loading a checkpoint.
"""

import json
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from conet.base.errors import ConetError
from conet.base.files import write_atomic
from conet.base.sealed import read_sealed, write_sealed
from conet.base.terminal import tell
from conet.rollouts.pool import Demonstration
from conet.runs.annealing import Annealing
from conet.verl import batches
from conet.verl.heating import Heating
from conet.verl.settings import AnnealedSettings

FOLDER = "conet"  # in a checkpoint of verl, and in the folder of the checkpoints
STATE, POOL, EVENTS = "annealing.json", "pool", "events.jsonl"

if TYPE_CHECKING:

    class Base:
        """What verl's trainer has."""

        config: Any
        actor_rollout_wg: Any
        tokenizer: Any
        train_dataset: Any
        global_steps: int
        total_training_steps: int

        def step(self, metrics: dict[str, Any], timing_raw: dict[str, Any]) -> Any:
            """Make one step."""

        def on_train_begin(self) -> None:
            """Begin."""

        def _save_checkpoint(self) -> None: ...

        def _load_checkpoint(self) -> None: ...

else:
    Base = object


class Annealed(Base):
    """Feeds the schedule after every step, and heats when it says so, before the rollout gets the weights."""

    asked: Mapping[str, Any] = {}  # the section `annealed` of verl's configuration

    @cached_property
    def heating(self) -> Heating:
        """The schedule, which knows how long verl trains once its data are loaded."""
        settings = AnnealedSettings.checked(self.asked)
        completions = int(self.config.actor_rollout_ref.rollout.n)
        return Heating(
            settings,
            self.total_training_steps,
            len(self.train_dataset),
            completions,
            self._place / POOL,
        )

    @property
    def annealing(self) -> Annealing:
        """Phases, pool and events."""
        return self.heating.annealing

    @property
    def _place(self) -> Path:
        return Path(str(self.config.trainer.default_local_dir)) / FOLDER

    def step(self, metrics: dict[str, Any], timing_raw: dict[str, Any]) -> Any:
        """Make verl's step, look at its rollouts, and heat when it is due."""
        batch = super().step(metrics, timing_raw)
        drawn, limit = self.drawn(batch), int(self.config.data.max_response_length)
        metrics.update(self.heating.observe(self.global_steps, drawn, limit, self.ends))
        if self.global_steps >= self.total_training_steps:
            self.heating.finish()
        elif self.heating.advance(self.global_steps):
            self.heat(metrics)
        metrics["conet/heating_updates"] = float(self.heating.done)
        self._write_events()
        return batch

    def heat(self, metrics: dict[str, Any]) -> None:
        """Make the supervised updates of a heating on verl's workers, with their one optimizer."""
        heating, workers, losses = self.heating, self.actor_rollout_wg, []
        chosen = self.annealing.demonstrations
        tell(f"conet: heating after step {self.global_steps}, on {len(chosen)} problems")
        self._write_heat_set()
        while heating.supervised:
            items = heating.next_demonstrations(self.sequences)
            workers.begin_heating(heating.learning_rate(self.global_steps))
            losses.append(self.loss_of(workers.heat(self.batch_of(items))))
            heating.made(self.global_steps, len(items))
        workers.end_heating(heating.settings.heating.clear_momentum)
        metrics["conet/heat_problems"] = float(len(chosen))
        metrics |= {"conet/heat_loss_first": losses[0], "conet/heat_loss_last": losses[-1]}

    # What is asked of verl; stand-ins answer these themselves.

    def drawn(self, batch: Any) -> list[batches.Drawn]:
        """Return the rollouts of a step."""
        return batches.drawn(batch)

    def batch_of(self, items: list[Demonstration]) -> Any:
        """Return the batch of a supervised update."""
        return batches.supervised(items, self.rows_multiple)

    def loss_of(self, output: Any) -> float:
        """Return the loss that the workers report."""
        from verl.utils import tensordict_utils as tu

        return float(tu.get(output, "metrics")["loss"])

    @property
    def ends(self) -> list[int]:
        """Tokens that end a completion."""
        found = self.tokenizer.eos_token_id
        return list(found) if isinstance(found, list | tuple) else [found]

    @property
    def sequences(self) -> int:
        """Sequences of one update: as many as one of verl's has."""
        asked = self.config.actor_rollout_ref
        return int(asked.actor.ppo_mini_batch_size) * int(asked.rollout.n)

    @property
    def rows_multiple(self) -> int:
        """Processes times the rows of a micro-batch: what verl divides a batch by."""
        workers, actor = self.actor_rollout_wg, self.config.actor_rollout_ref.actor
        if "actor" not in workers._dispatch_info:
            workers._dispatch_info["actor"] = workers._query_dispatch_info("actor")
        processes = max(workers._dispatch_info["actor"]) + 1
        return processes if actor.use_dynamic_bsz else processes * int(actor.ppo_micro_batch_size_per_gpu)

    # Beginning, checkpoints, and what is written.

    def on_train_begin(self) -> None:
        """Begin the first phase, unless a checkpoint says which one it is."""
        super().on_train_begin()
        if not self.annealing.events:
            self.heating.begin()
        self._write_events()

    def _save_checkpoint(self) -> None:
        """Save the schedule first: verl then notes the step, and a checkpoint that it names is whole."""
        trainer = self.config.trainer
        folder = Path(str(trainer.default_local_dir)) / f"global_step_{self.global_steps}" / FOLDER
        folder.mkdir(parents=True, exist_ok=True)
        self.heating.store.save(folder / POOL)
        write_sealed(folder / STATE, self.heating.state())
        super()._save_checkpoint()

    def _load_checkpoint(self) -> None:
        """Load the schedule that lies beside the checkpoint which verl loads."""
        super()._load_checkpoint()
        if not self.global_steps:
            return
        folder = self._resumed_from() / FOLDER
        if not (folder / STATE).exists():
            tell(f"conet: no {STATE} in {folder}: the detector begins anew, at step {self.global_steps}")
            return
        remedy = "resume from an earlier checkpoint: trainer.resume_mode=resume_path"
        self.heating.load(read_sealed(folder / STATE, remedy), self.global_steps)
        self.heating.store.load(folder / POOL)

    def _resumed_from(self) -> Path:
        """Return the checkpoint that verl has loaded."""
        trainer = self.config.trainer
        if trainer.resume_mode == "resume_path":
            return Path(str(trainer.resume_from_path))
        return Path(str(trainer.default_local_dir)) / f"global_step_{self.global_steps}"

    def _write_events(self) -> None:
        self._place.mkdir(parents=True, exist_ok=True)
        lines = [json.dumps(event) + "\n" for event in self.annealing.events]
        write_atomic(self._place / EVENTS, "".join(lines))

    def _write_heat_set(self) -> None:
        """Write what is learned from, before it is used: token ids, and the text."""
        self._place.mkdir(parents=True, exist_ok=True)
        lines = []
        for item in self.annealing.demonstrations:
            row = {
                "problem": item.problem,
                "accuracy": item.correct_count / item.samples,
                "samples": item.samples,
                "step": item.step,
                "length": item.length,
                "prompt_ids": item.prompt,
                "completion_ids": item.tokens,
                "completion": self.tokenizer.decode(item.tokens),
            }
            lines.append(json.dumps(row, ensure_ascii=False) + "\n")
        write_atomic(self._place / f"heat-{self.global_steps}.jsonl", "".join(lines))


def section_of(config: Any) -> Mapping[str, Any]:
    """Return the section ``trainer.v1.annealed`` of verl's configuration as plain values.

    Raises
    ------
    ConetError
        Where it is no section.
    """
    from omegaconf import OmegaConf

    found = OmegaConf.select(config, "trainer.v1.annealed")
    plain = {} if found is None else OmegaConf.to_container(found, resolve=True)
    if not isinstance(plain, Mapping):
        raise ConetError(
            f"trainer.v1.annealed={plain!r}", "a section", "+trainer.v1.annealed.heating.steps=30"
        )
    return plain
