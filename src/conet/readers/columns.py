"""Which column plays which role, and how values of any type become numbers, verdicts and texts."""

import ast
import hashlib
import json
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from conet.base.errors import ConetError, nearest

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
_PIECE = re.compile(r"""(?:[=<>]\s*(?:'[^']*'|"[^"]*")\s*(?=,|$)|[^,])+""")
_YES, _NO = ("true", "yes"), ("false", "no")
_COMPARED = ("correct", "truncated")  # roles that may be a condition
_MESSAGES = r"^\s*\[\s*\{"
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
    """Read ``role=column,role=column>=1,...``; a value with a comma in it stands in quotes.

    Raises
    ------
    ConetError
        For a role that is not one of ``ROLES``, a role given twice, a piece that is no pair, or a condition
        where a column is wanted.
    """
    found: dict[str, Source] = {}
    for piece in filter(None, (part.strip() for part in _PIECE.findall(text))):
        role, separator, rest = (part.strip() for part in piece.partition("="))
        if not separator or not role or not rest:
            raise ConetError(f"--map {piece[:100]!r}", "role=column", _EXAMPLE)
        if role not in ROLES:
            raise ConetError(f"--map {role}=…", "a role that there is", nearest(role, ROLES))
        if role in found:
            raise ConetError(f"--map with {role} twice", "each role once", "leave one out")
        found[role] = _source(rest)
        if found[role].comparison and role not in _COMPARED:
            raise ConetError(
                f"--map {piece[:100]}", f"a column for {role}", "only correct and truncated may be conditions"
            )
    return found


def _source(text: str) -> Source:
    match = _CONDITION.fullmatch(text)
    if match is None:
        return Source(text)
    column, comparison, value = (part.strip() for part in match.groups())
    if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
        value = value[1:-1]
    elif not value:
        raise ConetError(
            f"--map …={text[:100]}", f"a value after {comparison}", "for the empty text write ''"
        )
    if comparison not in ("==", "!=") and as_number(value) is None:
        raise ConetError(
            f"--map …={text[:100]}", f"a number after {comparison}", "compare texts with == or !="
        )
    return Source(column, comparison, value)


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


def match(source: Source, kind: "polars.DataType") -> "polars.Expr":
    """Expression that compares a column with a value; null where the column has none."""
    import polars as pl

    wanted, found = as_number(source.value), number(source.column, kind)
    if wanted is not None and kind == pl.Float32:  # 0.9 as the column would hold it
        wanted = struct.unpack("f", struct.pack("f", wanted))[0]
    if source.comparison not in ("==", "!="):
        assert wanted is not None  # _source saw to it
        compare = {">=": found.ge, "<=": found.le, ">": found.gt, "<": found.lt}
        return compare[source.comparison](wanted)
    written = text(source.column, kind)
    equal = (written == source.value).fill_null(False)
    if wanted is not None:
        equal = equal | (found == wanted).fill_null(False)
    known = written.is_not_null()
    if wanted is not None and kind == pl.String:
        known &= written.str.strip_chars().str.to_lowercase() != "nan"
    return pl.when(known).then(equal if source.comparison == "==" else ~equal)


def text(column: str, kind: "polars.DataType") -> "polars.Expr":
    """Expression that makes text of a column without lists in it; whole numbers lose their point."""
    import polars as pl

    values = pl.col(column)
    if kind.is_float():
        values = values.fill_nan(None)
        whole = values.cast(pl.Int64, strict=False).cast(pl.String)
        return pl.when(values % 1 == 0).then(whole).otherwise(values.cast(pl.String))
    return values if kind == pl.String else values.cast(pl.String, strict=False)


def spoken(frame: "polars.DataFrame", name: str, *, roles: bool = False) -> "polars.DataFrame":
    """Turn lists of messages (dicts with ``role`` and ``content``) into the text of their contents.

    Parameters
    ----------
    frame
        What holds the column.
    name
        A column of lists, or of texts that may be the JSON of such a list; others stay as they are.
    roles
        Whether the role of each message is written before it, where there is more than one.
    """
    import polars as pl

    kind = frame.schema[name]
    if kind.is_nested():
        written = [None if value is None else text_of(value, roles) for value in frame[name].to_list()]
    elif kind == pl.String and frame.select(pl.col(name).str.contains(_MESSAGES).any()).item():
        written = [value if as_messages(value) is None else text_of(value, roles) for value in frame[name]]
    else:
        return frame
    return frame.with_columns(pl.Series(name, written, dtype=pl.String))


def text_of(value: Any, roles: bool = False) -> str:
    """Write a message, a list of messages, or any other value as text."""
    messages = as_messages(value)
    if messages is None:
        return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    said = [_said(message) for message in messages]
    if not roles or len(messages) == 1:
        return "\n".join(said)
    return "\n".join(f"{message.get('role', '')}: {text}" for message, text in zip(messages, said))


def as_messages(value: Any) -> list[Mapping[str, Any]] | None:
    """Return a value as a list of messages; None where it is none."""
    if isinstance(value, str):
        value = _parsed(value) if re.match(_MESSAGES, value) else None
    elif isinstance(value, Mapping):
        value = [value]
    if not isinstance(value, list):
        return None
    return value if all(isinstance(part, Mapping) and "content" in part for part in value) else None


def _part(part: Mapping[str, Any]) -> str:
    """Text of a part of a message; of an image or the like a digest, so that prompts which differ in it stay apart."""
    if part.get("text") is not None or part.get("type") == "text":
        return str(part.get("text") or "")
    shown = json.dumps(part, default=str, sort_keys=True)
    return f"[{part.get('type') or 'part'} {hashlib.blake2b(shown.encode(), digest_size=6).hexdigest()}]"


def _parsed(written: str) -> Any:
    """Read a list as JSON, or as Python writes it (so pandas does in CSV)."""
    for parse in (json.loads, ast.literal_eval):
        try:
            return parse(written)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            pass
    return None


def _said(message: Mapping[str, Any]) -> str:
    """What a message says: thoughts, then content; of a list of parts the texts."""
    content = message["content"]
    if isinstance(content, list):
        content = "".join(_part(part) for part in content if isinstance(part, Mapping))
    parts = [message.get("reasoning_content"), content]
    return "\n".join(str(part) for part in parts if part)
