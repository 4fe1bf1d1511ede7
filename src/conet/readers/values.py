"""Values of any type as numbers, truth values and texts; nothing is guessed, what is neither is null."""

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars

# Lists with a 1 for each token of the model, and 0 for what tools or users said.
MASKS = ("response_mask", "completion_mask", "loss_mask", "action_mask")
_YES, _NO = ("true", "yes"), ("false", "no")


def as_number(text: str) -> float | None:
    """Read a finite number, or true and false, yes and no as 1 and 0; None for anything else."""
    lowered = text.strip().lower()
    if lowered in (*_YES, *_NO):
        return float(lowered in _YES)
    try:
        found = float(lowered)
    except ValueError:
        return None
    return found if abs(found) < float("inf") else None


def number(column: str, kind: "polars.DataType") -> "polars.Expr":
    """Expression that makes float64 of a column of any type; null where there is no finite number."""
    import polars as pl

    values = pl.col(column)
    if kind in (pl.Categorical, pl.Enum):
        values, kind = values.cast(pl.String), pl.String()
    if kind == pl.String:
        stripped = values.str.strip_chars()
        lowered = stripped.str.to_lowercase()
        said = pl.when(lowered.is_in(_YES)).then(1.0).when(lowered.is_in(_NO)).then(0.0)
        values = pl.coalesce(stripped.cast(pl.Float64, strict=False), said)
    elif kind.is_numeric() or kind == pl.Boolean:
        values = values.cast(pl.Float64, strict=False)
    else:
        return pl.lit(None, pl.Float64)
    return pl.when(values.is_finite()).then(values)


def compare(column: str, kind: "polars.DataType", comparison: str, value: str) -> "polars.Expr":
    """Expression that compares a column with a value; null where the column has none.

    Parameters
    ----------
    comparison
        One of ``== != >= <= > <``; the last four compare numbers.
    value
        As it was written.
    """
    import polars as pl

    wanted, found = as_number(value), number(column, kind)
    if wanted is not None and kind == pl.Float32:  # 0.9 as the column would hold it
        wanted = struct.unpack("f", struct.pack("f", wanted))[0]
    if comparison not in ("==", "!="):
        assert wanted is not None  # it was checked when the column mapping was read
        compared = {">=": found.ge, "<=": found.le, ">": found.gt, "<": found.lt}
        return compared[comparison](wanted)
    written = text(column, kind)
    equal = (written == value).fill_null(False)
    if wanted is not None:
        equal = equal | (found == wanted).fill_null(False)
    known = written.is_not_null()
    if wanted is not None and kind == pl.String:
        known &= written.str.strip_chars().str.to_lowercase() != "nan"
    return pl.when(known).then(equal if comparison == "==" else ~equal)


def text(column: str, kind: "polars.DataType") -> "polars.Expr":
    """Expression that makes text of a column without lists in it; whole numbers lose their point."""
    import polars as pl

    values = pl.col(column)
    if kind.is_float():
        values = values.fill_nan(None)
        whole = values.cast(pl.Int64, strict=False).cast(pl.String)
        return pl.when(values % 1 == 0).then(whole).otherwise(values.cast(pl.String))
    return values if kind == pl.String else values.cast(pl.String, strict=False)


def counted(column: str, kind: "polars.DataType") -> "polars.Expr":
    """Expression that makes steps of a column: numbers, or texts such as ``step_12`` that end with one."""
    import polars as pl

    found = number(column, kind)
    if kind != pl.String:
        return found
    named = (
        pl.col(column)
        .str.extract(r"^[A-Za-z][A-Za-z_ :=/-]*[_ :=/-]?(\d{1,9})$")
        .cast(pl.Float64, strict=False)
    )
    return pl.coalesce(found, named)


def sized(column: str, kind: "polars.DataType") -> "polars.Expr":
    """Expression that makes lengths of a column: numbers; of a list of tokens, how many there are.

    Of a mask (:data:`MASKS`), how many of them are the model's own.
    """
    import polars as pl

    values = pl.col(column)
    if column in MASKS and kind == pl.List:
        return values.list.sum().cast(pl.Float64)
    if kind in (pl.List, pl.Array):
        return values.list.len().cast(pl.Float64) if kind == pl.List else values.arr.len().cast(pl.Float64)
    if kind != pl.String:
        return number(column, kind)
    empty = pl.when(values.str.contains(r"^\s*\[\s*\]\s*$")).then(0.0)
    if column in MASKS:
        return pl.coalesce(number(column, kind), values.str.count_matches(r"\b(?:1|true)\b").cast(pl.Float64))
    many = pl.when(values.str.contains(r"^\s*\[")).then(values.str.count_matches(",").cast(pl.Float64) + 1)
    return pl.coalesce(number(column, kind), empty, many)
