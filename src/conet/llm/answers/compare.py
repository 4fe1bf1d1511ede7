"""Whether two answers mean the same."""

import re

from conet.llm.answers.latex import clean, compact
from conet.llm.answers.numbers import Number, same_number
from conet.llm.answers.parse import parse
from conet.llm.answers.regions import as_region, merged
from conet.llm.answers.relations import UNWORKED, unworked
from conet.llm.answers.units import factor
from conet.llm.answers.values import (
    Chain,
    Collection,
    Equation,
    Expression,
    Matrix,
    Named,
    Piece,
    Region,
    Rounded,
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
    if unworked(clean(given)) and not UNWORKED.search(gold):
        return False
    one, other = parse(given), parse(gold)
    return one is not None and other is not None and same(one, other, tolerance)


def same(one: Value, other: Value, tolerance: float) -> bool:
    """Whether two values are the same; names and brackets count as far as both sides have them."""
    if isinstance(one, Chain):
        return all(same(item, other, tolerance) for item in one.items)
    if isinstance(other, Chain):
        return all(same(one, item, tolerance) for item in other.items)
    if isinstance(one, Rounded):
        return same(one.value, other, tolerance) or same(one.shown, other, tolerance)
    if isinstance(other, Rounded):
        return same(one, other.value, tolerance) or same(one, other.shown, tolerance)
    if (pairs := _coordinates(one, other)) is not None:
        return all(same(*pair, tolerance) for pair in pairs)
    if isinstance(one, Named) and isinstance(other, Named):
        return _both_named(one, other, tolerance)
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


def _coordinates(one: Value, other: Value) -> list[tuple[Value, Value]] | None:
    """Pair ``x = 3, y = 4`` with ``(x, y) = (3, 4)`` by name, and with ``(3, 4)`` in alphabetical order."""
    for values, point, turned in ((one, other, False), (other, one, True)):
        if not isinstance(values, Collection) or values.kind != "list" or values.brackets:
            continue
        named = {item.name: item.value for item in values.items if isinstance(item, Named)}
        names = list(named)
        if isinstance(point, Named) and point.name.startswith("("):
            names, point = point.name[1:-1].split(","), point.value
        elif names != sorted(names):
            continue
        if not isinstance(point, Collection) or point.brackets != "()":
            continue
        if len(named) == len(values.items) == len(point.items) > 1 and set(names) == set(named):
            found = [(named[name], item) for name, item in zip(names, point.items)]
            return [pair[::-1] for pair in found] if turned else found
    return None


def _both_named(one: Named, other: Named, tolerance: float) -> bool:
    """The same value of the same name, or the same equation solved for another."""
    if one.name == other.name:
        return same(one.value, other.value, tolerance)
    first, second = _as_equation(one), _as_equation(other)
    return first is not None and second is not None and _same_equation(first, second)


def _as_equation(named: Named) -> Equation | None:
    value = named.value
    if isinstance(value, Words) and len(value.text) == 1:  # A = B
        return Equation(named.name, value.text)
    return Equation(named.name, _latex(value)) if isinstance(value, Number | Expression) else None


def _one_named(one: Value, other: Value, tolerance: float) -> bool:
    """``y = f(x)`` equals ``f(x)``, and an equation that says the same another way."""
    named, plain = (one, other) if isinstance(one, Named) else (other, one)
    assert isinstance(named, Named)
    if isinstance(plain, Equation):
        equation = _as_equation(named)
        return equation is not None and _same_equation(equation, plain)
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
        if not (isinstance(one, Collection) and isinstance(other, Collection)):
            return False  # a set of one is not its member
        return all(any(same(item, gold, tolerance) for gold in theirs) for item in mine) and all(
            any(same(item, gold, tolerance) for item in mine) for gold in theirs
        )
    if len({value.brackets for value in (one, other) if isinstance(value, Collection)}) > 1:
        return False  # x = 1 or y = 2, and x = 1 and y = 2
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
    if one is None or other is None or (one.name and other.name and one.name != other.name):
        return False
    one, other = merged(one), merged(other)
    if len(one.pieces) != len(other.pieces):
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
    if (
        isinstance(one, Words)
        and isinstance(other, Words)
        and (len(texts[0]) > 1 or one.choice == other.choice)
    ):
        return texts[0].lower() == texts[1].lower()
    return texts[0] == texts[1]


def _latex(value: Value) -> str:
    if isinstance(value, Number):
        return _number_latex(value)
    return value.latex if isinstance(value, Expression) else ""


def _number_latex(number: Number) -> str:
    r"""Write a number as a formula: decimal ones with their point, degrees as parts of \pi."""
    value = number.value / 100 if number.percent else number.value
    above, below = value.numerator, value.denominator
    text = str(above) if below == 1 else rf"\frac{{{above}}}{{{below}}}"
    text = text if number.exact else rf"1.0\cdot({text})"
    return rf"({text})^\circ" if number.unit == "degree" else text


def _same_formula(one: Value, other: Value, tolerance: float) -> bool:
    texts = [_latex(one), _latex(other)]
    if not all(texts):
        return False
    units = [value.unit for value in (one, other) if isinstance(value, Number | Expression)]
    if all(units) and units[0] != units[1] and "degree" not in units:
        scale = factor(*units)
        if scale is None:
            return False
        texts[0] = rf"\frac{{{scale.numerator}}}{{{scale.denominator}}}\cdot({texts[0]})"
    if compact(texts[0]) == compact(texts[1]) != "":
        return True
    from conet.llm.answers.symbolic import equal

    return max(map(len, texts)) <= LONGEST and equal(texts[0], texts[1], tolerance)


def _same_equation(one: Equation, other: Equation) -> bool:
    if compact(one.left) == compact(other.left) and compact(one.right) == compact(other.right):
        return True
    from conet.llm.answers.symbolic import proportional

    sides = one.left, one.right, other.left, other.right
    return max(map(len, sides)) <= LONGEST and proportional(*sides)
