"""From an answer's text to a value."""

import re
from collections.abc import Sequence

from conet.llm.answers.latex import clean, closing, split
from conet.llm.answers.numbers import number
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

DEEPEST = 12  # brackets within brackets
LONGEST = 2000  # signs; a longer answer is only compared as text
OR = re.compile(r"\\text\s*\{\s*or\s*\}|\\text\s*\{\s*and\s*/\s*or\s*\}|\bor\b|\\(?:lor|vee)(?![a-zA-Z])")
AND = re.compile(r",?\s*(?:\\text\s*\{\s*,?\s*and\s*\}|\band\b|\\(?:land|wedge)(?![a-zA-Z]))")
COMMA = re.compile(r"[,;]")
UNION = re.compile(r"\\cup(?![a-zA-Z])")
EQUALS = re.compile(r"(?<![<>!:])=(?!=)|\\equiv(?![a-zA-Z])")
RELATION = re.compile(r"\\le(?![a-zA-Z])|\\ge(?![a-zA-Z])|<|>")
NAME = re.compile(
    r"\\?[a-zA-Z]+(?:_(?:\{[^{}]*\}|\w))?'*|[a-zA-Z](?:\^\{?-1\}?)?\s*\(\s*[a-zA-Z](?:\s*,\s*[a-zA-Z])*\s*\)"
    r"|\\text\s*\{[^{}\d]*\}"
)
MATRIX = re.compile(
    r"^\\begin\s*\{([pbvBV]?(?:small)?matrix|array)\}(?:\{[lcr|]*\})?(.*)\\end\s*\{\1\}$", re.DOTALL
)
BARE_WORDS = re.compile(r"(?:[^\W\d_]{2,}|[Aa])(?:[ '\-][^\W\d_]+)*")
CHOICE = re.compile(r"\(?\s*(?:\\text\s*\{\s*\(?\s*([A-Za-z])\s*\)?\.?\s*\}|\(([A-Z])\)|([A-Z]))\s*\)?")


def parse(answer: str, depth: int = 0) -> Value | None:
    """Read an answer.

    Returns
    -------
    Value or None
        None for an empty answer, or one with brackets too deep to be one.
    """
    text = clean(answer) if len(answer) <= LONGEST else ""
    if not text or depth > DEEPEST:
        return None
    for read in (_matrix, _joined, _relation, _equation, _bracketed, _plus_minus, _words):
        found = read(text, depth + 1)
        if found is not None:
            return found
    value = number(text)
    if value is not None:
        return value
    return Expression(_without_unit_text(text))


def _all(texts: Sequence[str], depth: int) -> tuple[Value, ...] | None:
    found = [parse(text, depth) for text in texts]
    values = tuple(value for value in found if value is not None)
    return values if values and len(values) == len(texts) else None


def _matrix(text: str, depth: int) -> Value | None:
    found = MATRIX.match(text)
    if found is None:
        for left, right in (("[", "]"), ("(", ")"), ("|", "|")):
            if text.startswith(left) and text.endswith(right) and (found := MATRIX.match(text[1:-1].strip())):
                return _rows(found.group(2), left == "|", depth)
        return None
    return _rows(found.group(2), found.group(1).startswith(("v", "V")), depth)


def _rows(text: str, determinant: bool, depth: int) -> Matrix | None:
    lines = [line for line in re.split(r"\\\\(?:\[[^\]]*\])?|\\cr(?![a-zA-Z])", text) if line.strip()]
    rows = [_all(line.replace("\\hline", "").split("&"), depth) for line in lines]
    if not rows or any(row is None for row in rows):
        return None
    return Matrix(tuple(rows), determinant)  # type: ignore[arg-type]


