"""Heating on verl's own worker and in its own trainer class, as far as a CPU goes.

    python verification/verl_worker.py        # two minutes; in an environment with verl 0.9.1 (verification/README.md)

The worker is verl's ``TrainingWorker`` with FSDP 2, on one process and on two; the twin is plain PyTorch. The
trainer is verl's ``PPOTrainerSync`` with ours in front, its workers in this process, its queue a dictionary.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from verl_cpu import RATE, model_folder, use_cpu, weights_of, worker_of

from conet.rollouts.pool import Demonstration
from conet.verl.batches import supervised

PROMPTS = [[1, 2, 3], [4, 5]]
ANSWERS = [[6, 7, 8, 9], [10, 11]]
CHOSEN = {"step": 0, "correct_count": 1, "samples": 16}
DEMONSTRATIONS = [
    Demonstration(0, [12, 13, 14], prompt=[1, 2, 3], **CHOSEN),
    Demonstration(1, [15, 16, 17, 18], prompt=[4, 5], own=[1, 0, 0, 1], **CHOSEN),
]
HEAT = 5e-3


def nested(rows: list[list[Any]], kind: torch.dtype = torch.int64) -> torch.Tensor:
    return torch.nested.as_nested_tensor([torch.tensor(row, dtype=kind) for row in rows], layout=torch.jagged)


def rollouts(scores: list[float], old: list[list[float]]) -> Any:
    """Return what verl's actor is updated with."""
    from verl.utils import tensordict_utils as tu

    whole = [[*asked, *answer] for asked, answer in zip(PROMPTS, ANSWERS)]
    mask = nested([[1] * len(answer) for answer in ANSWERS])
    tensors = {
        "prompts": nested(PROMPTS),
        "responses": nested(ANSWERS),
        "input_ids": nested(whole),
        "position_ids": nested([list(range(len(row))) for row in whole]),
        "response_mask": mask,
        "loss_mask": mask.clone(),
        "old_log_probs": nested(old, torch.float32),
        "advantages": nested(
            [[score] * len(answer) for score, answer in zip(scores, ANSWERS)], torch.float32
        ),
    }
    plain = {
        "temperature": 1.0,
        "global_batch_size": 2,
        "calculate_entropy": False,
        "update_lr_scheduler": True,
    }
    return tu.get_tensordict(tensors, plain)


def set_ppo(worker: Any) -> Any:
    """Give a worker verl's own loss."""
    from verl.workers.config import FSDPActorConfig
    from verl.workers.utils.losses import ppo_loss

    config = FSDPActorConfig(
        strategy="fsdp2", rollout_n=1, ppo_micro_batch_size_per_gpu=1, ppo_mini_batch_size=2
    )
    loss = partial(ppo_loss, config=config)
    worker.set_loss_fn(loss)
    return loss


class Twin:
    """The same updates in plain PyTorch: one model, one AdamW."""

    def __init__(self, folder: str) -> None:
        from transformers import AutoModelForCausalLM

        self.model = AutoModelForCausalLM.from_pretrained(folder)
        self.optimizer = torch.optim.AdamW(
            self.model.parameters(), lr=RATE, betas=(0.9, 0.999), weight_decay=0.01
        )

    def log_probs(self, asked: Any, answer: Any) -> torch.Tensor:
        ids = torch.tensor([[*asked, *answer]])
        found = self.model(ids).logits[0, len(asked) - 1 : -1].log_softmax(-1)
        return found.gather(1, torch.tensor(answer)[:, None])[:, 0]

    def old(self) -> list[list[float]]:
        with torch.no_grad():
            return [self.log_probs(*pair).tolist() for pair in zip(PROMPTS, ANSWERS)]

    def step(self, loss: torch.Tensor, rate: float) -> None:
        self.optimizer.param_groups[0]["lr"] = rate
        self.optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()

    def ppo(self, scores: list[float]) -> None:
        found = [self.log_probs(*pair) for pair in zip(PROMPTS, ANSWERS)]
        parts = [-score * (one - one.detach()).exp().sum() for score, one in zip(scores, found)]
        self.step(torch.stack(parts).sum() / sum(map(len, ANSWERS)), RATE)

    def sft(self) -> None:
        parts = [
            (self.log_probs(one.prompt, one.tokens) * torch.tensor(one.own or 1)).sum()
            for one in DEMONSTRATIONS
        ]
        self.step(-torch.stack(parts).sum() / sum(one.length for one in DEMONSTRATIONS), HEAT)

    def cool(self) -> None:
        for state in self.optimizer.state.values():
            state["exp_avg"].zero_()

    @property
    def weights(self) -> torch.Tensor:
        return torch.cat([one.detach().flatten() for one in self.model.parameters()])


