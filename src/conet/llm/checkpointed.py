"""How an annealed trainer begins, and what it keeps in checkpoints."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from conet.llm import checkpoints
from conet.llm.drift import Drift
from conet.llm.own_script import AnnealingSettings, annealing_of
from conet.rollouts.token_store import Elsewhere, OnDisk
from conet.runs.annealing import Annealing
from conet.runs.live import Live

if TYPE_CHECKING:
    from trl import GRPOTrainer
else:
    GRPOTrainer = object

POOL = "pool"  # folder of the rollouts that may be learned from, beside the checkpoints and in each


class Checkpointed(GRPOTrainer):
    """The part of :class:`conet.llm.mixin.AnnealingMixin` that begins, saves and goes on."""

    annealing: Annealing
    annealing_settings: AnnealingSettings | None
    drift: Drift
    live: Live
    loaded: dict[str, Any] | None
    monitor_seconds: float
    prepare: Any
    say: Any
    taught: int
    _buffered_inputs: Any
    tell: Any
    told_events: int

    @property
    def store(self) -> OnDisk | Elsewhere:
        """Where the tokens of solutions lie: beside the checkpoints, kept by the first process."""
        if not self.is_world_process_zero():
            return Elsewhere()
        return OnDisk(Path(self.args.output_dir) / POOL)

    def begin(self) -> None:
        """Begin the first phase, or go on in that of a checkpoint."""
        if self.annealing_settings is not None:
            self.annealing = annealing_of(self, self.annealing_settings)
        self.live.max_accuracy = self.annealing.settings.max_accuracy
        if "entropy" in self.annealing.tracker.option_names:
            self._entropy_bonus_enabled = True  # TRL looks once, and the weight may be 0 at first
        if self.loaded is not None:
            self.annealing.load(self.loaded, self.state.global_step)
            if "live" in self.loaded:  # not in checkpoints of earlier versions
                self.live.load(self.loaded["live"])
                self.drift.before = self.loaded["before_heating"]
            self.told_events = len(self.annealing.events)
            self.loaded = None
        else:
            store = self.store
            if isinstance(store, OnDisk):
                store.clear()
            self.annealing.tracker.begin(self.prepare)
        self.tell()

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        super()._save_checkpoint(model, trial)
        if self._step % (self.args.steps_per_generation * self.num_iterations):
            torch.save(self._buffered_inputs, self._generation_file(self._folder()))
        self.accelerator.wait_for_everyone()  # each process writes files of its own
        if self.is_world_process_zero():
            begun = time.perf_counter()
            folder = self._folder()
            store = self.annealing.pool.store
            if isinstance(store, OnDisk):
                store.save(folder / POOL)
            checkpoints.write_state(folder, self.checkpoint_state())
            self.monitor_seconds += time.perf_counter() - begun

    def _folder(self) -> Path:
        return Path(self.args.output_dir) / f"checkpoint-{self.state.global_step}"

    def _generation_file(self, folder: Path) -> Path:
        """Return where the completions of this process lie that further updates are to learn from."""
        return folder / f"generation-{self.accelerator.process_index}.pt"

    def checkpoint_state(self) -> dict[str, Any]:
        """Return what a checkpoint keeps of the annealing, as JSON values."""
        own = {"micro_step": self._step, "taught": self.taught, "live": self.live.state()}
        own |= {"generation": self.args.steps_per_generation * self.num_iterations}
        own |= {"micro_batches": self.args.gradient_accumulation_steps}  # of an update
        own |= {"processes": self.accelerator.num_processes}
        return self.annealing.state() | own | {"before_heating": self.drift.before}

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        super()._load_optimizer_and_scheduler(checkpoint)
        if checkpoint is None:
            return
        folder = Path(checkpoint)
        if not (folder / checkpoints.STATE).exists():
            self.say(f"{checkpoint} was written without annealing, which begins here")
            return
        self.loaded = checkpoints.read_state(folder)
        every = self.args.steps_per_generation * self.num_iterations
        before = self.loaded.get("generation", every)  # micro-steps; batches may have been divided otherwise
        self._step = self.loaded["micro_step"] * every // before
        parts = self.args.gradient_accumulation_steps
        self.taught = self.loaded["taught"] * parts // self.loaded.get("micro_batches", parts)
        drawn = self._generation_file(folder)
        # Where others would have none, all draw anew: they draw together, or wait for one another for ever.
        same = (before, self.loaded.get("micro_batches")) == (every, parts)
        if same and self.loaded.get("processes") == self.accelerator.num_processes and drawn.exists():
            self._buffered_inputs = torch.load(drawn, map_location=self.accelerator.device, weights_only=True)
        store = self.store
        if isinstance(store, OnDisk):
            store.load(folder / POOL)
