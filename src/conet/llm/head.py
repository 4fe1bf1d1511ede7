"""The log-probabilities of demonstrations without the logits of a whole batch."""

import functools
import types
from typing import Any

from trl.trainer.utils import add_fused_lm_head

IGNORED = -100  # label of tokens without loss


def add_untempered_head(model: Any, cast_to_fp32: bool) -> None:
    """Let ``model(..., fused_lm_head=True, untempered=True)`` return log-probabilities at temperature 1.

    TRL's own fused head, which scores tokens in tiles, divides the logits by the temperature of sampling;
    what learns from demonstrations is the model's own distribution. Without ``untempered`` nothing changes.

    Parameters
    ----------
    model
        A causal language model that has TRL's head already.
    cast_to_fp32
        Whether the head is computed in float32, as TRL's ``cast_lm_head_to_fp32``.
    """
    tempered = model.forward
    add_fused_lm_head(model, temperature=1.0, cast_lm_head_to_fp32=cast_to_fp32)
    plain = model.forward

    @functools.wraps(type(model).forward)  # generation looks at the signature
    def forward(self: Any, *args: Any, untempered: bool = False, **kwargs: Any) -> Any:
        return (plain if untempered else tempered)(*args, **kwargs)

    model.forward = types.MethodType(forward, model)


def negative_log_likelihood(model: Any, inputs: dict[str, Any]) -> Any:
    """Return the sum of -log π over the tokens that have a label, a scalar with its gradient."""
    return -model(**inputs, fused_lm_head=True, untempered=True).log_probs.sum()  # 0 without a label
