"""Tables as CSV that a spreadsheet takes for what it is: text stays text."""

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars

# How a text begins that a spreadsheet takes for a formula, which it runs when the file is opened; the wide
# forms of the four signs count as well where Chinese or Japanese is set.
FORMULA = "^[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]"


def as_csv(table: "polars.DataFrame") -> str:
    """Return a table as CSV.

    A text that a spreadsheet would take for a formula, as it begins with ``=``, ``+``, ``-`` (and is no
    number), ``@``, a wide form of these, a tab or the end of a line, gets an apostrophe before it; so do
    names of columns.
    """
    import polars as pl

    texts = [name for name, kind in table.schema.items() if kind in (pl.String, pl.Categorical, pl.Enum)]
    quoted = table.with_columns(_quoted(pl.col(name).cast(pl.String)).alias(name) for name in texts)
    return quoted.rename({name: re.sub(f"(?={FORMULA})", "'", name) for name in table.columns}).write_csv()


def _quoted(text: "polars.Expr") -> "polars.Expr":
    import polars as pl

    formula = text.str.contains(FORMULA) & text.cast(pl.Float64, strict=False).is_null()
    return pl.when(formula).then(pl.lit("'") + text).otherwise(text)
