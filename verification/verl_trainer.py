"""verl's trainer class with ours in front, its workers in this process and its queue a dictionary."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from omegaconf import OmegaConf
from verl_cpu import weights_of, worker_of

END = 63
ASKED = {
    "heating": {"mode": "heat_at", "step": 3, "steps": 3, "min_samples": 16, "learning_rate": 1e-2},
}


class Group:
    """Stands for verl's group of workers: one, here, and called directly."""

    def __init__(self, worker: Any) -> None:
        self.worker = worker
        self._dispatch_info = {"actor": [0]}

    def begin_heating(self, rate: float) -> None:
        from conet.verl.worker import begin

        begin(self.worker, rate)

    def heat(self, data: Any) -> Any:
        from conet.verl.worker import update

        return update(self.worker, data)

    def end_heating(self, clear: bool) -> None:
        from conet.verl.worker import end

        end(self.worker, clear)

    def save_checkpoint(self, path: str, remote: Any, step: int, max_ckpt_to_keep: Any = None) -> None:
        self.worker.save_checkpoint(path, remote, step, max_ckpt_to_keep)

    def load_checkpoint(self, local_path: str, del_local_after_load: bool = False) -> None:
        self.worker.load_checkpoint(local_path, None, del_local_after_load)


def config_of(place: Path) -> Any:
    """Return the part of verl's configuration that its trainer asks for in what is called here."""
    trainer = {
        "default_local_dir": str(place),
        "default_hdfs_dir": None,
        "resume_mode": "auto",
        "del_local_ckpt_after_load": False,
        "v1": {"trainer_mode": "annealed", "annealed": ASKED},
    }
    actor = {"ppo_mini_batch_size": 2, "use_dynamic_bsz": False, "ppo_micro_batch_size_per_gpu": 1}
    return OmegaConf.create(
        {
            "trainer": trainer,
            "data": {"max_response_length": 8},
            "actor_rollout_ref": {"actor": actor, "rollout": {"n": 8}},
        }
    )


class Queue:
    """Stands for verl's queue: rows by key, read as nested tensors."""

    def __init__(self) -> None:
        self.rows: dict[str, dict[str, Any]] = {}

    def kv_batch_get(self, keys: list[str], partition_id: str, select_fields: list[str]) -> dict[str, Any]:
        def column(name: str) -> torch.Tensor:
            return torch.nested.as_nested_tensor([self.rows[key][name] for key in keys], layout=torch.jagged)

        return {name: column(name) for name in select_fields}

    def put(self, step: int) -> Any:
        """Put in a step's rollouts: one right of sixteen for each of two problems, and a padding row."""
        self.rows = {}
        for problem in (1, 2):
            for sample in range(16):
                right = sample == step % 16
                answer = [10 + problem, 20 + step, END] if right else [30 + sample, END]
                scores = torch.zeros(len(answer))
                scores[-1] = float(right)
                self.rows[f"p{problem}_{sample}_0"] = {
                    "prompts": torch.tensor([problem, 5]),
                    "responses": torch.tensor(answer),
                    "response_mask": torch.ones(len(answer), dtype=torch.int64),
                    "rm_scores": scores,
                }
        keys = list(self.rows)
        tags = [{"is_padding": False} for _ in keys]
        self.rows["p1_0_0"]["rm_scores"] = self.rows["p1_0_0"]["rm_scores"].float()
        return SimpleNamespace(
            keys=[*keys, keys[0]], tags=[*tags, {"is_padding": True}], partition_id="train"
        )


def trainer_of(place: Path, folder: str, steps: int) -> Any:
    """Return verl's trainer as it stands after its set-up, with the last checkpoint loaded by its own code."""
    from verl.trainer.ppo.checkpoint_callback import CheckpointCallback
    from verl.trainer.ppo.v1 import get_trainer_cls
    from verl_worker import rollouts, set_ppo

    import conet.verl.register
    from conet.verl.trainer import section_of

    kind = get_trainer_cls("annealed")
    assert kind is conet.verl.register.AnnealedTrainer
    found = kind.__new__(kind)  # its __init__ would ask for ray
    found.config, found.asked = config_of(place), section_of(config_of(place))
    worker = worker_of(folder)
    set_ppo(worker)
    found.actor_rollout_wg, found.total_training_steps = Group(worker), steps
    found.train_dataset, found.use_critic, found.trainer_mode = range(2), False, "sync"
    found.checkpoint_callback = CheckpointCallback()
    found.train_dataloader = SimpleNamespace(state_dict=dict, load_state_dict=lambda state: None)
    found.tokenizer = SimpleNamespace(eos_token_id=END, decode=str)
    queue = Queue()

    def one_update(metrics: dict[str, Any], timing_raw: dict[str, Any]) -> Any:
        scores = [1.0, -1.0 / found.global_steps]
        worker.train_batch(rollouts(scores, [[-4.0] * 4, [-4.0] * 2]))
        return queue.put(found.global_steps)

    found.queue, found.one_update = queue, one_update
    found._load_checkpoint()
    return found


def trained(place: Path, folder: str, steps: int, stop: int | None = None) -> tuple[torch.Tensor, list[Any]]:
    """Train, to the end or to where it is killed; return weights and events."""
    import transfer_queue
    from verl.trainer.ppo.v1.trainer_base import PPOTrainer

    trainer = trainer_of(place, folder, steps)
    own, transfer_queue.kv_batch_get = transfer_queue.kv_batch_get, trainer.queue.kv_batch_get
    step, PPOTrainer.step = PPOTrainer.step, lambda self, metrics, timing: self.one_update(metrics, timing)
    try:
        trainer.on_train_begin()
        for number in range(trainer.global_steps + 1, steps + 1):
            if number == stop:
                break
            trainer.global_steps = number
            metrics: dict[str, Any] = {}
            trainer.step(metrics, {})
            assert metrics["conet/accuracy"] == 2 / 32
            if number % 2 == 0:
                trainer._save_checkpoint()
    finally:
        transfer_queue.kv_batch_get, PPOTrainer.step = own, step
    lines = (place / "conet/events.jsonl").read_text().splitlines()
    return weights_of(trainer.actor_rollout_wg.worker), [json.loads(line) for line in lines]
