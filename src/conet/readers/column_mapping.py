"""Which column plays which role, as the user says it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from conet.base.errors import ConetError, nearest
from conet.readers.values import as_number

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
    "gold",
    "family",
)
MAY_BE_CONDITIONS = ("correct", "truncated")
_CONDITION = re.compile(r"(.+?)(==|!=|>=|<=|>|<)(.*)", re.DOTALL)
_PAIR = re.compile(r"""(?:[=<>]\s*(?:'[^']*'|"[^"]*")\s*(?=,|$)|[^,])+""")
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


UNMAPPED = Source("")  # what ``--map length=`` says: that no column plays the role


def parse_column_mapping(given: "str | Mapping[str, str | Source]") -> dict[str, Source]:
    """Read a column mapping.

    Parameters
    ----------
    given
        ``role=column,role=column>=1,...``, as ``--map`` takes it (a value with a comma in it stands in
        quotes; with nothing behind ``=`` no column plays the role), or a mapping of role to column or
        condition.

    Raises
    ------
    ConetError
        For a role that is not one of ``ROLES``, a role given twice, a piece that is no pair, or a condition
        where a column is wanted.
    """
    pairs = _pairs(given) if isinstance(given, str) else list(given.items())
    found: dict[str, Source] = {}
    for role, source in pairs:
        if role not in ROLES:
            raise ConetError(f"--map {role}=…", "a role that there is", nearest(role, ROLES))
        if role in found:
            raise ConetError(f"--map with {role} twice", "each role once", "leave one out")
        found[role] = source if isinstance(source, Source) else _source(source)
        if found[role].comparison and role not in MAY_BE_CONDITIONS:
            raise ConetError(
                f"--map {role}={str(source)[:100]}",
                f"a column for {role}",
                "only correct and truncated may be conditions",
            )
    return found


def _pairs(text: str) -> list[tuple[str, str]]:
    pairs = []
    for piece in filter(None, (part.strip() for part in _PAIR.findall(text))):
        role, separator, rest = (part.strip() for part in piece.partition("="))
        if not separator or not role:
            raise ConetError(f"--map {piece[:100]!r}", "role=column", _EXAMPLE)
        pairs.append((role, rest))
    return pairs


def _source(text: str) -> Source:
    if not text:
        return UNMAPPED
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
