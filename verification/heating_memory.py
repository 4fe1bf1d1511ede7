"""The peak of the memory in an update of GRPO and in one of heating, at the shape of a large model.

    python verification/heating_memory.py --shape 1.5b --tokens 64

A random model of the named shape, with the vocabulary of Qwen2.5, trains two updates of GRPO, one of heating and
one of GRPO again, with a LoRA and activation checkpointing, on a CPU, all on equally many tokens. Completions are
given, not drawn, so that their lengths are known; generation does not count. Printed for each update: how far
the process's resident memory rose above what it was before the first.
"""

import argparse
import json
import random
from pathlib import Path
from typing import Any

SHAPES: dict[str, dict[str, Any]] = {
    "tiny": {
        "hidden_size": 16,
        "intermediate_size": 32,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "num_key_value_heads": 2,
    },
    "0.5b": {
        "hidden_size": 896,
        "intermediate_size": 4864,
        "num_hidden_layers": 24,
        "num_attention_heads": 14,
        "num_key_value_heads": 2,
        "tie_word_embeddings": True,
    },
    "1.5b": {
        "hidden_size": 1536,
        "intermediate_size": 8960,
        "num_hidden_layers": 28,
        "num_attention_heads": 12,
        "num_key_value_heads": 2,
        "tie_word_embeddings": False,
    },
}
VOCABULARY = 151_936
MIB = 1 << 20


def memory(name: str) -> float:
    """Return a line of the process's status in MiB: VmRSS is what it has, VmHWM the most it had."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) / 1024


def forget_peak() -> None:
    """Let VmHWM begin anew."""
    Path("/proc/self/clear_refs").write_text("5")


def trainer_of(shape: str, sequences: int, tokens: int, out: Path, entropy: float | None = None) -> Any:
    """Return a trainer with a LoRA, whose third update is heating, or has an entropy bonus, as the fourth has.

    ``entropy`` is the share of the vocabulary over which the bonus is.
    """
    import torch
    from datasets import Dataset
    from peft import LoraConfig
    from transformers import AutoModelForCausalLM, Qwen2Config
    from trl import GRPOConfig, GRPOTrainer

    from conet.llm.mixin import AnnealingMixin
    from conet.llm.models import characters

    tokenizer = characters("0123456789+=")
    torch.manual_seed(0)
    end = tokenizer.eos_token_id
    config = Qwen2Config(
        vocab_size=VOCABULARY, eos_token_id=end, bos_token_id=None, pad_token_id=0, **SHAPES[shape]
    )
    model = AutoModelForCausalLM.from_config(config)

    class Measured(AnnealingMixin, GRPOTrainer):
        def training_step(self, *args: Any, **kwargs: Any) -> Any:
            forget_peak()
            phase = "heating" if self.annealing.supervised else "GRPO"
            if entropy is not None:  # the same process, so that both can be compared
                self._entropy_bonus_enabled = later = len(peaks) > 1
                self.entropy_top, phase = (entropy, "entropy") if later else (1.0, phase)
            loss = super().training_step(*args, **kwargs)
            peaks.append((phase, memory("VmHWM") - before))
            return loss

    peaks: list[tuple[str, float]] = []
    draw = random.Random(0)

    def rollout(prompts: list[str], trainer: Any) -> dict[str, Any]:
        """Completions of a known length."""
        ids = [[draw.randrange(3, VOCABULARY) for _ in range(tokens - 1)] + [end] for _ in prompts]
        return {"prompt_ids": [[3, 4, 5] for _ in prompts], "completion_ids": ids, "logprobs": None}

    def half(completions: list[str], **_: Any) -> list[float]:
        return [float(row % 2) for row in range(len(completions))]

    annealing: dict[str, Any] = {"mode": "heat_at", "step": 2, "steps": 1}
    if entropy is not None:
        options = {"cooling": "constant", "entropy_top": entropy}
        annealing = {"schedule": "temperature", "schedule_options": options}
    trainer = Measured(
        model=model,
        processing_class=tokenizer,
        reward_funcs=[half],
        rollout_func=rollout,
        peft_config=LoraConfig(r=8, target_modules=["q_proj", "v_proj"]),
        train_dataset=Dataset.from_dict({"prompt": [f"{number}=" for number in range(sequences)]}),
        args=GRPOConfig(
            output_dir=str(out),
            max_steps=4,
            per_device_train_batch_size=sequences,
            num_generations=2,
            max_completion_length=tokens + 1,
            gradient_checkpointing=True,
            learning_rate=1e-5,
            entropy_coef=0.0 if entropy is None else 0.01,
            logging_steps=1,
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
            use_cpu=True,
            bf16=False,
        ),
        annealing=annealing | {"max_accuracy": 1.1, "min_samples": 1},
    )
    before = memory("VmRSS")
    trainer.peaks = peaks
    return trainer


def main() -> None:
    """Train, and print the peaks."""
    import tempfile

    import torch

    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--shape", choices=list(SHAPES), default="tiny")
    parser.add_argument("--sequences", type=int, default=8)
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument(
        "--entropy", type=float, help="no heating, but a bonus over so much of the vocabulary"
    )
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as out:
        trainer = trainer_of(given.shape, given.sequences, given.tokens, Path(out), given.entropy)
        trainer.train()
    weights = sum(one.numel() for one in trainer.model.parameters())
    logits = given.sequences * given.tokens * VOCABULARY * 4 / MIB
    if given.json:
        print(json.dumps({"peaks": trainer.peaks, "weights": weights, "logits_mib": logits}))
        return
    print(f"{weights:,} weights; {given.sequences} x {given.tokens} tokens, all logits {logits:.0f} MiB")
    for step, (phase, peak) in enumerate(trainer.peaks):
        print(f"update {step}: {phase:8} {peak:.0f} MiB")


if __name__ == "__main__":
    main()
