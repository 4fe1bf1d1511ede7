"""The model: one of transformers' causal architectures, built from scratch, and the tokens that it reads.

Tokens are the nodes and two markers: ``Q`` before the question node, ``A`` before the answer node. A context
is ``A answer Q question hop hop …`` (the answer shown) or ``Q question hop hop …`` (hidden), so the last
token is the node where the walk stands, and what the model predicts there is the next hop.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from conet.base.errors import ConetError
from conet.config import PolicySettings

if TYPE_CHECKING:
    import torch

MARKERS = 2


def build(settings: PolicySettings, nodes: int, max_length: int, seed: int) -> "torch.nn.Module":
    """Return an untrained model, its weights drawn from the seed.

    Parameters
    ----------
    settings
        Architecture and size.
    nodes, max_length
        Of the graph, and the longest walk.

    Raises
    ------
    ConetError
        When the extra ``[neural]`` is not installed, or heads do not divide the width.
    """
    torch, transformers = _extra()
    check(settings)
    positions = max_length + len(prefix(settings, nodes, np.zeros(1, int), np.zeros(1, int))[0])
    shared = {"vocab_size": nodes + MARKERS, "bos_token_id": None, "eos_token_id": None}
    shared["tie_word_embeddings"] = False  # what a node is, and what leads to it, are different things
    if settings.architecture == "gpt2":
        config = transformers.GPT2Config(
            **shared,
            n_positions=positions,
            n_embd=settings.width,
            n_layer=settings.depth,
            n_head=settings.heads,
            resid_pdrop=0.0,
            embd_pdrop=0.0,
            attn_pdrop=0.0,
        )
    else:
        config = transformers.LlamaConfig(
            **shared,
            max_position_embeddings=positions,
            hidden_size=settings.width,
            intermediate_size=4 * settings.width,
            num_hidden_layers=settings.depth,
            num_attention_heads=settings.heads,
            num_key_value_heads=settings.heads,
        )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed % 2**63)
        model = transformers.AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    return model.eval()  # there is no dropout


def check(settings: PolicySettings) -> None:
    """Refuse a width that does not fit the heads.

    Raises
    ------
    ConetError
        Naming both.
    """
    size, left = divmod(settings.width, settings.heads)
    llama = settings.architecture == "llama"
    if left or (llama and size % 2):  # rotary positions turn pairs of dimensions
        got = f"policy.width={settings.width} with policy.heads={settings.heads}"
        expected = "an even width of every head" if llama else "a width that the heads divide"
        raise ConetError(got, expected, "for example 16 and 2")


def prefix(settings: PolicySettings, nodes: int, questions: np.ndarray, answers: np.ndarray) -> np.ndarray:
    """Return what the model reads before the first hop, int64, shape (walks, 2 or 4)."""
    question, answer = np.full(len(questions), nodes), np.full(len(questions), nodes + 1)
    parts = [question, questions] if settings.answer == "hidden" else [answer, answers, question, questions]
    return np.stack(parts, axis=1).astype(np.int64)


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch compute with one thread, so that a result does not depend on their number."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _extra() -> tuple[Any, Any]:
    try:
        import torch
        import transformers
    except ImportError:
        remedy = "pip install 'conet-rlvr[neural]' ('.[neural]' in the source), or leave policy.kind=table"
        raise ConetError("policy.kind=neural", "the extra [neural]", remedy) from None
    return torch, transformers
