"""Columns of Arrow as polars can take them: text that is text, and no type that it does not know."""

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types

from conet.readers.formats.chunk import Unusable
from conet.readers.memory import in_words, longest_text


def readable(name: str, column: Any) -> Any:
    """Return a column that polars reads without a fault.

    Bytes are taken for UTF-8, as text that lacks its mark; what is not UTF-8 becomes a character of its own,
    as in CSV. Polars trusts text without looking, and what it does with other bytes is undefined.

    Parameters
    ----------
    name
        Of the column, for the error.
    column
        A pyarrow.Array.

    Raises
    ------
    Unusable
        For a type without meaning here, text within lists that is not UTF-8, or a text that is too long.
    """
    kind = column.type
    if isinstance(kind, pa.BaseExtensionType):
        return readable(name, column.storage)
    if types.is_dictionary(kind):
        return readable(name, column.dictionary_decode())
    if _is_text(kind):
        return _as_text(name, column)
    if types.is_duration(kind):
        return column.cast(pa.int64())
    if types.is_nested(kind):
        return _checked(name, column)
    if _is_plain(kind):
        return column
    if types.is_decimal(kind):
        return column.cast(pa.float64())
    raise Unusable(f"has a column {name!r} of type {kind}, which cannot be read")


def _is_text(kind: Any) -> bool:
    strings = types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind)
    sized = types.is_binary(kind) or types.is_large_binary(kind) or types.is_fixed_size_binary(kind)
    return strings or sized or types.is_binary_view(kind)


def _is_plain(kind: Any) -> bool:
    numbers = types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind)
    times = types.is_temporal(kind) and not types.is_interval(kind)
    return numbers or times or types.is_null(kind) or types.is_decimal128(kind)


def _as_text(name: str, column: Any) -> Any:
    found = column.cast(pa.large_binary())
    longest = pc.max(pc.binary_length(found)).as_py() or 0
    if longest > longest_text():
        raise Unusable(
            f"has a text of {longest / 1e6:,.0f} MB in column {name!r}, and reading with"
            f" {in_words()} of memory takes texts of {longest_text() / 1e6:,.0f} MB at most; raise --memory"
        )
    try:
        return found.cast(pa.large_string())
    except pa.ArrowInvalid:
        texts = found.to_pylist()
        decoded = [None if text is None else text.decode("utf-8", "replace") for text in texts]
        return pa.array(decoded, pa.large_string())


def _checked(name: str, column: Any) -> Any:
    """Return lists and objects as they are, where polars knows all that is in them."""
    if not _known(column.type):
        raise Unusable(f"has a column {name!r} of type {column.type}, which cannot be read")
    try:
        column.validate(full=True)
    except pa.ArrowInvalid:
        raise Unusable(f"has text that is not UTF-8 in column {name!r}") from None
    return column


def _known(kind: Any) -> bool:
    if types.is_dictionary(kind):
        return _known(kind.value_type)
    if types.is_nested(kind) and not types.is_union(kind):
        return all(_known(kind.field(place).type) for place in range(kind.num_fields))
    return types.is_string(kind) or types.is_large_string(kind) or _is_plain(kind)
