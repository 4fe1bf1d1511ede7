"""Sets of real numbers as unions of intervals: joined, intersected, complemented, and written one way."""

from fractions import Fraction
from itertools import pairwise

from conet.llm.answers.numbers import Number
from conet.llm.answers.values import Collection, Expression, Piece, Region, Value, infinite

REALS = Piece(None, None, (False, False))


def as_region(value: Value | None) -> Region | None:
    """Turn a bracketed pair into the interval that it may stand for, and a set of numbers into points."""
    if isinstance(value, Region):
        return value
    if not isinstance(value, Collection):
        return None
    if value.kind == "set" and all(real(item) is not None for item in value.items):
        return Region(tuple(Piece(item, item, (True, True)) for item in value.items))
    if value.kind == "tuple" and len(value.items) == 2:
        low, high = (None if infinite(item) else item for item in value.items)
        left, right = value.brackets[0], value.brackets[1]
        if left in "([" and right in ")]":
            return Region((Piece(low, high, (left == "[", right == "]")),))
    return None


def real(value: Value | None) -> Fraction | None:
    """Return the real number that a bound stands for; None where it is no number."""
    if isinstance(value, Number) and not value.unit:
        return value.value / (100 if value.percent else 1)
    if isinstance(value, Expression) and not value.unit:
        from conet.llm.answers.symbolic import constant

        return constant(value.latex)
    return None


def common_name(regions: tuple[Region, ...]) -> str | None:
    """Return the unknown that all regions speak of, empty where none has one; None where they differ."""
    names = {region.name for region in regions if region.name}
    return None if len(names) > 1 else next(iter(names), "")


def union(regions: tuple[Region, ...], name: str = "") -> Region:
    """Join regions."""
    return merged(Region(tuple(piece for region in regions for piece in region.pieces), name))


def merged(region: Region) -> Region:
    """Join pieces that touch or overlap, in rising order; as it is where a bound is no number."""
    ordered = _ordered(region)
    if ordered is None:
        return region
    found: list[Piece] = []
    for piece in ordered:
        if found and _touch(found[-1], piece):
            found[-1] = _joined(found[-1], piece)
        else:
            found.append(piece)
    return Region(tuple(found), region.name)


def complement(region: Region) -> Region | None:
    """Return all real numbers outside; None where a bound is no number."""
    ordered = _ordered(merged(region))
    if ordered is None:
        return None
    edges = [Piece(None, None, (True, True)), *ordered, Piece(None, None, (True, True))]
    gaps = []
    for place, (before, after) in enumerate(pairwise(edges)):
        low = before.high if place else None
        high = after.low if place < len(ordered) else None
        if (place and before.high is None) or (place < len(ordered) and after.low is None):
            continue  # nothing is left on that side
        closed = low is not None and not before.closed[1], high is not None and not after.closed[0]
        gaps.append(Piece(low, high, closed))
    return Region(tuple(gaps), region.name)


def intersection(first: Region, second: Region, name: str = "") -> Region | None:
    """Return what lies in both; of bounds that are no numbers only a lower and an upper one."""
    outside = complement(first), complement(second)
    if outside[0] is not None and outside[1] is not None:
        inside = complement(union((outside[0], outside[1])))
        return None if inside is None else Region(inside.pieces, name)
    if len(first.pieces) == len(second.pieces) == 1:
        low, high = first.pieces[0], second.pieces[0]
        if low.low is None and high.high is None:
            low, high = high, low
        if low.high is None and high.low is None:
            return Region((Piece(low.low, high.high, (low.closed[0], high.closed[1])),), name)
    return None


def _bounds(piece: Piece) -> tuple[float | Fraction, float | Fraction]:
    low, high = real(piece.low), real(piece.high)
    return (
        float("-inf") if piece.low is None else float("nan") if low is None else low,
        float("inf") if piece.high is None else float("nan") if high is None else high,
    )


def _ordered(region: Region) -> list[Piece] | None:
    """Sort pieces by their lower ends; None where an end is no number, or a piece holds none."""
    bounds = {piece: _bounds(piece) for piece in region.pieces}
    for piece, (low, high) in bounds.items():
        if not (low < high or (low == high and all(piece.closed))):
            return None
    return sorted(bounds, key=lambda piece: (bounds[piece][0], not piece.closed[0]))


def _touch(left: Piece, right: Piece) -> bool:
    high, low = _bounds(left)[1], _bounds(right)[0]
    return low < high or (low == high and (left.closed[1] or right.closed[0]))


def _joined(left: Piece, right: Piece) -> Piece:
    mine, other = _bounds(left)[1], _bounds(right)[1]
    if mine == other:
        return Piece(left.low, left.high, (left.closed[0], left.closed[1] or right.closed[1]))
    last = left if mine > other else right
    return Piece(left.low, last.high, (left.closed[0], last.closed[1]))