def share(data: Any) -> Any:
    """Return this process's share of a batch."""
    from verl.utils import tensordict_utils as tu

    return tu.chunk_tensordict(data, dist.get_world_size())[dist.get_rank()]


def worker_agrees() -> str:
    """ppo, sft, sft, ppo with one optimizer: the weights are the twin's but for rounding."""
    from conet.verl import worker as calls

    folder = os.environ.get("CONET_MODEL") or model_folder()
    worker, twin = worker_of(folder), Twin(folder)
    loss, optimizer = set_ppo(worker), worker.engine.optimizer
    assert (weights_of(worker) - twin.weights).abs().max() == 0
    steps = worker.engine.lr_scheduler.last_epoch
    gaps = []
    for scores in ([1.0, -0.5], None, None, [0.5, 1.0]):
        if scores is not None:
            worker.train_batch(share(rollouts(scores, twin.old())))
            twin.ppo(scores)
        else:
            calls.begin(worker, HEAT)
            calls.update(worker, share(supervised(DEMONSTRATIONS, 4)))  # two rows without a loss among them
            twin.sft()
            if len(gaps) == 2:
                second = [state["exp_avg_sq"].clone() for state in optimizer.state.values()]
                cleared = calls.end(worker, clear=True)
                twin.cool()
                assert cleared == len(optimizer.state)
                assert worker.loss_fn is loss
                assert [group["lr"] for group in optimizer.param_groups] == [RATE]
                kept = zip(second, (state["exp_avg_sq"] for state in optimizer.state.values()), strict=True)
                assert all(bool((one == two).all()) for one, two in kept)
        gaps.append(float((weights_of(worker) - twin.weights).abs().max()))
    assert worker.engine.lr_scheduler.last_epoch == steps + 2  # of ppo alone
    moved = float((weights_of(worker) - weights_of(worker_of(folder))).abs().max())
    assert max(gaps) < 1e-5 * max(1.0, moved), gaps
    return f"largest difference of a weight {max(gaps):.1e}, while weights moved by up to {moved:.1e}"


def two_processes_agree() -> str:
    """The same on two processes: the mean is over the tokens of both."""
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2", "--master_port", "0"]
    command = [part for part in command if part not in ("--master_port", "0")] + ["--standalone"]
    alone = {name: value for name, value in os.environ.items() if name not in RENDEZVOUS}
    asked = alone | {"CONET_MODEL": model_folder(), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*command, __file__, "--rank"], env=asked, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return next(line for line in done.stdout.splitlines() if "difference" in line)


RENDEZVOUS = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT", "REDIS_STORE_SERVER_HOST")


