"""From the numbers that say what is correct to what is correct, once all of them are known."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from conet.readers.formats.chunk import Format
from conet.readers.rows import CORRECT_VALUE
from conet.readers.values import number

if TYPE_CHECKING:
    import polars

MOST = 0.5  # of the rows, that have one of several rewards where these are coalesced


def decide(table: "polars.DataFrame", above: float | None = None) -> "tuple[polars.DataFrame, str]":
    """Fill in ``correct``, and say how it was decided.

    Of two values the larger is correct; of one alone, 1 or more. With more values there is partial credit,
    and ``correct`` stays null: no threshold is guessed.

    Parameters
    ----------
    table
        With ``correct`` (null where a number says it) and ``correct_value``, that number, which goes.
    above
        What the user says: correct is what is above it.

    Returns
    -------
    tuple
        The table, and what the user should know; empty where nothing was decided.
    """
    import polars as pl

    value = pl.col(CORRECT_VALUE)
    if above is not None:
        said = pl.when(value.is_not_null()).then(value > above).otherwise("correct")
        return table.with_columns(correct=said).drop(CORRECT_VALUE), f"correct is a reward above {above:g}"
    values = sorted(table[CORRECT_VALUE].drop_nulls().unique().head(3).to_list())
    if len(values) > 2:
        known = table[CORRECT_VALUE].drop_nulls().to_numpy()
        low, high = float(known.min()), float(known.max())
        note = (
            f"the rewards have more than two values ({low:g} to {high:g}): the mean reward is diagnosed, and "
            "nothing is called correct; --correct-above X says what is"
        )
        return table.drop(CORRECT_VALUE), note
    least = values[-1] if len(values) == 2 else 1.0
    said = pl.when(value.is_not_null()).then(value >= least).otherwise("correct")
    usual = set(values) <= {0.0, 1.0} or set(values) <= {-1.0, 1.0}
    note = (
        ""
        if usual or len(values) < 2
        else f"of the two rewards {values[0]:g} and {values[1]:g} the larger is correct"
    )
    return table.with_columns(correct=said).drop(CORRECT_VALUE), note


def one_a_row(source: Format, path: Path, columns: list[str]) -> tuple[str, ...]:
    """Return those of some columns of numbers of which each row has one, where it is so; else none."""
    chunk = next(iter(source.chunks(path, columns)), None) if len(columns) > 1 else None
    if chunk is None:
        return ()
    import polars as pl

    numbers = chunk.frame.select(number(name, chunk.frame.schema[name]).alias(name) for name in columns)
    there = numbers.select(pl.sum_horizontal(pl.all().is_not_null()).alias("there"))["there"].to_numpy()
    return tuple(columns) if len(there) and there.max() == 1 and np.mean(there == 1) > MOST else ()
