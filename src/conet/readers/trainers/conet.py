"""Runs of CoNet itself: the rollout table of a run directory, whose problems have numbers.

A training of a language model by CoNet leaves the same table, with the texts beside it.
"""

from pathlib import Path

from conet.readers.base import Part, Reader, every_role
from conet.readers.places import is_folder


def finds(path: Path) -> list[Part]:
    """Return the parts of the rollout table of a run directory, or of its folder ``rollouts``."""
    from conet.base.files import numbered

    folder = path if path.name == "rollouts" else path / "rollouts"
    return [Part(part) for _, part in numbered(folder, "part-", ".parquet")] if is_folder(folder) else []


def titles(path: Path) -> dict[str, str]:
    """Return what a language model was asked, by the numbers of the problems; nothing for walks."""
    import polars as pl

    run = path.parent if path.name == "rollouts" else path
    try:
        table = pl.read_parquet(run / "problems.parquet", columns=["number", "question"], glob=False)
    except (OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException):
        return {}
    return {str(number): question for number, question in table.iter_rows() if question}


READER = Reader(
    name="conet",
    finds=finds,
    names=every_role() | {"completion": ("completion", "text")},
    ids=True,
    marks=("problem", "correct", "phase"),
    titles=titles,
    files="`rollouts/part-*.parquet` in the run directory",
    trainer="CoNet",
    setting="nothing",
)
