"""What an evaluation's answers depend on: one record, whose digest is the name under which they are kept."""

import json
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from conet import __version__
from conet.base.files import digest, digest_all
from conet.llm import hub
from conet.llm.models import adapted, gguf_file
from conet.llm.problems import Problem, prompt
from conet.llm.verify import IN_PROCESS
from conet.runs.recipe import ModelSettings
from conet.runs.recipe_problems import ProblemSettings

JUDGING = ("latex2sympy2-extended", "sympy", "pint")  # what reads formulas and units
# What a directory's model is made of; a training's checkpoints and optimizer states are not.
PARTS = ("*.safetensors", "*.bin", "*.gguf", "*.model", "*.json", "*.txt", "*.jinja")


def of_model(settings: ModelSettings, seed: int) -> dict[str, Any]:
    """Return what a model is: where it comes from, the type of its weights, and who turns text into tokens.

    Returns
    -------
    dict
        ``name``, and ``sha256`` (of its files, or of what its random weights come from) or ``revision`` (on
        the hub); ``dtype``, and ``attention`` where one is named; ``base``, the same of the model that
        adapters of a LoRA are put on; and ``tokenizer``, where it is not the model's own.
    """
    found = _weights(settings, seed) | {"dtype": settings.dtype}
    if settings.attention:
        found["attention"] = settings.attention
    base = adapted(settings.path)
    if base is not None:
        found["base"] = _place(base)
    if settings.tokenizer == "characters":
        found["tokenizer"] = {"name": "characters", "sha256": _digest(settings.alphabet)}
    elif settings.tokenizer:
        found["tokenizer"] = _place(settings.tokenizer)
    return found


def _weights(settings: ModelSettings, seed: int) -> dict[str, Any]:
    if settings.gguf:
        place = gguf_file(settings.gguf)
        return {"name": settings.gguf, "sha256": digest_all([place])[place]}
    if settings.path is None:
        data = settings.model_dump(mode="json") | {"seed": seed}
        return {"name": f"random {settings.architecture}", "sha256": _digest(data)}
    return _place(settings.path)


def _place(name: str) -> dict[str, Any]:
    """Return name and SHA-256 of a folder's files, or name and revision on the hub."""
    folder = Path(name)
    if not folder.is_dir():
        return {"name": name, "revision": _revision(name)}
    files = sorted({file for part in PARTS for file in folder.glob(part)})
    found = digest_all(files)
    return {"name": name, "sha256": _digest({file.name: found[file] for file in files})}


def _revision(name: str) -> str | None:
    """Return the commit of a model of the hub, as the local cache has it."""
    from transformers.utils import cached_file

    hub.bound()
    try:
        file = cached_file(name, "config.json")
    except (OSError, ValueError):  # loading it will say why
        return None
    return None if file is None else Path(file).parent.name


def asked(
    problems: Sequence[Problem],
    settings: ProblemSettings,
    samples: int,
    model: Mapping[str, Any],
    sampling: Mapping[str, Any],
    **how: Any,
) -> dict[str, Any]:
    """Return all that the answers and their verdicts depend on.

    Parameters
    ----------
    problems, settings
        What is asked, and who judges.
    samples
        Completions a problem.
    model
        What :func:`of_model` returns.
    sampling
        Temperature and the like.
    how
        Length, engine, batch and seed.
    """
    packages: tuple[str, ...] = ("vllm",) if how.get("engine") == "vllm" else ("torch", "transformers")
    packages += () if settings.verifier in IN_PROCESS else JUDGING
    versions = {name: version(name) for name in packages} | {"conet": __version__}
    posed = [[one.number, one.name, prompt(one, settings), one.answer] for one in problems]
    verifier, _, _ = settings.verifier.rpartition(":")
    return {
        "model": dict(model),
        "problems": settings.model_dump(mode="json"),
        "problems_sha256": _digest(posed),
        "count": len(problems),
        "samples": samples,
        "sampling": dict(sampling),
        "verifier_sha256": digest(Path(verifier).read_bytes()) if Path(verifier).is_file() else None,
        "versions": versions,
        **how,
    }


def name_of(asked: Mapping[str, Any]) -> str:
    """Return the name of the folder that keeps an evaluation's answers."""
    return _digest(asked)[:16]


def _digest(data: Any) -> str:
    return digest(json.dumps(data, sort_keys=True).encode())
