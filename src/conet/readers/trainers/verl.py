"""verl: ``{step}.jsonl`` in ``rollout_data_dir``, and apart from them those of ``validation_data_dir``.

A line holds input, output, gts, score, step, and whatever the reward function returned besides (often
acc); uid is made anew for every batch, so it names no problem; prompts that are alike but for an image
are told apart by gts. The last line may be torn while a training runs.

Source: verl-project/verl, verl/trainer/ppo/ray_trainer.py (_dump_generations).
"""

from collections.abc import Mapping

from conet.readers.base import LENGTHS, TRUNCATED, Reader
from conet.readers.formats.records import Head

NAMES = {
    "step": ("step",),
    "prompt": ("input",),
    "completion": ("output",),
    "correct": ("correct", "acc", "accuracy"),
    "length": LENGTHS,
    "truncated": TRUNCATED,
}

MARKS = ("input", "output", "score")


def begins(head: Head) -> bool:
    """Whether it has inputs, outputs and their scores."""
    return head.has(*MARKS)


def rewards(columns: Mapping[str, int]) -> list[str]:
    """Return verl's reward: score."""
    return [name for name in ("score",) if name in columns]


READER = Reader(
    name="verl",
    begins=begins,
    marks=MARKS,
    names=NAMES,
    rewards=rewards,
    one_step_a_file=True,
    apart=("gts",),
    files="`{step}.jsonl` in `rollout_data_dir`, and of validation in `validation_data_dir`",
    trainer="verl ≥ 0.4",
    setting="`trainer.rollout_data_dir=DIR/rollouts` (and `trainer.validation_data_dir=DIR/validation`)",
)
