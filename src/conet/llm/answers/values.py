"""What an answer can be, apart from a number: the kinds of values that are compared."""

import re
from dataclasses import dataclass
from typing import Literal

from conet.llm.answers.numbers import Number


@dataclass(frozen=True)
class Words:
    """An answer in words, in small letters; ``choice`` where it is a single letter, as (C)."""

    text: str
    choice: bool = False


@dataclass(frozen=True)
class Expression:
    """A formula, as cleaned LaTeX, and the unit behind it in plain words."""

    latex: str
    unit: str = ""


@dataclass(frozen=True)
class Collection:
    """Several values: a set, in which repetition does not count, a list in any order, or a tuple in order.

    ``brackets`` are those of a tuple, since (1, 2) may be a pair or an open interval; "or" of a list that
    says ``x = 1`` or ``y = 2``, of which one holds, not both.
    """

    kind: Literal["set", "list", "tuple"]
    items: tuple["Value", ...]
    brackets: str = ""


@dataclass(frozen=True)
class Piece:
    """An interval; an end that is None is infinite."""

    low: "Value | None"
    high: "Value | None"
    closed: tuple[bool, bool]


@dataclass(frozen=True)
class Region:
    """Real numbers between bounds, as a union of intervals; ``name`` is the unknown that lies there."""

    pieces: tuple[Piece, ...]
    name: str = ""


@dataclass(frozen=True)
class Matrix:
    """A matrix, or the determinant of one."""

    rows: tuple[tuple["Value", ...], ...]
    determinant: bool = False


@dataclass(frozen=True)
class Named:
    """A value under a name: ``x = 3``, ``f(x) = x^2``."""

    name: str
    value: "Value"


@dataclass(frozen=True)
class Equation:
    """An equation whose left side is no single name; both sides as cleaned LaTeX."""

    left: str
    right: str


@dataclass(frozen=True)
class Chain:
    """Values that are said to be equal, as 10! = 3628800."""

    items: tuple["Value", ...]


@dataclass(frozen=True)
class Rounded:
    """A value and a decimal number that is known to round it, as √2 ≈ 1.414."""

    value: "Value"
    shown: Number


Value = Number | Words | Expression | Collection | Region | Matrix | Named | Equation | Chain | Rounded


def infinite(value: Value) -> bool:
    """Whether a bound is plus or minus infinity."""
    return (
        isinstance(value, Expression)
        and re.fullmatch(r"[+-]?\s*(?:\\infty|inf|oo|infinity)", value.latex) is not None
    )
