"""What an evaluation's answers depend on: one record, whose digest is the name under which they are kept."""

import json
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from conet import __version__
from conet.base.files import digest, digest_all
from conet.llm import hub
from conet.llm.models import gguf_file
from conet.llm.problems import Problem, prompt
from conet.runs.recipe import ModelSettings
from conet.runs.recipe_problems import ProblemSettings

# What a directory's model is made of; a training's checkpoints and optimizer states are not.
PARTS = ("*.safetensors", "*.bin", "*.gguf", "*.model", "*.json", "*.txt", "*.jinja")


def of_model(settings: ModelSettings, seed: int) -> dict[str, Any]:
    """Return name and SHA-256 of a model: of its files, its revision on the hub, or its random weights."""
    if settings.gguf:
        place = gguf_file(settings.gguf)
        return {"name": settings.gguf, "sha256": digest_all([place])[place]}
    if settings.path is None:
        data = settings.model_dump(mode="json") | {"seed": seed}
        return {"name": f"random {settings.architecture}", "sha256": _digest(data)}
    folder = Path(settings.path)
    if folder.is_dir():
        files = sorted({file for part in PARTS for file in folder.glob(part)})
        found = digest_all(files)
        return {"name": settings.path, "sha256": _digest({file.name: found[file] for file in files})}
    return {"name": settings.path, "revision": _revision(settings.path)}


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
    packages = ("vllm",) if how.get("engine") == "vllm" else ("torch", "transformers")
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
