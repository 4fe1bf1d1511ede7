"""Runs of CoNet itself: the rollout table of a run directory, whose problems have numbers.

A training of a language model by CoNet leaves the same table, with the texts beside it.
"""

from pathlib import Path

from conet.base.files import numbered
from conet.readers.base import Part, Reader, named_rewards
from conet.readers.places import is_folder

NAMES = {
    "step": ("step",),
    "problem": ("problem",),
    "prompt": ("prompt",),
    "completion": ("completion", "text"),
    "reward": ("reward",),
    "correct": ("correct",),
    "length": ("length",),
    "truncated": ("truncated",),
    "split": ("split",),
    "phase": ("phase",),
}


def finds(path: Path) -> list[Part]:
    """Return the parts of the rollout table of a run directory, or of its folder ``rollouts``."""
    folder = path if path.name == "rollouts" else path / "rollouts"
    return [Part(part) for _, part in numbered(folder, "part-", ".parquet")] if is_folder(folder) else []


def titles(path: Path) -> dict[str, str]:
    """Return the questions of a language model's run by the numbers of the problems; none for walks."""
    import polars as pl

    run = path.parent if path.name == "rollouts" else path
    try:
        table = pl.read_parquet(run / "problems.parquet", columns=["number", "question"], glob=False)
    except (OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException):
        return {}
    return {str(number): question for number, question in table.iter_rows() if question}


READER = Reader(
    "conet", finds, NAMES, named_rewards, ids=True, marks=("problem", "correct", "phase"), titles=titles
)