def _joined(text: str, depth: int) -> Value | None:
    """Read several answers at the top level: "or", unions, "and", commas."""
    for separator, combine in ((OR, _either), (UNION, _union), (AND, _both), (COMMA, _list)):
        parts = [part for part in split(text, separator) if part]
        if len(parts) > 1 or (len(parts) == 1 and parts[0] != text and separator is not COMMA):
            if separator is AND:  # "1, 2 and 3"
                parts = [each for part in parts for each in split(part, COMMA) if each]
            values = _all(parts, depth)
            return None if values is None else combine(values)
    return None


def _either(values: tuple[Value, ...]) -> Value:
    if all(isinstance(value, Region) for value in values):
        return Region(tuple(piece for value in values for piece in value.pieces))  # type: ignore[union-attr]
    return _list(values)


def _union(values: tuple[Value, ...]) -> Value:
    regions = [as_region(value) for value in values]
    if all(region is not None for region in regions):
        pieces = [piece for region in regions for piece in region.pieces]  # type: ignore[union-attr]
        return Region(tuple(pieces))
    items = [
        item for value in values for item in (value.items if isinstance(value, Collection) else (value,))
    ]
    return Collection("set", tuple(items))


def _both(values: tuple[Value, ...]) -> Value:
    if len(values) == 2 and all(isinstance(value, Region) and len(value.pieces) == 1 for value in values):
        first, second = (value.pieces[0] for value in values)  # type: ignore[union-attr]
        if first.low is None and second.high is None:
            first, second = second, first
        if first.high is None and second.low is None:
            return Region((Piece(first.low, second.high, (first.closed[0], second.closed[1])),))
    return _list(values)


def _list(values: tuple[Value, ...]) -> Value:
    """Make a list; solutions of one unknown (x = 2, x = -3) are a list under its name."""
    names = {value.name for value in values if isinstance(value, Named)}
    if len(names) == 1 and len(values) > 1 and all(isinstance(value, Named) for value in values):
        named = _flat(value.value for value in values)  # type: ignore[union-attr]
        return Named(names.pop(), Collection("list", named))
    if len(names) == 1 and isinstance(values[0], Named) and not isinstance(values[0].value, Collection):
        rest = values[1:]  # "x = 2, -3" and "x = 2 or 3"
        return Named(names.pop(), Collection("list", _flat((values[0].value, *rest))))
    return Collection("list", _flat(values))


def _flat(values: object) -> tuple[Value, ...]:
    """Open lists within a list, as 1 ± √2 is one."""
    found: list[Value] = []
    for value in values:  # type: ignore[attr-defined]
        found += value.items if isinstance(value, Collection) and value.kind == "list" else (value,)
    return tuple(found)


def _relation(text: str, depth: int) -> Value | None:
    """Read an inequality in one unknown, or ``x \\in`` a set."""
    inside = re.match(rf"({NAME.pattern})\s*\\in(?![a-zA-Z])\s*(.+)$", text)
    if inside is not None:
        value = parse(inside.group(2), depth)
        return as_region(value) or value if value is not None else None
    signs = [found.group() for found in RELATION.finditer(text)]
    sides = split(text, RELATION)
    if not signs or len(sides) != len(signs) + 1 or not all(sides) or len(sides) > 3:
        return None
    rising = [sign in ("<", "\\le") for sign in signs]
    if len(set(rising)) > 1:
        return None
    if not rising[0]:
        sides, signs = sides[::-1], signs[::-1]
    closed = [sign in ("\\le", "\\ge") for sign in signs]
    ends = {place: parse(side, depth) for place, side in enumerate(sides)}
    unknown = [place for place, side in enumerate(sides) if NAME.fullmatch(side)]
    if any(value is None for value in ends.values()):
        return None
    if len(sides) == 3 and unknown == [1]:
        return Region((Piece(ends[0], ends[2], (closed[0], closed[1])),))
    if len(sides) == 2 and unknown == [0]:
        return Region((Piece(None, ends[1], (False, closed[0])),))
    if len(sides) == 2 and unknown == [1]:
        return Region((Piece(ends[0], None, (closed[0], False)),))
    return None


