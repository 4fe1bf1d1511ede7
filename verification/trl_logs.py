"""Real logs of TRL's GRPOTrainer, from a transformer made on the spot: the sample under tests/data.

Needs torch 2.13.0, transformers 5.24.0, trl 1.16.0, accelerate 1.15.0, datasets 5.2.0, pandas; no model
hub. Two or three minutes on one core::

    python verification/trl_logs.py tests/data

The task: add two digits; the first digit of the answer counts. 16 problems, 8 rollouts each, 12 problems a
step, a Llama of 40,000 parameters with random weights. Three short trainings leave

- ``trl/plain``: text, one reward function, 40 steps;
- ``trl/chat``: message lists, two reward functions and an extra column, a generation shared by two steps
  (so every second log repeats the one before);
- ``trl/eval``: text, an evaluation every third step, whose rows replace the training rows of that step,
  and the ``trainer_state.json`` that says so;
- ``verl/rollout`` and ``verl/validation``: 12 steps of ``trl/plain`` in verl's schema, the last line torn.
"""

import json
import shutil
import sys
import tempfile
from pathlib import Path

import pandas as pd
import torch
from datasets import Dataset
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
from trl import GRPOConfig, GRPOTrainer

WORDS = ["<pad>", "<eos>", *"0123456789", "+", "=", "is", "so", "hm", "user", "answer", ":"]
PROBLEMS = [(a, b) for a in range(4) for b in range(4)]
CHAT = "{% for m in messages %}{{ m['role'] }} : {{ m['content'] }} {% endfor %}answer :"


def tokenizer() -> PreTrainedTokenizerFast:
    """A word a token, and a chat template."""
    words = Tokenizer(models.WordLevel({word: place for place, word in enumerate(WORDS)}, unk_token="hm"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(
        tokenizer_object=words,
        pad_token="<pad>",
        eos_token="<eos>",
        unk_token="hm",
        padding_side="left",
        chat_template=CHAT,
    )


def model() -> LlamaForCausalLM:
    """Random weights."""
    torch.manual_seed(0)
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(WORDS),
            hidden_size=48,
            intermediate_size=96,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=4,
            max_position_embeddings=64,
            pad_token_id=0,
            bos_token_id=None,
            eos_token_id=1,
        )
    )


def first_digit(completion: object) -> str | None:
    """The answer that counts."""
    text = completion if isinstance(completion, str) else completion[-1]["content"]
    digits = [part for part in text.split() if part.isdigit()]
    return digits[0] if digits else None


def accuracy_reward(completions, target, log_extra=None, **_):
    """1 for the right digit, else 0; the target is logged beside it."""
    if log_extra is not None:
        log_extra("target", list(target))
    return [float(first_digit(completion) == goal) for completion, goal in zip(completions, target)]


def brevity_reward(completions, **_):
    """Some rows are not scored: TRL logs NaN there."""
    texts = [c if isinstance(c, str) else c[-1]["content"] for c in completions]
    return [None if not text else 1.0 / (1 + len(text.split())) for text in texts]


def train(out: Path, *, steps: int, chat: bool = False, shared: int = 1, evaluate: bool = False) -> None:
    """Train for some steps with every log that TRL can write."""
    asked = [f"{a} + {b} =" for a, b in PROBLEMS]
    prompts = [[{"role": "user", "content": text}] for text in asked] if chat else asked
    data = Dataset.from_dict({"prompt": prompts, "target": [str((a + b) % 10) for a, b in PROBLEMS]})
    options = {"eval_strategy": "steps", "eval_steps": 3, "save_strategy": "steps", "save_steps": steps}
    config = GRPOConfig(
        output_dir=str(out),
        max_steps=steps,
        per_device_train_batch_size=96 // (shared + 1) * 2,
        num_generations=8,
        per_device_eval_batch_size=96,
        max_completion_length=4,
        learning_rate=3e-3,
        lr_scheduler_type="constant",
        temperature=1.0,
        beta=0.0,
        loss_type="grpo",
        scale_rewards="group",
        steps_per_generation=shared,
        logging_steps=1,
        log_completions=True,
        num_completions_to_print=1,
        report_to=[],
        use_cpu=True,
        seed=0,
        gradient_accumulation_steps=1,
        disable_tqdm=True,
        **(options if evaluate else {"save_strategy": "no"}),
    )
    GRPOTrainer(
        model=model(),
        reward_funcs=[accuracy_reward, brevity_reward] if chat else accuracy_reward,
        args=config,
        train_dataset=data,
        eval_dataset=data.select(range(12)) if evaluate else None,
        processing_class=tokenizer(),
    ).train()


def as_verl(source: Path, out: Path) -> None:
    """Write the same rows as verl's trainer would: {step}.jsonl, a fresh uid for every prompt of a batch."""
    for name, steps in (("rollout", range(1, 13)), ("validation", (5, 10))):
        folder = out / name
        folder.mkdir(parents=True)
        for step in steps:
            table = pd.read_parquet(source / f"completions_{step:05d}.parquet")
            uids = {
                prompt: f"{step:04d}-{place:02d}"
                for place, prompt in enumerate(dict.fromkeys(table["prompt"]))
            }
            lines = [
                json.dumps(
                    {
                        "input": f"user\n{row.prompt}\nassistant\n",
                        "output": row.completion,
                        "gts": row.prompt[0],
                        "score": row.accuracy_reward,
                        "step": step,
                        "acc": bool(row.accuracy_reward),
                        "uid": uids[row.prompt],
                    },
                    ensure_ascii=False,
                )
                for row in table.itertuples()
            ]
            (folder / f"{step}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    last = out / "rollout" / "12.jsonl"
    last.write_bytes(last.read_bytes()[:-40])  # as while training runs


def main(out: Path) -> None:
    """Train three times, and keep the logs."""
    with tempfile.TemporaryDirectory() as place:
        work = Path(place)
        train(work / "plain", steps=40)
        train(work / "chat", steps=8, chat=True, shared=2)
        train(work / "eval", steps=7, evaluate=True)
        for name in ("plain", "chat", "eval"):
            kept = out / "trl" / name / "completions"
            shutil.rmtree(kept.parent, ignore_errors=True)
            kept.mkdir(parents=True)
            for file in sorted((work / name / "completions").glob("*.parquet")):
                # The rows as TRL wrote them; compressed harder, and without pandas' note of its version.
                table = pd.read_parquet(file)
                table.to_parquet(kept / file.name, compression="zstd", index=False)
        state = json.loads((work / "eval" / "checkpoint-7" / "trainer_state.json").read_text())
        kept = out / "trl" / "eval" / "checkpoint-7"
        kept.mkdir()
        (kept / "trainer_state.json").write_text(json.dumps(state, indent=1) + "\n")
        shutil.rmtree(out / "verl", ignore_errors=True)
        as_verl(work / "plain" / "completions", out / "verl")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
