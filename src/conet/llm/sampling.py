"""How completions are drawn, in training and in evaluation: by settings that stand in the recipe alone.

A model directory may bring sampling settings of its own (``generation_config.json``: a repetition penalty,
top-p, a ban on repeated n-grams). What a recipe does not name would be taken from there, in another way by
each engine, so a model that is evaluated would not be the policy that was trained. Only its tokens (end,
beginning, padding) are taken.
"""

from collections.abc import Callable, Mapping
from importlib.util import find_spec
from typing import Any

from conet.base.errors import ConetError

Generate = Callable[[list[Any], int], list[tuple[list[int], str, bool]]]
NEUTRAL: dict[str, Any] = {
    "temperature": 1.0,
    "top_p": 1.0,
    "top_k": 0,
    "min_p": None,
    "repetition_penalty": 1.0,
}


def sampling_of(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the sampling settings among options of a training; neutral where none is named."""
    return {name: options.get(name, value) for name, value in NEUTRAL.items()}


def end_tokens(model: Any, tokenizer: Any) -> list[int]:
    """Return the tokens that end a completion: the tokenizer's, and those that the model names (as TRL)."""
    named = model.generation_config.eos_token_id
    known = [named] if isinstance(named, int) else list(named or ())
    return known if tokenizer.eos_token_id in known else [tokenizer.eos_token_id, *known]


def keep_tokens_alone(model: Any, tokenizer: Any) -> Any:
    """Take a model's own sampling settings away, and return them."""
    from transformers import GenerationConfig

    own = model.generation_config
    model.generation_config = GenerationConfig(
        eos_token_id=end_tokens(model, tokenizer),
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=own.bos_token_id,
    )
    return own


def generator(
    model: Any, length: int, sampling: Mapping[str, Any], batch: int, seed: int, engine: str = "auto"
) -> Generate:
    """Choose vLLM where it and a GPU are there, else transformers.

    Parameters
    ----------
    model
        A :class:`conet.runs.recipe.ModelSettings`.
    length
        Most tokens of a completion.
    sampling
        See :func:`sampling_of`.
    """
    import torch

    from conet.llm import models

    if engine_of(model, engine) == "vllm":
        return vllm_generator(model.path, length, sampling, seed)
    loaded, tokenizer = models.load(model, seed)
    loaded.to("cuda" if torch.cuda.is_available() else "cpu")
    return transformers_generator(loaded, tokenizer, length, sampling, batch)


def engine_of(model: Any, engine: str) -> str:
    """Return which engine draws: "vllm" or "transformers".

    Raises
    ------
    ConetError
        When it is vLLM, which is not there or cannot draw from this model.
    """
    import torch

    from conet.llm import models

    lora = models.adapted(model.path) is not None
    if engine == "auto":
        there = model.path and not lora and find_spec("vllm") and torch.cuda.is_available()
        return "vllm" if there else "transformers"
    if engine == "vllm" and lora:
        got = f"--engine vllm with {model.path}, which holds the adapters of a LoRA"
        raise ConetError(got, "a folder with a whole model", "--engine transformers")
    if engine == "vllm" and find_spec("vllm") is None:
        raise ConetError(
            "--engine vllm without vLLM", "the package vllm", "pip install vllm, or --engine transformers"
        )
    return engine


def transformers_generator(
    model: Any, tokenizer: Any, length: int, sampling: Mapping[str, Any], batch: int
) -> Generate:
    """Sample with transformers, so many prompts at a time."""
    import torch

    keep_tokens_alone(model, tokenizer)

    def generate(prompts: list[Any], seed: int) -> list[tuple[list[int], str, bool]]:
        found: list[tuple[list[int], str, bool]] = []
        torch.manual_seed(seed)
        model.eval()
        for start in range(0, len(prompts), batch):
            texts = [_text(tokenizer, asked) for asked in prompts[start : start + batch]]
            inputs = tokenizer(
                texts,
                return_tensors="pt",
                padding=True,
                padding_side="left",
                add_special_tokens=isinstance(prompts[0], str),
            ).to(model.device)
            inputs.pop("token_type_ids", None)
            with torch.no_grad():
                ids = model.generate(**inputs, do_sample=True, max_new_tokens=length, **sampling)
            ends = model.generation_config.eos_token_id
            drawn = ids[:, inputs["input_ids"].shape[1] :].tolist()
            found += [_cut(row, tokenizer, ends, length) for row in drawn]
        return found

    return generate


def _text(tokenizer: Any, asked: Any) -> str:
    if isinstance(asked, str):
        return asked
    return tokenizer.apply_chat_template(asked, tokenize=False, add_generation_prompt=True)


def _cut(row: list[int], tokenizer: Any, ends: list[int], length: int) -> tuple[list[int], str, bool]:
    """Cut a row off behind its first end token."""
    end = next((place for place, token in enumerate(row) if token in ends), None)
    tokens = row if end is None else row[: end + 1]
    return tokens, tokenizer.decode(tokens, skip_special_tokens=True), end is None and len(tokens) >= length


def vllm_generator(path: str, length: int, sampling: Mapping[str, Any], seed: int) -> Generate:
    """Sample with vLLM."""
    from vllm import LLM, SamplingParams

    engine = LLM(model=path, seed=seed, generation_config="vllm")  # its own neutral settings, not the model's
    asked = {name: value for name, value in sampling.items() if value is not None}
    parameters = SamplingParams(max_tokens=length, **asked)

    def generate(prompts: list[Any], seed: int) -> list[tuple[list[int], str, bool]]:
        ask = engine.generate if isinstance(prompts[0], str) else engine.chat
        outputs = [result.outputs[0] for result in ask(prompts, parameters)]
        return [(list(output.token_ids), output.text, output.finish_reason == "length") for output in outputs]

    return generate