def as_region(value: Value | None) -> Region | None:
    """Turn a bracketed pair into the interval that it may stand for."""
    if isinstance(value, Region):
        return value
    if isinstance(value, Collection) and value.kind == "tuple" and len(value.items) == 2:
        low, high = (None if infinite(item) else item for item in value.items)
        left, right = value.brackets[0], value.brackets[1]
        if left in "([" and right in ")]":
            return Region((Piece(low, high, (left == "[", right == "]")),))
    return None


def infinite(value: Value) -> bool:
    """Whether a bound is plus or minus infinity."""
    return (
        isinstance(value, Expression)
        and re.fullmatch(r"[+-]?\s*(?:\\infty|inf|oo|infinity)", value.latex) is not None
    )


def _equation(text: str, depth: int) -> Value | None:
    sides = split(text, EQUALS)
    if len(sides) < 2 or not all(sides):
        return None
    left, *rest = sides
    if NAME.fullmatch(left) and len(rest) == 1:
        value = parse(rest[0], depth)
        return None if value is None else Named(re.sub(r"\s+|\\text|[{}]", "", left), value)
    return Equation(left, rest[0]) if len(rest) == 1 else None


def _plus_minus(text: str, depth: int) -> Value | None:
    if not re.search(r"\\pm(?![a-zA-Z])|\+/-|\+-", text):
        return None
    both = []
    for upper, lower in (("+", "-"), ("-", "+")):
        one = re.sub(r"\\pm(?![a-zA-Z])|\+/-|\+-", upper, text)
        one = re.sub(r"\\mp(?![a-zA-Z])|-/\+", lower, one)
        both.append(re.sub(r"(^|[(\[{,=])\s*\+\s*", r"\1", one))
    values = _all(both, depth)
    return None if values is None else _list(values)


def _bracketed(text: str, depth: int) -> Value | None:
    if text == "\\emptyset" or re.fullmatch(r"\\text\s*\{\s*(?:empty set|the empty set)\s*\}", text):
        return Collection("set", ())
    if text.startswith("\\{") and text.endswith("\\}") and "\\}" not in text[2:-2]:
        values = _all([part for part in split(text[2:-2], COMMA) if part], depth)
        return None if values is None else Collection("set", _flat(values))
    if text[0] not in "([" or closing(text, 0) != len(text) - 1:
        return None
    parts = split(text[1:-1], COMMA)
    if len(parts) == 1:
        return parse(parts[0], depth) if text[0] == "(" and not CHOICE.fullmatch(text) else None
    values = _all(parts, depth)
    if values is None:
        return None
    pair = Collection("tuple", values, text[0] + text[-1])
    interval = len(values) == 2 and (
        pair.brackets in ("[)", "(]") or any(infinite(value) for value in values)
    )
    return as_region(pair) if interval else pair


def _words(text: str, depth: int) -> Value | None:
    if choice := CHOICE.fullmatch(text):
        letter = next(group for group in choice.groups() if group)
        return Words(letter.lower() if choice.group(3) is None else letter, choice=True)
    plain = re.sub(r"\\text\s*\{([^{}]*)\}", r" \1 ", text).strip()
    if plain == text and ("\\" in text or re.search(r"\d", text)):
        return None
    if (
        BARE_WORDS.fullmatch(plain)
        and not re.fullmatch(r"[a-z]{2}", text)
        and not re.fullmatch(r"[A-Z]{2,3}", text)
    ):
        return Words(" ".join(plain.lower().split()))
    return None


def _without_unit_text(text: str) -> str:
    r"""Take a unit in ``\text{}`` off the end of a formula, as in ``\sqrt{2}\text{ cm}``."""
    from conet.llm.answers.units import NO_NAME

    found = re.match(r"^(.*[\w})])\s*\\text\s*\{([^{}]*)\}(?:\s*\^\s*\{?-?\d\}?)?$", text)
    if found is None or NO_NAME.search(found.group(2)):
        return text
    return found.group(1).strip()
