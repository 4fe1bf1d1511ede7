"""The sizes of a transformer, from its configuration alone: no weights are loaded, and no library is."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conet.base.errors import ConetError
from conet.runs.recipe import ModelSettings

# Architectures whose parameters are counted here, and what tells them from Llama.
BIASED, NORMED = {"qwen2"}, {"qwen3"}
KNOWN = ("llama", "mistral", "qwen2", "qwen3")
NEEDED = ("vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads")


@dataclass(frozen=True, kw_only=True)
class Shape:
    """Sizes of a decoder with gated feed-forward layers.

    Attributes
    ----------
    vocabulary, hidden, intermediate, layers, heads, key_value_heads, head_size : int
        As ``vocab_size``, ``hidden_size`` and so on of its configuration.
    tied : bool
        Whether head and embedding are one matrix.
    biased, normed : bool
        Whether queries, keys and values have a bias, and queries and keys a norm.
    """

    vocabulary: int
    hidden: int
    intermediate: int
    layers: int
    heads: int
    key_value_heads: int
    head_size: int
    tied: bool
    biased: bool = False
    normed: bool = False

    @property
    def key_value(self) -> int:
        """Width of the keys, and of the values, of one layer."""
        return self.key_value_heads * self.head_size

    @property
    def layer_parameters(self) -> int:
        """Parameters of one layer."""
        queries = self.heads * self.head_size
        attention = 2 * self.hidden * queries + 2 * self.hidden * self.key_value
        bias = (queries + 2 * self.key_value) * self.biased
        norms = 2 * self.hidden + 2 * self.head_size * self.normed
        return attention + bias + 3 * self.hidden * self.intermediate + norms

    @property
    def embedding_parameters(self) -> int:
        """Parameters of the embedding, and of the head where it is another matrix."""
        return self.vocabulary * self.hidden * (1 if self.tied else 2)

    @property
    def parameters(self) -> int:
        """All parameters."""
        return self.layers * self.layer_parameters + self.hidden + self.embedding_parameters


def shape_of(settings: ModelSettings) -> Shape:
    """Return the sizes of a recipe's model.

    They come from ``config.json`` where the model is a folder, else from ``model.sizes`` and
    ``model.architecture``.

    Raises
    ------
    ConetError
        Where neither says them, or the architecture is none that is counted here.
    """
    data = _config_of(settings)
    kind = str(data.get("model_type"))
    if kind not in KNOWN:
        got = f"a model of the architecture {kind!r}"
        raise ConetError(got, f"one of {', '.join(KNOWN)}", "others are not counted")
    missing = [name for name in NEEDED if not isinstance(data.get(name), int)]
    for name in (*NEEDED, "num_key_value_heads", "head_dim"):
        size = data.get(name)
        if size is not None and (not isinstance(size, int) or isinstance(size, bool) or size < 1):
            raise ConetError(f"model.sizes.{name}={size!r}"[:200], "a whole number of at least 1", "mend it")
    if missing:
        raise ConetError(
            f"sizes of {settings.path or settings.gguf or 'the model'} without {missing[0]}",
            "the model as a folder with config.json, or its sizes in the recipe",
            f"--set model.path=DIR, or model.sizes.{missing[0]}=…",
        )
    heads, hidden = data["num_attention_heads"], data["hidden_size"]
    if hidden % heads and not data.get("head_dim"):
        got = f"model.sizes: hidden_size {hidden} for {heads} attention heads"
        raise ConetError(got, "sizes that fit each other", "check model.sizes")
    return Shape(
        vocabulary=data["vocab_size"],
        hidden=hidden,
        intermediate=data["intermediate_size"],
        layers=data["num_hidden_layers"],
        heads=heads,
        key_value_heads=data.get("num_key_value_heads") or heads,
        head_size=data.get("head_dim") or hidden // heads,
        tied=bool(data.get("tie_word_embeddings", False)),
        biased=kind in BIASED or bool(data.get("attention_bias", False)),
        normed=kind in NORMED,
    )


def _config_of(settings: ModelSettings) -> Mapping[str, Any]:
    file = Path(settings.path) / "config.json" if settings.path else None
    if file is None or not file.is_file():
        known: dict[str, Any] = {"model_type": settings.architecture} | settings.sizes
        if settings.tokenizer == "characters":  # and one each for the end, for padding and for all others
            known.setdefault("vocab_size", len(settings.alphabet) + 3)
        return known
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        return dict(found)
    except (OSError, ValueError, TypeError) as error:
        reason = " ".join(str(error).split())[:150]
        raise ConetError(f"{file}: {reason}", "the configuration of a model", "check the path") from None
