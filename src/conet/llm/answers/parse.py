"""From an answer's text to a value."""

import re
from collections.abc import Sequence
from dataclasses import replace

from conet.llm.answers.latex import clean, closing, split
from conet.llm.answers.numbers import number
from conet.llm.answers.regions import REALS, as_region, common_name, intersection, union
from conet.llm.answers.relations import all_real, equation, relation, unequal
from conet.llm.answers.units import names_thing, plain
from conet.llm.answers.values import Collection, Expression, Matrix, Named, Region, Value, Words, infinite

DEEPEST = 12  # brackets within brackets
LONGEST = 2000  # signs; a longer answer is only compared as text
OR = re.compile(r"\\text\s*\{\s*or\s*\}|\\text\s*\{\s*and\s*/\s*or\s*\}|\bor\b|\\(?:lor|vee)(?![a-zA-Z])")
AND = re.compile(r",?\s*(?:\\text\s*\{\s*,?\s*and\s*\}|\band\b|\\(?:land|wedge)(?![a-zA-Z]))")
COMMA = re.compile(r"[,;]")
UNION = re.compile(r"\\cup(?![a-zA-Z])")
MATRIX = re.compile(
    r"^\\begin\s*\{([pbvBV]?(?:small)?matrix|array)\}(?:\{[lcr|]*\})?(.*)\\end\s*\{\1\}$", re.DOTALL
)
BARE_WORDS = re.compile(r"(?:[^\W\d_]{2,}|[Aa])(?:[ '\-][^\W\d_]+)*")
CLOCK = re.compile(r"(\d{1,2})(?::([0-5]\d))?\s*([ap])\.?\s*m\.?", re.IGNORECASE)
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
    value = number(text)
    if value is not None:
        return value
    for read in (_matrix, _clock, _other_words, _joined, _related, _bracketed, _plus_minus, _words):
        found = read(text, depth + 1)
        if found is not None:
            return found
    return _formula(text)


def _all(texts: Sequence[str], depth: int) -> tuple[Value, ...] | None:
    found = [parse(text, depth) for text in texts]
    values = tuple(value for value in found if value is not None)
    return values if values and len(values) == len(texts) else None


def _matrix(text: str, depth: int) -> Value | None:
    found = MATRIX.match(text)
    if found is not None:
        return _rows(found.group(2), found.group(1).startswith(("v", "V")), depth)
    for left, right in (("[", "]"), ("(", ")"), ("|", "|")):
        if text.startswith(left) and text.endswith(right) and (found := MATRIX.match(text[1:-1].strip())):
            return _rows(found.group(2), left == "|", depth)
    place = text.find("\\begin")
    factor = re.sub(r"\\(?:cdot|times)\s*$|\*\s*$", "", text[:place].strip()).strip() if place > 0 else ""
    inner = MATRIX.match(text[place:]) if factor and not re.search(r"[+=,&]|\w\s*-|\\begin", factor) else None
    if inner is None or inner.group(1).startswith(("v", "V")):
        return None
    return _rows(inner.group(2), False, depth, "-1" if factor == "-" else factor)


def _rows(text: str, determinant: bool, depth: int, factor: str = "") -> Matrix | None:
    r"""Read the rows of a matrix; a factor before it, as \frac12, multiplies every entry."""
    lines = [line for line in re.split(r"\\\\(?:\[[^\]]*\])?|\\cr(?![a-zA-Z])", text) if line.strip()]
    texts = [line.replace("\\hline", "").split("&") for line in lines]
    if factor:
        texts = [[rf"({factor})\cdot({entry})" for entry in line] for line in texts]
    rows = [_all(line, depth) for line in texts]
    if not rows or any(row is None for row in rows):
        return None
    return Matrix(tuple(rows), determinant)  # type: ignore[arg-type]


def _clock(text: str, depth: int) -> Value | None:
    """Read a time of day, as 3:30 p.m.; 5am without point and colon may be a product."""
    found = CLOCK.fullmatch(re.sub(r"\\text\s*\{([^{}]*)\}", r" \1 ", text).strip())
    if found is None or not re.search(r"[:.]|\\text", text):
        return None
    return Words(f"{int(found.group(1))}:{found.group(2) or '00'} {found.group(3).lower()}m")


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


def _other_words(text: str, depth: int) -> Value | None:
    """Read sets of real numbers that are no intervals and no inequalities."""
    return unequal(text, depth, parse) or all_real(text, depth, parse)


def _related(text: str, depth: int) -> Value | None:
    return relation(text, depth, parse) or equation(text, depth, parse)


def _either(values: tuple[Value, ...]) -> Value:
    """Join what "or" parts: inequalities to a region; of several unknowns it is no "and"."""
    regions = tuple(value for value in values if isinstance(value, Region))
    name = common_name(regions)
    if len(regions) == len(values) and name is not None:
        return union(regions, name)
    values = tuple(map(_point, values))
    found = _list(values)
    spoken = {value.name for value in values if isinstance(value, Region | Named)}
    return replace(found, brackets="or") if len(spoken) > 1 and isinstance(found, Collection) else found


def _point(value: Value) -> Value:
    """Make one point of ``x = 1, y = 2``, in the order of its names: of several solutions each is one."""
    if not isinstance(value, Collection) or value.kind != "list":
        return value
    named = {item.name: item.value for item in value.items if isinstance(item, Named)}
    if not 1 < len(named) == len(value.items):
        return value
    names = sorted(named)
    return Named(f"({','.join(names)})", Collection("tuple", tuple(named[name] for name in names), "()"))


def _union(values: tuple[Value, ...]) -> Value | None:
    sets = [value for value in values if isinstance(value, Collection) and value.kind == "set"]
    if len(sets) == len(values):
        return Collection("set", tuple(item for value in sets for item in value.items))
    regions = tuple(region for value in values if (region := as_region(value)) is not None)
    name = common_name(regions)
    return None if len(regions) < len(values) or name is None else union(regions, name)


def _both(values: tuple[Value, ...]) -> Value:
    regions = tuple(value for value in values if isinstance(value, Region))
    name = common_name(regions)
    if len(values) == len(regions) == 2 and name:
        return intersection(*regions, name) or _list(values)
    return _list(values)


def _list(values: tuple[Value, ...]) -> Value:
    """Make a list; solutions of one unknown (x = 2, x = -3) are a list under its name.

    That an unknown is real, said beside what it is, adds nothing.
    """
    spoken = {value.name for value in values if isinstance(value, Region | Named)}
    telling = tuple(
        value for value in values if value not in [Region((REALS,), name) for name in spoken if name]
    )
    if len(telling) == len(spoken) == 1 < len(values):
        return telling[0]
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


def _plus_minus(text: str, depth: int) -> Value | None:
    if not re.search(r"\\(?:pm|mp)(?![a-zA-Z])|\+/-|\+-", text):
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


def _formula(text: str) -> Expression:
    r"""Take a unit in ``\text{}`` off the end of a formula, as in ``\sqrt{2}\text{ cm}``."""
    found = re.match(r"^(.*[\w})])\s*\\text\s*\{([^{}]*)\}(\s*\^\s*\{?-?\d\}?)?$", text)
    if found is None or not names_thing(found.group(2)):
        return Expression(text)
    return Expression(found.group(1).strip(), plain(found.group(2) + (found.group(3) or "")))
