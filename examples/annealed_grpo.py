"""Annealing in a script of one's own: your model, rewards, LoRA and evaluation, with heating inside.

    $ python examples/annealed_grpo.py --steps 40 --out runs/annealed-grpo

The same call after a kill goes on from the last checkpoint. With `torchrun --nproc_per_node 2` before its
name it trains with two processes. A small random model on a CPU stands for yours: it shows how the parts go
together, and learns little.
"""

import argparse
import asyncio
import random
from pathlib import Path

from datasets import Dataset
from peft import LoraConfig
from transformers import AutoModelForCausalLM, LlamaConfig, set_seed
from transformers.trainer_utils import get_last_checkpoint
from trl import GRPOConfig, GRPOTrainer

from conet.llm.mixin import AnnealingMixin
from conet.llm.models import characters


class Trainer(AnnealingMixin, GRPOTrainer):
    """Your trainer: everything else of it stays."""


def right(completions: list[str], answer: list[str], **_: object) -> list[float]:
    """Whether the completion begins with the answer."""
    return [float(text.startswith(gold)) for text, gold in zip(completions, answer)]


async def short(completions: list[str], answer: list[str], **_: object) -> list[float | None]:
    """How short a right completion is, from 0 to 1; of a wrong one nothing can be said."""
    await asyncio.sleep(0)
    return [1.0 - len(text) / 4 if text.startswith(gold) else None for text, gold in zip(completions, answer)]


def sums(count: int, seed: int) -> Dataset:
    """Sums of two digits, and the digit that they end with."""
    draw = random.Random(seed)
    pairs = [(draw.randrange(10), draw.randrange(10)) for _ in range(count)]
    rows = {"prompt": [f"{a}+{b}=" for a, b in pairs], "answer": [str((a + b) % 10) for a, b in pairs]}
    return Dataset.from_dict(rows)


def model_and_tokenizer() -> tuple[AutoModelForCausalLM, object]:
    """Return a random model of 13 characters."""
    tokenizer = characters("0123456789+=")
    ends = {
        "pad_token_id": tokenizer.pad_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "bos_token_id": None,
    }
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 2}
    set_seed(0)
    config = LlamaConfig(vocab_size=len(tokenizer), max_position_embeddings=64, **sizes, **ends)
    return AutoModelForCausalLM.from_config(config), tokenizer


def main() -> None:
    """Train, or go on."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--out", type=Path, default=Path("runs/annealed-grpo"))
    given = parser.parse_args()
    model, tokenizer = model_and_tokenizer()
    trainer = Trainer(
        model=model,
        processing_class=tokenizer,
        reward_funcs=[right, short],
        train_dataset=sums(16, seed=0),
        eval_dataset=sums(4, seed=1),
        peft_config=LoraConfig(r=4, target_modules=["q_proj", "v_proj"]),
        args=GRPOConfig(
            output_dir=str(given.out),
            max_steps=given.steps,
            per_device_train_batch_size=8,
            per_device_eval_batch_size=8,
            gradient_accumulation_steps=2,
            num_generations=8,
            max_completion_length=4,
            reward_weights=[1.0, 0.1],
            learning_rate=1e-3,
            eval_strategy="steps",
            eval_steps=4,
            save_steps=2,
            logging_steps=1,
            bf16=False,
            use_cpu=True,
            disable_tqdm=True,
            report_to="none",
        ),
        # When and on what to heat. Correct is what `right` says, whatever `short` adds to the reward.
        annealing={
            "correct_by": "right",
            "mode": "heat_at",
            "step": 3,
            "steps": 3,
            "learning_rate": 1e-3,
            "max_accuracy": 0.5,
            "min_samples": 8,
        },
    )
    last = get_last_checkpoint(str(given.out)) if given.out.is_dir() else None
    trainer.train(resume_from_checkpoint=last)
    trainer.save_model(str(given.out / "model"))


if __name__ == "__main__":
    main()
