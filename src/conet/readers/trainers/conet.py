"""Runs of CoNet itself: the rollout table of a run directory, whose problems have numbers.

A training of a language model by CoNet leaves the same table, with the texts beside it.
"""

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

from conet.base.panics import Panic, panics_as_errors
from conet.readers.base import Part, Reader, every_role
from conet.readers.places import is_folder, state_of


def finds(path: Path) -> list[Part]:
    """Return the parts of the rollout table of a run directory, or of its folder ``rollouts``.

    They are compared with the digests of the run; where it has none, they must follow one another.

    Raises
    ------
    ConetError
        When the run is incomplete, or a part of it damaged.
    """
    from conet.base.digests import Digests, unverified

    folder = path if path.name == "rollouts" else path / "rollouts"
    if not is_folder(folder):
        return []
    run = folder.parent
    digests = Digests(run)
    parts = digests.numbered("rollouts", "part-", ".parquet")
    for _, part in parts:
        if wanted := digests.wanted(f"rollouts/{part.name}"):
            _compare(part, wanted, state_of(part))
    if unverified(run):
        _check_spans(run, parts)
    return [Part(part) for _, part in parts]


def _check_spans(run: Path, parts: list[tuple[int, Path]]) -> None:
    """Make sure that a run of walks without digests has the rollouts of every update.

    Raises
    ------
    ConetError
        When it has not.
    """
    import polars as pl

    from conet.base.digests import SUMMARY
    from conet.config import Config
    from conet.rollouts.parts import check_parts, span_of

    settings = run / "config.json"
    if not settings.is_file():  # a language model, which draws none while it is heated
        return
    config = Config.from_json(settings.read_text(encoding="utf-8", errors="replace"), str(settings))
    if config.snapshots.rollouts:
        spans = (span_of(number, part, pl.scan_parquet(part, glob=False)) for number, part in parts)
        check_parts(run / "rollouts", spans, config.steps if (run / SUMMARY).exists() else None)


@lru_cache(maxsize=10_000)
def _compare(part: Path, wanted: str, state: tuple[int, int]) -> None:
    """Compare a part, once for as long as it stays as it is: whoever watches a run looks again and again."""
    from conet.base.digests import differs
    from conet.base.files import digest_of

    if digest_of(part) != wanted:
        raise differs(part)


def titles(path: Path) -> dict[str, str]:
    """Return the questions of a language model, by the numbers of the problems; nothing for walks."""
    return _problems(path, "question")


def prompts(path: Path) -> dict[str, Any]:
    """Return what a language model was asked; nothing for walks, and for runs of earlier versions."""
    return {number: json.loads(text) for number, text in _problems(path, "prompt").items()}


def _problems(path: Path, column: str) -> dict[str, str]:
    import polars as pl

    from conet.base.digests import Digests

    run = path.parent if path.name == "rollouts" else path
    if not (run / "problems.parquet").exists():
        return {}
    Digests(run).check_file("problems.parquet")
    try:
        with panics_as_errors():
            table = pl.read_parquet(run / "problems.parquet", columns=["number", column], glob=False)
    except (OSError, pl.exceptions.PolarsError, Panic):
        return {}
    return {str(number): text for number, text in table.iter_rows() if text}


READER = Reader(
    name="conet",
    finds=finds,
    names=every_role() | {"completion": ("completion", "text")},
    ids=True,
    marks=("problem", "correct", "phase"),
    titles=titles,
    prompts=prompts,
    files="`rollouts/part-*.parquet` in the run directory",
    trainer="CoNet",
    setting="nothing",
)
