"""What an answer can be, apart from a number: the kinds of values that are compared."""

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
    """A formula, as cleaned LaTeX."""

    latex: str


@dataclass(frozen=True)
class Collection:
    """Several values: a set, in which repetition does not count, a list in any order, or a tuple in order.

    ``brackets`` are those of a tuple, since (1, 2) may be a pair or an open interval.
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
    """Real numbers between bounds, as a union of intervals."""

    pieces: tuple[Piece, ...]


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


Value = Number | Words | Expression | Collection | Region | Matrix | Named | Equation
