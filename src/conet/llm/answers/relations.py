"""Inequalities, and sets of real numbers in other words, as regions; equations and chains of them."""

import re
from collections.abc import Callable

from conet.llm.answers.latex import compact, split
from conet.llm.answers.numbers import number
from conet.llm.answers.regions import REALS, as_region, common_name, complement, intersection, real
from conet.llm.answers.values import Chain, Collection, Equation, Named, Piece, Region, Rounded, Value, Words

Read = Callable[[str, int], Value | None]  # of a part, at a depth of brackets
NAME = re.compile(
    r"\\?[a-zA-Z]+(?:_(?:\{[^{}]*\}|\w))?'*"
    r"|[a-zA-Z]'*(?:\^\{?-1\}?)?\s*\(\s*[a-zA-Z](?:\s*,\s*[a-zA-Z])*\s*\)|\\text\s*\{[^{}\d]*\}"
)
EQUALS = re.compile(r"(?<![<>!:])=(?!=)|\\equiv(?![a-zA-Z])")
APPROXIMATELY = re.compile(r"\\(?:approx|simeq)(?![a-zA-Z])")
RELATION = re.compile(r"\\le(?![a-zA-Z])|\\ge(?![a-zA-Z])|<|>")
UNEQUAL = re.compile(r"\\ne(?![a-zA-Z])")
SEVERAL = re.compile(r",|\\text\s*\{\s*,?\s*and\s*\}|\band\b|\\(?:land|wedge)(?![a-zA-Z])")
WITHOUT = re.compile(r"\\(?:setminus|backslash|smallsetminus)(?![a-zA-Z])|(?<=\})\s*-\s*(?=\\\{)")
CAP = re.compile(r"\\cap(?![a-zA-Z])")
ALL = re.compile(r"\\mathbb\s*\{?\s*R\s*\}?|(?:\\text\s*\{)?\s*all real(?:s| numbers)\s*\}?", re.IGNORECASE)
SIZE = re.compile(rf"\|\s*({NAME.pattern})\s*\|")
BUILDER = re.compile(
    rf"\\\{{\s*({NAME.pattern})\s*(?:\\in\s*{ALL.pattern})?\s*(?:\\mid(?![a-zA-Z])|\||:)(.+)\\\}}",
    re.IGNORECASE,
)
NAMES = re.compile(r"\(\s*\\?[a-zA-Z]+(?:_\w)?(?:\s*,\s*\\?[a-zA-Z]+(?:_\w)?)+\s*\)")
# Work that is left to do: who writes it has repeated the problem, and a policy would learn to.
UNWORKED = re.compile(
    r"\\(?:sum|prod|i{1,3}nt|oint|lim|gcd|lcm|[bp]?mod|det)(?![a-zA-Z])"
    r"|\\frac\s*\{\s*(?:d|\\text\s*\{\s*d\s*\})"
    r"(?:\^\S+)?\s*\}|\\begin\s*\{[vV]|(?<![a-zA-Z])(?:mod|gcd|lcm)(?![a-zA-Z])"
)
DERIVATIVE = re.compile(r"\\frac\s*\{\s*(?:d|\\partial\s)[^{}]*\}\s*\{\s*(?:d|\\partial\s)[^{}]*\}")
GREEK = (
    r"\\(?:alpha|beta|[gG]amma|[dD]elta|(?:var)?epsilon|zeta|eta|(?:var)?theta|Theta|iota|kappa|[lL]ambda|mu"
    r"|nu|[xX]i|(?:var)?rho|(?:var)?sigma|Sigma|tau|[uU]psilon|(?:var)?phi|Phi|chi|[pP]si|[oO]mega|ell)"
)  # all but pi, which is a number
UNKNOWN = re.compile(rf"(?<![\\a-zA-Z])(?![ei](?![a-zA-Z]))[a-zA-Z]|{GREEK}(?![a-zA-Z])")
# What is called so in an equation alone: an angle, a length, a value of a function, a probability.
CALLED = re.compile(
    rf"{NAME.pattern}|(?:m\s*)?\\(?:measured)?angle\s*[a-zA-Z]{{1,3}}|\\overline\s*\{{\s*[A-Z]{{2}}\s*\}}"
    r"|\|\s*[A-Z]{2}\s*\||[fghpqFGHP]'*\s*\(\s*-?\d+\s*\)|P\s*\([^()=]*\)"
)


