"""Formulas compared by math-verify's parser and sympy; nothing else of an answer reaches them."""

import cmath
import re
from typing import Any

# The parser adds 7 and 8 in "7 8", and reads words as products of letters: such texts are no formulas.
# Powers of powers, and exponents of four digits, whose values nobody can write down.
TOWER = re.compile(r"\^\{?[^{}^]*\^\{?[^{}^]*\^|\^\s*\{?\s*\d{4}|\d{4,}\s*!|!\s*!")
AMBIGUOUS = re.compile(r"\d\s+\d|\d\s*_|\\text|(?<![\\a-zA-Z])[a-zA-Z]{4,}")


def formula(latex: str) -> Any:
    """Parse a formula; None where it is none."""
    from latex2sympy2_extended import latex2sympy

    if AMBIGUOUS.search(latex) or TOWER.search(latex) or latex.count("{") != latex.count("}"):
        return None
    try:
        return latex2sympy(latex)
    except Exception:  # the parser raises plain exceptions of many kinds
        return None


def equal(one: str, other: str, tolerance: float) -> bool:
    """Whether two formulas are the same, by algebra; two constants also within the tolerance.

    It may take long: the judge ends it.
    """
    import sympy
    from math_verify import verify

    first, second = formula(one), formula(other)
    if (
        first is None
        or second is None
        or not isinstance(first, sympy.Expr)
        or not isinstance(second, sympy.Expr)
    ):
        return False
    values = _value(first), _value(second)
    if all(map(cmath.isfinite, values)):
        constant = not first.free_symbols and not second.free_symbols
        if abs(values[0] - values[1]) > (tolerance if constant else 1e-9) * abs(values[1]):
            return False  # most pairs end here, before the slow algebra
        if constant:
            return True
    return bool(verify(second, first, timeout_seconds=None)) or sympy.simplify(first - second) == 0


def _value(expression: Any) -> complex:
    """Evaluate where every unknown has a value of its own; NaN where that is no number."""
    names = sorted(expression.free_symbols, key=str)
    chosen = {symbol: 0.7 + 0.1391 * sum(map(ord, str(symbol))) % 1.9 for symbol in names}
    try:
        return complex(expression.evalf(subs=chosen))
    except (TypeError, ValueError, OverflowError):
        return complex("nan")


def proportional(left: str, right: str, other_left: str, other_right: str) -> bool:
    """Whether two equations say the same: left minus right of one is a constant times that of the other."""
    import sympy

    sides = [formula(side) for side in (left, right, other_left, other_right)]
    if any(side is None or not isinstance(side, sympy.Expr) for side in sides):
        return False
    first, second = sides[0] - sides[1], sides[2] - sides[3]
    if first == 0 or second == 0 or first.free_symbols != second.free_symbols:
        return False
    ratio = sympy.simplify(first / second)
    return bool(ratio.is_number and ratio.is_finite and ratio != 0)