def verl_knows_it() -> str:
    """By the environment variable alone verl knows the trainer, with its own configuration and our section."""
    code = Path(__file__).with_name("verl_configured.py")
    asked = os.environ | {"VERL_USE_EXTERNAL_MODULES": "conet.verl.register"}
    done = subprocess.run([sys.executable, str(code)], env=asked, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.splitlines()[-1]


def batches_divide() -> str:
    """verl divides our batch among workers, whatever its size, and joins what they report."""
    from verl.single_controller.base.decorator import (
        _concat_data_proto_or_future,
        _split_args_kwargs_data_proto,
    )
    from verl.utils import tensordict_utils as tu

    for count in (1, 2, 3, 5):
        items = (DEMONSTRATIONS * 3)[:count]
        (shares,), _ = _split_args_kwargs_data_proto(2, supervised(items, 2))
        assert len({len(one) for one in shares}) == 1
        assert all(tu.get(one, "temperature") == 1.0 for one in shares)
        learned = sum(int(one["loss_mask"].values().sum()) for one in shares)
        assert learned == sum(one.length for one in items)
    reports = [tu.get_tensordict({}, {"metrics": {"loss": 1.5}}) for _ in range(2)]
    assert tu.get(_concat_data_proto_or_future(reports), "metrics") == {"loss": 1.5}
    return "1, 2, 3 and 5 demonstrations over two workers"


def sft_reads_what_heat_writes() -> str:
    """verl's SFT data set reads our Parquet, and learns the answer alone, its reasoning included."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast
    from verl.utils.dataset.multiturn_sft_dataset import MultiTurnSFTDataset

    from conet.diagnosis.heat_files import as_target, file_content

    keeps = "{% for m in messages %}<{{ m.role }}> {{ m.content }} <end> {% endfor %}"
    deletes = keeps.replace("m.content", "m.content.split('</think>')[-1]")
    words = ["<unk>", "<user>", "<assistant>", "<end>", "2+2", "<think>", "sum", "</think>", "four"]
    inner = Tokenizer(models.WordLevel({word: place for place, word in enumerate(words)}, unk_token="<unk>"))
    inner.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    row = {
        "messages": [{"role": "user", "content": "2+2"}, {"role": "assistant", "content": ANSWER}]
    } | EVIDENCE
    rows, _ = as_target([row], "verl", None)
    file = Path(tempfile.mkdtemp()) / "heat.parquet"
    file.write_bytes(file_content(rows, "verl"))
    read = {}
    for name, template in (("keeps", keeps), ("deletes", deletes)):
        tokenizer = PreTrainedTokenizerFast(tokenizer_object=inner, chat_template=template, pad_token="<unk>")
        data = MultiTurnSFTDataset(str(file), tokenizer, {"pad_mode": "no_padding"})
        one = data[0]
        learned = one["input_ids"][one["loss_mask"] == 1].tolist()
        read[name] = [words[place] for place in learned if place]
    assert "sum" in read["keeps"]
    assert "2+2" not in read["keeps"]
    assert "sum" not in read["deletes"]  # which is what `conet heat --tokenizer` refuses
    return f"learned: {' '.join(read['keeps'])}; by a template that deletes: {' '.join(read['deletes'])}"


ANSWER = "<think> sum </think> four"
EVIDENCE = {
    **{"problem": "2+2", "accuracy": 0.05, "correct": 1, "correct_count": 1, "samples": 20},
    **{"first_step": 1, "last_step": 2, "step": 2, "length": 4},
}


def trainer_resumes() -> str:
    """verl's trainer with ours in front: killed behind the heating or before it, the weights are the same."""
    from verl_trainer import trained

    place = Path(tempfile.mkdtemp())
    folder = model_folder()
    whole, events = trained(place / "whole", folder, steps=6)
    for stop in (2, 4):  # the heating comes after step 3
        shutil.rmtree(place / "parts", ignore_errors=True)
        trained(place / "parts", folder, steps=6, stop=stop + 1)
        again, found = trained(place / "parts", folder, steps=6)
        assert found == events
        assert torch.equal(again, whole), float((again - whole).abs().max())
    names = [event["event"] for event in events]
    assert names.count("heating_started") == 1
    return f"weights bit for bit; events {json.dumps(names)}"


CHECKS: tuple[Callable[[], str], ...] = (
    *(verl_knows_it, worker_agrees, two_processes_agree, batches_divide),
    *(sft_reads_what_heat_writes, trainer_resumes),
)


def main() -> None:
    """Run all checks; the exit code says whether they hold."""
    use_cpu()
    if "--rank" in sys.argv:
        said = worker_agrees()
        if dist.get_rank() == 0:
            print(said)
        return
    for check in CHECKS:
        print(f"{check.__name__}: {check()}", flush=True)


if __name__ == "__main__":
    main()
