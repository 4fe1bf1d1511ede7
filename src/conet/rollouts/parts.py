"""Whether the parts of a table of rollouts follow one another."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from conet.base.files import damaged, incomplete
from conet.base.panics import Panic, panics_as_errors

if TYPE_CHECKING:
    import polars

Span = tuple[int, int, int]  # the number in a part's name, its first and its last update


def span_of(number: int, path: Path, part: "polars.LazyFrame") -> Span:
    """Return which updates a part holds.

    Raises
    ------
    ConetError
        When it is damaged; its path is named.
    """
    import polars as pl

    step = pl.col("step")
    try:
        with panics_as_errors():
            first, last = part.select(step.min().alias("first"), step.max().alias("last")).collect().row(0)
    except (OSError, pl.exceptions.PolarsError, Panic) as error:
        raise damaged(path, error) from None
    return number, first, last


def check_parts(folder: Path, spans: Iterable[Span], steps: int | None) -> None:
    """Make sure that the parts of the table of rollouts of walks tile the updates.

    Parameters
    ----------
    folder
        Where they are.
    spans
        Of each part; ascending.
    steps
        Updates of the finished run; None while it goes on.

    Raises
    ------
    ConetError
        Where there is a gap.
    """
    expected = 0
    for number, first, last in spans:
        if (number, first) != (expected, expected):
            raise incomplete(folder, f"no rollouts of updates {expected} to {number - 1}")
        expected = last + 1
    if steps is not None and expected != steps:
        raise incomplete(folder, f"no rollouts of updates {expected} to {steps - 1}")
