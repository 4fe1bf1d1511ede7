"""Numbers by step and name, as one table."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from conet.readers.scalars.names import KNOWN, PARTS, STEP, SUMS
from conet.readers.scalars.quantities import choose, plain, quantity_of

if TYPE_CHECKING:
    import polars

LARGEST = 2**31 - 1  # step
_NONE = re.compile(r"agg/(?:all|effective)/[^/]+/solved_none")  # prime-rl, with the name of its agent
MOST_VALUES = 4_000_000  # beyond which only known quantities are kept
MOST_NAMES = 2_000


@dataclass
class Values:
    """Numbers by name and step; of one that was logged twice the later one.

    Attributes
    ----------
    steps : set of int
    columns : dict of str to dict of int to float
    """

    steps: set[int] = field(default_factory=set)
    columns: dict[str, dict[int, float]] = field(default_factory=dict)
    held: int = 0

    def put(self, step: int, row: Mapping[str, float]) -> None:
        """Take in what was logged at once."""
        if not 0 <= step <= LARGEST:
            return
        self.steps.add(step)
        for name, value in row.items():
            full = self.held >= MOST_VALUES or len(self.columns) >= MOST_NAMES
            if name == STEP or (full and quantity_of(name) is None):
                continue
            column = self.columns.setdefault(name, {})
            self.held += step not in column
            column[step] = value

    def add(self, later: "Values") -> None:
        """Take in all of a later part: what it has for a step replaces what is there."""
        self.steps |= later.steps
        for name, column in later.columns.items():
            self.columns.setdefault(name, {}).update(column)


def quantities(values: Values) -> dict[str, str]:
    """Return the trainer's name, or names, from which each quantity is taken."""
    found = choose(values.columns)
    by_plain = {plain(name): name for name in values.columns}
    for quantity, pairs in SUMS.items():
        for pair in pairs:
            if quantity not in found and all(name in by_plain for name in pair):
                found[quantity] = " + ".join(by_plain[name] for name in pair)
    silent = "groups_without_signal"
    none = next((name for name in by_plain if _NONE.fullmatch(name)), "")
    every = none.removesuffix("none") + "all"
    if silent not in found and none and every in by_plain:
        found[silent] = f"{by_plain[none]} + {by_plain[every]}"
    order = list(KNOWN)
    return dict(
        sorted(found.items(), key=lambda pair: order.index(pair[0]) if pair[0] in KNOWN else len(order))
    )


def table(values: Values) -> "polars.DataFrame":
    """Return one row a step: the step, the quantities, then all numbers under their own names."""
    import polars as pl

    steps = sorted(values.steps)
    columns = {STEP: pl.Series(steps, dtype=pl.Int32)}
    for quantity, name in quantities(values).items():
        known = values.columns.get(name) or _summed(values, name.split(" + "))
        columns[quantity] = _column(known, steps)
    for name, known in values.columns.items():
        if name not in columns:
            columns[name] = _column(known, steps)
    return pl.DataFrame(columns)


def _column(known: Mapping[int, float], steps: list[int]) -> "polars.Series":
    import polars as pl

    return pl.Series([known.get(step) for step in steps], dtype=pl.Float64)


def _summed(values: Values, pair: list[str]) -> dict[int, float]:
    """Return the sum of two shares of groups; of two counts of groups as a share of all."""
    first, second = (values.columns[name] for name in pair)
    by_plain = {plain(name): column for name, column in values.columns.items()}
    partly = by_plain.get(PARTS.get(plain(pair[0]), ""))
    found = {}
    for step in first.keys() & second.keys():
        total = first[step] + second[step]
        if partly is not None:
            whole = total + partly.get(step, 0.0)
            found[step] = total / whole if whole else 0.0
        else:
            found[step] = total
    return found
