"""What the fused head of TRL lacks: demonstrations at temperature 1, and the entropy over the top tokens."""

import functools
import types
from collections.abc import Callable
from typing import Any

import torch
from trl.trainer.utils import add_fused_lm_head

from conet.base.errors import ConetError

IGNORED = -100  # label of tokens without loss
TILE = 2**20  # logits of a tile; some seven tensors of that size are held, so four times as many cost 119 MiB
# Names under which configurations say that logits are scaled before they are a distribution.
SCALED = (
    *("final_logit_softcapping", "logit_scale", "logits_scaling"),
    *("output_multiplier", "lm_head_multiplier"),
)


def prepare_head(trainer: Any) -> None:
    """Give the model of a trainer both, as its options for the head say."""
    model = trainer.model
    model = model.get_base_model() if hasattr(model, "get_base_model") else model
    add_untempered_head(model, trainer.args.cast_lm_head_to_fp32)
    add_top_entropy(model, lambda: trainer.entropy_top, trainer.temperature)


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


def add_top_entropy(model: Any, share: Callable[[], float], temperature: float) -> None:
    """Let the entropies that TRL's head returns be those over the top tokens alone.

    They take the place of TRL's, so that its bonus, its metric and what controls the bonus go by them. What
    is computed besides is the head once more, in tiles.

    Parameters
    ----------
    model
        A causal language model that has TRL's head already.
    share
        Returns the share of the vocabulary that counts; with 1 nothing changes.
    temperature
        Of sampling, which divides the logits.
    """
    whole = model.forward
    seen: dict[str, Any] = {}

    @functools.wraps(type(model).forward)
    def forward(self: Any, *args: Any, **kwargs: Any) -> Any:
        part = share()
        if part >= 1 or not kwargs.get("fused_lm_head") or kwargs.get("untempered"):
            return whole(*args, **kwargs)
        refuse_scaled(self.config)
        hook = self.base_model.register_forward_hook(lambda _, __, out: seen.update(last=out[0]))
        try:
            found = whole(*args, **kwargs)
        finally:
            hook.remove()
        hidden, shifted = seen.pop("last"), kwargs.get("shift_labels")
        labels = kwargs["labels"][:, 1:] if shifted is None else shifted
        hidden = hidden[:, :-1] if shifted is None else hidden
        mask = (labels != IGNORED).to(hidden.device)
        values = top_entropy(hidden[mask], self.get_output_embeddings(), part, temperature)
        found.entropy = values.new_zeros(mask.shape).masked_scatter(mask, values)
        return found

    model.forward = types.MethodType(forward, model)


def refuse_scaled(config: Any) -> None:
    """Refuse a model whose logits are scaled or capped, for which the entropy would be another.

    Raises
    ------
    ConetError
    """
    text = config.get_text_config()
    for name in SCALED:
        if getattr(text, name, None) not in (None, 1.0):
            got = f"schedule.entropy_top with a model whose config.json sets {name}"
            raise ConetError(got, "a model whose logits are not scaled", "leave it out")


def top_entropy(hidden: Any, head: Any, share: float, temperature: float = 1.0) -> Any:
    """Return the entropy of the distribution over the top tokens alone, with its gradient, in nats.

    The probabilities of the most probable tokens are made to add up to one (*clamped entropy*, AEnt, arXiv
    2509.03493): a bonus on it does not raise tokens that make no sense, of which a vocabulary is full.

    Parameters
    ----------
    hidden : tensor, shape (tokens, width)
        What the head is applied to.
    head
        A linear layer.
    share
        Of the vocabulary, that counts; at least one token does.
    temperature
        Divides the logits.

    Returns
    -------
    tensor of float32, shape (tokens,)
    """
    weight, bias = head.weight, head.bias
    if hasattr(weight, "full_tensor"):  # FSDP 2 holds it in shares
        weight, bias = weight.full_tensor(), None if bias is None else bias.full_tensor()
    left_out = weight.shape[0] - max(1, round(share * weight.shape[0]))
    return _TopEntropy.apply(hidden, weight, bias, left_out, temperature)


class _TopEntropy(torch.autograd.Function):
    """Entropies, tile by tile forth and back: dH/dz_j = -p_j (log p_j + H) for the logits z that count."""

    @staticmethod
    def forward(ctx: Any, hidden: Any, weight: Any, bias: Any, left_out: int, temperature: float) -> Any:
        ctx.save_for_backward(hidden, weight, bias)
        ctx.left_out, ctx.temperature = left_out, temperature
        found = hidden.new_empty(len(hidden), dtype=torch.float32)
        for part in _tiles(hidden, weight):
            logs = _logs(hidden[part], weight, bias, left_out, temperature)
            found[part] = -(logs.exp() * logs.masked_fill(logs.isinf(), 0)).sum(-1)
        return found

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        hidden, weight, bias = ctx.saved_tensors
        back = torch.empty_like(hidden)
        to_weight = torch.zeros_like(weight)
        to_bias = None if bias is None else torch.zeros_like(bias)
        for part in _tiles(hidden, weight):
            logs = _logs(hidden[part], weight, bias, ctx.left_out, ctx.temperature)
            chances = logs.exp()
            logs = logs.masked_fill(logs.isinf(), 0)
            entropy = -(chances * logs).sum(-1, keepdim=True)
            slope = (-chances * (logs + entropy) * grads[0][part, None] / ctx.temperature).to(weight.dtype)
            back[part] = slope @ weight
            to_weight.addmm_(slope.t(), hidden[part].to(weight.dtype))
            if to_bias is not None:
                to_bias += slope.sum(0)
        return back, to_weight, to_bias, None, None


def _tiles(hidden: Any, weight: Any) -> list[slice]:
    rows = max(1, TILE // weight.shape[0])
    return [slice(first, first + rows) for first in range(0, len(hidden), rows)]


def _logs(hidden: Any, weight: Any, bias: Any, left_out: int, temperature: float) -> Any:
    """Return the log-probabilities among the tokens that count; -inf for the others."""
    logits = torch.nn.functional.linear(hidden.to(weight.dtype), weight, bias).float() / temperature
    if left_out:
        rest = logits.topk(left_out, largest=False).indices
        logits = logits.scatter(-1, rest, -torch.inf)
    return logits.log_softmax(-1)