def unworked(text: str) -> bool:
    """Whether every side of a cleaned answer, names apart, is a sum, integral … still to be worked out."""
    sides = [side for part in split(text, EQUALS) for side in split(part, APPROXIMATELY) if side]
    sides = [side for side in sides if not NAME.fullmatch(side)] or sides
    return bool(sides) and all(UNWORKED.search(side) for side in sides)


def unequal(text: str, depth: int, read: Read) -> Value | None:
    r"""Read ``x \ne 0``, ``x \ne 1, 2`` or ``x \ne 1, x \ne 2``: all real numbers but some."""
    if not UNEQUAL.search(text):
        return None
    names: list[str] = []
    points: list[Value | None] = []
    for part in split(text, SEVERAL):
        sides = split(part, UNEQUAL)
        if len(sides) == 2 and NAME.fullmatch(sides[0]):
            names.append(sides[0])
        elif len(sides) != 1 or not names:
            return None
        point = read(sides[-1], depth)
        several = isinstance(point, Collection) and point.kind == "list"  # of \pm 2
        points += point.items if several and isinstance(point, Collection) else (point,)
    if len(set(names)) != 1 or any(point is None for point in points):
        return None
    outside = Region(tuple(Piece(point, point, (True, True)) for point in points), names[0])
    return complement(outside)


def all_real(text: str, depth: int, read: Read) -> Value | None:
    r"""Read ``\mathbb R``, ``\{x \mid x > 0\}``, and what is taken away from a region or common to two."""
    if built := BUILDER.fullmatch(text):
        region = read(built.group(2), depth)
        return region if isinstance(region, Region) and region.name == built.group(1) else None
    if ALL.fullmatch(text):
        return Region((REALS,))
    for separator in (WITHOUT, CAP):
        parts = split(text, separator)
        if len(parts) == 2:
            regions = tuple(as_region(read(part, depth)) for part in parts)
            first, second = regions
            if first is None or second is None:
                return None
            rest = complement(second) if separator is WITHOUT else second
            name = common_name((first, second))
            return None if rest is None or name is None else intersection(first, rest, name)
    return None


def relation(text: str, depth: int, read: Read) -> Value | None:
    r"""Read an inequality in one unknown, or ``x \in`` a set."""
    inside = re.match(rf"({NAME.pattern})\s*\\in(?![a-zA-Z])\s*(.+)$", text)
    if inside is not None:
        value = read(inside.group(2), depth)
        if isinstance(value, Collection) and value.kind == "set":
            return Named(inside.group(1), value)
        region = as_region(value)
        return value if region is None else Region(region.pieces, inside.group(1))
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
    if len(sides) == 2 and (size := _of_size(sides, closed[0], depth, read)) is not None:
        return size
    unknown = [place for place, side in enumerate(sides) if NAME.fullmatch(side)]
    if len(unknown) != 1 or (len(sides) == 3 and unknown != [1]):
        return None
    ends = {place: read(side, depth) for place, side in enumerate(sides) if place != unknown[0]}
    if any(value is None for value in ends.values()):
        return None
    name, place = sides[unknown[0]], unknown[0]
    low, high = ends.get(place - 1), ends.get(place + 1)
    ends_in = low is not None and closed[0], high is not None and closed[-1]
    return Region((Piece(low, high, ends_in),), name)


