"""Columns of a row by the names that tables have for their roles, for readers that yield rows."""

from collections.abc import Mapping
from typing import Any

from conet.readers.base import LENGTHS, TOKENS, TRUNCATED
from conet.readers.values import MASKS

STEP = (
    *("step", "global_step", "training_step", "train_step", "trainer_step", "gen_step", "iteration", "iter"),
    *(
        "update",
        "policy_version",
        "weight_version",
        "policy_step",
        "optimizer_step",
        "global_steps",
        "train/global_step",
    ),
)
PROMPT = ("prompt", "input", "question", "query", "instruction", "prompts", "input_prompt", "prompt_text")
COMPLETION = (
    *(
        "completion",
        "output",
        "response",
        "responses",
        "completions",
        "generation",
        "model_output",
        "model_response",
    ),
    *("answer_text", "output_response", "completion_text", "response_text", "generated_text", "rollout"),
)
CORRECT = ("correct", "acc", "accuracy", "is_correct")
NAMES: dict[str, tuple[str, ...]] = {
    "step": STEP,
    "prompt": PROMPT,
    "completion": COMPLETION,
    "correct": CORRECT,
    "length": (*LENGTHS, *MASKS, *TOKENS),
    "truncated": TRUNCATED,
    "split": ("split",),
    "phase": ("phase",),
}
ROLES_OF = {name: role for role, names in NAMES.items() for name in names}


def in_roles(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row under the names of the roles; what plays none keeps its name."""
    found: dict[str, Any] = {}
    for role, names in NAMES.items():
        name = next((name for name in names if row.get(name) is not None), None)
        if name is not None:
            summed = name in MASKS and isinstance(row[name], list)
            found[role] = sum(map(bool, row[name])) if summed else row[name]
    return {name: value for name, value in row.items() if name not in ROLES_OF} | found
