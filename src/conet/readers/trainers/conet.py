"""Runs of CoNet itself: the rollout table of a run directory, whose problems have numbers.

A training of a language model by CoNet leaves the same table, with the texts beside it.
"""

from functools import lru_cache
from pathlib import Path

from conet.readers.base import Part, Reader, every_role
from conet.readers.places import is_folder, state_of


def finds(path: Path) -> list[Part]:
    """Return the parts of the rollout table of a run directory, or of its folder ``rollouts``.

    Raises
    ------
    ConetError
        When the run is incomplete, or a part of it damaged.
    """
    from conet.base.files import numbered

    folder = path if path.name == "rollouts" else path / "rollouts"
    if not is_folder(folder):
        return []
    parts = [part for _, part in numbered(folder, "part-", ".parquet")]
    _check(folder.parent, parts)
    return [Part(part) for part in parts]


def _check(run: Path, parts: list[Path]) -> None:
    """Compare the parts with the digests of the run, and refuse a run that lacks one.

    Raises
    ------
    ConetError
        When a part is missing or differs.
    """
    from conet.base.digests import Digests

    digests = Digests(run)
    digests.require(digests.listed("rollouts"))
    for part in parts:
        if wanted := (digests.known or {}).get(f"rollouts/{part.name}"):
            _compare(part, wanted, state_of(part))


@lru_cache(maxsize=10_000)
def _compare(part: Path, wanted: str, state: tuple[int, int]) -> None:
    """Compare a part, once for as long as it stays as it is: whoever watches a run looks again and again."""
    from conet.base.digests import differs
    from conet.base.files import digest_of

    if digest_of(part) != wanted:
        raise differs(part)


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