def _of_size(sides: list[str], closed: bool, depth: int, read: Read) -> Region | None:
    """Read ``|x| < 2`` and ``|x| > 2``, of a plain unknown alone: anything else is still to be solved."""
    for place, side in enumerate(sides):
        found = SIZE.fullmatch(side)
        limit = read(sides[1 - place], depth) if found else None
        value = real(limit)
        if found is None or limit is None or value is None or value < 0:
            continue
        opposite = read(f"-({sides[1 - place]})", depth)
        inside = Region((Piece(opposite, limit, (closed, closed)),), found.group(1))
        if place == 0:
            return inside
        outer = closed, closed
        pieces = Piece(None, opposite, (False, outer[0])), Piece(limit, None, (outer[1], False))
        return Region(pieces, found.group(1))
    return None


def equation(text: str, depth: int, read: Read) -> Value | None:
    """Read a named value, an equation, or a chain of equal constants, the last perhaps rounded."""
    close = split(text, APPROXIMATELY)
    if len(close) == 2 and all(close):
        return _rounded(close[0], close[1], depth, read)
    sides = split(text, EQUALS)
    if len(sides) < 2 or not all(sides):
        return None
    left, *rest = sides
    if CALLED.fullmatch(left) and not _is_constant(left):
        value = read(rest[0], depth) if len(rest) == 1 else _chain(rest, depth, read)
        return None if value is None else Named(re.sub(r"\s+|\\text|[{}]", "", left), value)
    if NAMES.fullmatch(left) and len(rest) == 1:
        value = read(rest[0], depth)
        return Named(re.sub(r"\s+", "", left), value) if isinstance(value, Collection) else None
    if len(rest) == 1 and (UNWORKED.search(left) or DERIVATIVE.fullmatch(left)):
        return _worked(left, rest[0], depth, read)
    if all(map(_is_constant, sides)):
        return _chain(sides, depth, read)
    if len(rest) == 1 and CALLED.fullmatch(rest[0]) and not _is_constant(rest[0]):  # 7 = x
        return equation(f"{rest[0]} = {left}", depth, read)
    return Equation(left, rest[0]) if len(rest) == 1 else None


def _worked(left: str, right: str, depth: int, read: Read) -> Value | None:
    """Read what a sum, integral, derivative … was worked out to; a constant one has to be that."""
    from conet.llm.answers.symbolic import constant

    if not DERIVATIVE.fullmatch(left) and constant(left) is not None:
        return _chain([left, right], depth, read)
    value = read(right, depth)
    return None if value is None else Named(compact(left), value)


def _is_constant(side: str) -> bool:
    return not UNKNOWN.search(re.sub(r"\\text\s*\{[^{}]*\}", "", side)) and side not in ("i",)


def _chain(sides: list[str], depth: int, read: Read) -> Value | None:
    values = [read(side, depth) for side in sides]
    items = tuple(value for value in values if value is not None)
    return Chain(items) if len(items) == len(sides) else None


def _rounded(left: str, right: str, depth: int, read: Read) -> Value | None:
    r"""Read ``\sqrt2 \approx 1.414``: the right side has to round the left one to its last digit."""
    shown = number(right)
    if NAME.fullmatch(left) and not _is_constant(left):
        value = read(right, depth)
        return None if value is None else Named(re.sub(r"\s+|\\text|[{}]", "", left), value)
    value = read(left, depth)
    exact = value.value if isinstance(value, Named) else value
    size = real(exact.items[0] if isinstance(exact, Chain) else exact)
    if value is None or exact is None or shown is None or size is None or isinstance(exact, Words):
        return None
    places = len(right.partition(".")[2].strip()) if re.fullmatch(r"-?\d*\.?\d+", right) else -1
    if places < 0 or abs(float(shown.value) - size) > 0.5001 * 10.0**-places:
        return None
    rounded = Rounded(exact, shown)
    return Named(value.name, rounded) if isinstance(value, Named) else rounded
