"""Which column plays which role, and how values of any type become numbers, verdicts and texts."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from conet.errors import ConetError, nearest

if TYPE_CHECKING:
    import polars

ROLES = (
    "step",
    "problem",
    "prompt",
    "completion",
    "reward",
    "correct",
    "length",
    "truncated",
    "split",
    "phase",
)
_CONDITION = re.compile(r"(.+?)(==|!=|>=|<=|>|<)(.*)", re.DOTALL)
_EXAMPLE = "for example --map step=global_step,problem=question_id,correct=score>=1"


@dataclass(frozen=True)
class Source:
    """Where a role's values come from: a column, or a comparison of a column with a value.

    Attributes
    ----------
    column : str
    comparison : str
        One of ``== != >= <= > <``; empty where the column itself is meant.
    value : str
        What the column is compared with.
    """

    column: str
    comparison: str = ""
    value: str = ""

    def __str__(self) -> str:
        return f"{self.column}{self.comparison}{self.value}"


def parse_map(text: str) -> dict[str, Source]:
    """Read ``role=column,role=column>=1,...``.

    Raises
    ------
    ConetError
        For a role that is not one of ``ROLES``, a role given twice, or a piece that is no pair.
    """
    found: dict[str, Source] = {}
    for piece in filter(None, (part.strip() for part in text.split(","))):
        role, separator, rest = (part.strip() for part in piece.partition("="))
        if not separator or not role or not rest:
            raise ConetError(f"--map {piece[:100]!r}", "role=column", _EXAMPLE)
        if role not in ROLES:
            raise ConetError(f"--map {role}=…", "a role that there is", nearest(role, ROLES))
        if role in found:
            raise ConetError(f"--map with {role} twice", "each role once", "leave one out")
        found[role] = _source(rest)
    return found


def _source(text: str) -> Source:
    match = _CONDITION.fullmatch(text)
    if match is None:
        return Source(text)
    column, comparison, value = (part.strip() for part in match.groups())
    value = value.strip("'\"")
    if comparison not in ("==", "!=") and as_number(value) is None:
        raise ConetError(
            f"--map …={text[:100]}", f"a number after {comparison}", "compare texts with == or !="
        )
    return Source(column, comparison, value)


def as_number(text: str) -> float | None:
    """Read a finite number, or true and false as 1 and 0; None for anything else."""
    lowered = text.strip().lower()
    if lowered in ("true", "false"):
        return float(lowered == "true")
    try:
        number = float(lowered)
    except ValueError:
        return None
    return number if abs(number) < float("inf") else None


def numbers(values: "polars.Series") -> "polars.Series":
    """Turn a column of any type into float64; null where there is no finite number."""
    import polars as pl

    kind = values.dtype
    if kind == pl.String:
        lowered = values.str.strip_chars().str.to_lowercase()
        lowered = lowered.replace(["true", "false"], ["1", "0"])
        found = lowered.cast(pl.Float64, strict=False)
    elif kind.is_numeric() or kind == pl.Boolean:
        found = values.cast(pl.Float64, strict=False)
    else:
        found = pl.Series(values.name, [None] * len(values), dtype=pl.Float64)
    return found.set(~found.is_finite().fill_null(False), None)


def matches(values: "polars.Series", source: Source) -> "polars.Series":
    """Compare a column with a value; null where the column has none."""
    number = as_number(source.value)
    found = numbers(values)
    if source.comparison not in ("==", "!="):
        assert number is not None  # _source saw to it
        compare = {">=": found.ge, "<=": found.le, ">": found.gt, "<": found.lt}
        return compare[source.comparison](number)
    written = texts(values)
    equal = written == source.value
    if number is not None:
        equal = equal.fill_null(False) | (found == number).fill_null(False)
    missing = values.is_null() | (values.is_nan() if values.dtype.is_float() else False)
    equal = equal.fill_null(False)
    return (equal if source.comparison == "==" else ~equal).set(missing, None)


def texts(values: "polars.Series", *, roles: bool = False) -> "polars.Series":
    """Turn a column of texts, messages or ids into text.

    Parameters
    ----------
    values
        Of any type. Lists of messages (dicts with ``role`` and ``content``) become their contents;
        JSON text of such a list counts as one.
    roles
        Whether the role of each message is written before it, where there is more than one.
    """
    import polars as pl

    if values.dtype == pl.String:
        if not values.str.starts_with("[{").any():
            return values
        plain = [text if as_messages(text) is None else text_of(text, roles) for text in values]
        return pl.Series(values.name, plain, dtype=pl.String)
    if values.dtype.is_nested():
        plain = [None if value is None else text_of(value, roles) for value in values.to_list()]
        return pl.Series(values.name, plain, dtype=pl.String)
    if values.dtype.is_float() and (values.fill_nan(None).drop_nulls() % 1 == 0).all():
        values = values.fill_nan(None).cast(pl.Int64, strict=False)
    return values.cast(pl.String, strict=False)


def text_of(value: Any, roles: bool = False) -> str:
    """Write a message, a list of messages, or any other value as text."""
    messages = as_messages(value)
    if messages is None:
        return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    spoken = [_spoken(message) for message in messages]
    if not roles or len(messages) == 1:
        return "\n".join(spoken)
    return "\n".join(f"{message.get('role', '')}: {text}" for message, text in zip(messages, spoken))


def as_messages(value: Any) -> list[Mapping[str, Any]] | None:
    """Return a value as a list of messages; None where it is none."""
    if isinstance(value, str):
        try:
            value = json.loads(value) if value.startswith("[{") else None
        except (ValueError, RecursionError):
            return None
    if not isinstance(value, list):
        return None
    return value if all(isinstance(part, Mapping) and "content" in part for part in value) else None


def _spoken(message: Mapping[str, Any]) -> str:
    """What a message says: thoughts, then content; of a list of parts the texts."""
    content = message["content"]
    if isinstance(content, list):
        content = "".join(str(part.get("text") or "") for part in content if isinstance(part, Mapping))
    parts = [message.get("reasoning_content"), content]
    return "\n".join(str(part) for part in parts if part)
