"""Whether two answers mean the same."""

import re

from conet.llm.answers.latex import clean, compact
from conet.llm.answers.numbers import Number, same_number
from conet.llm.answers.parse import as_region, parse
from conet.llm.answers.values import (
    Collection,
    Equation,
    Expression,
    Matrix,
    Named,
    Piece,
    Region,
    Value,
    Words,
)

LONGEST = 300  # signs of a formula that is parsed; a longer one is compared as text


def same_answer(given: str, gold: str, tolerance: float) -> bool:
    """Whether two answers mean the same.

    Parameters
    ----------
    given, gold
        Answers without their box.
    tolerance
        Relative, for numbers that are not both written as whole numbers.
    """
    if not given.strip() or not gold.strip():
        return False
    if clean(given) == clean(gold) != "":
        return True
    one, other = parse(given), parse(gold)
    return one is not None and other is not None and same(one, other, tolerance)


def same(one: Value, other: Value, tolerance: float) -> bool:
    """Whether two values are the same; names and brackets count as far as both sides have them."""
    if isinstance(one, Named) and isinstance(other, Named):
        return one.name == other.name and same(one.value, other.value, tolerance)
    if isinstance(one, Named) or isinstance(other, Named):
        return _one_named(one, other, tolerance)
    if isinstance(one, Region) or isinstance(other, Region):
        return _same_region(as_region(one), as_region(other), tolerance)
    if isinstance(one, Collection) or isinstance(other, Collection):
        return _same_collection(one, other, tolerance)
    if isinstance(one, Matrix) or isinstance(other, Matrix):
        return isinstance(one, Matrix) and isinstance(other, Matrix) and _same_matrix(one, other, tolerance)
    if isinstance(one, Number) and isinstance(other, Number):
        return same_number(one, other, tolerance)
    if isinstance(one, Words) or isinstance(other, Words):
        return _same_words(one, other)
    if isinstance(one, Equation) or isinstance(other, Equation):
        return isinstance(one, Equation) and isinstance(other, Equation) and _same_equation(one, other)
    return _same_formula(one, other, tolerance)


def _one_named(one: Value, other: Value, tolerance: float) -> bool:
    """``y = f(x)`` equals ``f(x)``, and an equation that says the same another way."""
    named, plain = (one, other) if isinstance(one, Named) else (other, one)
    assert isinstance(named, Named)
    if isinstance(plain, Equation):
        value = named.value
        return isinstance(value, Number | Expression) and _same_equation(
            Equation(named.name, _latex(value)), plain
        )
    if isinstance(one, Named):
        return same(one.value, other, tolerance)
    return same(one, named.value, tolerance)


def _same_collection(one: Value, other: Value, tolerance: float) -> bool:
    mine, theirs = _items(one), _items(other)
    kinds = {value.kind for value in (one, other) if isinstance(value, Collection)}
    if "tuple" in kinds:
        brackets = {value.brackets for value in (one, other) if isinstance(value, Collection)}
        ordered = (
            kinds == {"tuple"}
            and len(brackets) == 1
            and isinstance(one, Collection)
            and isinstance(other, Collection)
        )
        return (
            ordered and len(mine) == len(theirs) and all(same(*pair, tolerance) for pair in zip(mine, theirs))
        )
    if "set" in kinds:
        return all(any(same(item, gold, tolerance) for gold in theirs) for item in mine) and all(
            any(same(item, gold, tolerance) for item in mine) for gold in theirs
        )
    if _names(mine) != _names(theirs) and max(len(_names(mine)), len(_names(theirs))) > 1:
        return False
    left = list(theirs)
    for item in mine:
        partner = next((place for place, gold in enumerate(left) if same(item, gold, tolerance)), None)
        if partner is None:
            return False
        del left[partner]
    return not left


def _names(items: tuple[Value, ...]) -> set[str]:
    return {item.name for item in items if isinstance(item, Named)}


def _items(value: Value) -> tuple[Value, ...]:
    return value.items if isinstance(value, Collection) else (value,)


def _same_region(one: Region | None, other: Region | None, tolerance: float) -> bool:
    if one is None or other is None or len(one.pieces) != len(other.pieces):
        return False
    left = list(other.pieces)
    for piece in one.pieces:
        partner = next(
            (place for place, gold in enumerate(left) if _same_piece(piece, gold, tolerance)), None
        )
        if partner is None:
            return False
        del left[partner]
    return True


def _same_piece(one: Piece, other: Piece, tolerance: float) -> bool:
    for mine, gold, closed, also in zip(
        (one.low, one.high), (other.low, other.high), one.closed, other.closed
    ):
        if (mine is None) != (gold is None):
            return False
        if mine is not None and gold is not None and not (closed == also and same(mine, gold, tolerance)):
            return False
    return True


def _same_matrix(one: Matrix, other: Matrix, tolerance: float) -> bool:
    return (
        one.determinant == other.determinant
        and [len(row) for row in one.rows] == [len(row) for row in other.rows]
        and all(
            same(*pair, tolerance) for mine, gold in zip(one.rows, other.rows) for pair in zip(mine, gold)
        )
    )


def _same_words(one: Value, other: Value) -> bool:
    """Words but for large and small letters; a single letter may also be a name in a formula."""
    texts = []
    for value in (one, other):
        if isinstance(value, Words):
            texts.append(value.text)
        elif isinstance(value, Expression) and re.fullmatch(r"[a-zA-Z]+", value.latex):
            texts.append(value.latex)
        else:
            return False
    if isinstance(one, Words) and isinstance(other, Words):
        return texts[0].lower() == texts[1].lower()
    return texts[0] == texts[1]


def _latex(value: Value) -> str:
    if isinstance(value, Number):
        above, below = value.value.numerator, value.value.denominator
        return str(above) if below == 1 else rf"\frac{{{above}}}{{{below}}}"
    return value.latex if isinstance(value, Expression) else ""


def _same_formula(one: Value, other: Value, tolerance: float) -> bool:
    texts = _latex(one), _latex(other)
    if not all(texts):
        return False
    if compact(texts[0]) == compact(texts[1]) != "":
        return True
    from conet.llm.answers.symbolic import equal

    return max(map(len, texts)) <= LONGEST and equal(*texts, tolerance)


def _same_equation(one: Equation, other: Equation) -> bool:
    if compact(one.left) == compact(other.left) and compact(one.right) == compact(other.right):
        return True
    from conet.llm.answers.symbolic import proportional

    sides = one.left, one.right, other.left, other.right
    return max(map(len, sides)) <= LONGEST and proportional(*sides)
