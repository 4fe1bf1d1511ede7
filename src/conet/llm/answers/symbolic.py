"""Formulas: math-verify's parser, sympy's exact numbers, and values at points; nothing else reaches them."""

import cmath
import re
from fractions import Fraction
from typing import Any, NamedTuple

from conet.llm.answers.latex import braced
from conet.llm.answers.numbers import EXACT, agree

# Powers of powers of powers, and exponents whose values nobody can write down.
TOWER = re.compile(r"\^\s*\{[^{}]*\^\s*\{?[^{}]*\^|\^\s*\w\s*\^|\^\s*\{?\s*\d{5}|\d{4,}\s*!|!\s*!")
# The parser adds 7 and 8 in "7 8", reads words as products of letters, drops primes, dots and square
# brackets around a number, shows what is invisible and takes the gamma function for a number: such texts
# are no formulas.
AMBIGUOUS = re.compile(
    r"\d\s+\d|\d\s*[_{]|\\text|(?<![\\a-zA-Z])[a-zA-Z]{4,}|'|\\[lc]?dots|\.\.\.|^\["
    r"|(?:\\cdot|\\times|\\div|[-+*/^_])\s*$|\\(?:overline|bar|hat|approx|[hv]?phantom|Gamma)"
)
# Two numbers side by side, one in brackets: a product, where the parser would see a mixed number.
PRODUCT = re.compile(r"(?<![\^_])([\d)])\s*(?=[(\[]|\\[td]?binom)|(\))\s*(?=\d|\\frac)")
FUNCTION = re.compile(r"\\(?:arc)?(?:sin|cos|tan|cot|sec|csc|log|ln|exp)(?![a-zA-Z])")
DEGREES = re.compile(
    r"(\d+(?:\.\d+)?|\([^()]*\)|\\frac\s*\{[^{}]*\}\s*\{[^{}]*\}|\\?[a-zA-Z]+)\s*\^\\circ(?![a-zA-Z])"
)
DIGITS = 60  # of a value; an identity holds to far more than chance can give
CHANCE = 1e-50  # relative difference of two values that are the same
MOST = 2000  # digits of a value that are computed to tell it from a near one; beyond, it is not the same
# Added to a value of its own for each unknown, of which each begins at another place in the ring: far ones
# too, since |x + 9| is x + 9 near zero, and of either sign beside either, since |xy| is xy where signs agree.
POINTS = (0.0, 1.731, 7.119, -2.917, 4.393, -412.7, -23.61, 37.83, 12.93)
# Letters that the parser takes for something else: I for the imaginary unit, a power T for transposition.
LETTERS = re.compile(r"\\[a-zA-Z]+|(?<!_\{)I|\^\s*(?:\{\s*T\s*\}|T)")


class Constant(NamedTuple):
    """A formula without unknowns, and whether a decimal point stands in it."""

    value: Any
    exact: bool


def formula(latex: str) -> Any:
    """Parse a formula, degrees as parts of pi and i as the imaginary unit; None where it is none."""
    import sympy
    from latex2sympy2_extended import latex2sympy
    from latex2sympy2_extended.latex2sympy2 import ConversionConfig

    text = DEGREES.sub(r"(\1\\cdot\\frac{\\pi}{180})", braced(latex))
    text = PRODUCT.sub(lambda found: (found.group(1) or found.group(2)) + r"\cdot ", text)
    if AMBIGUOUS.search(text) or TOWER.search(text) or "\\circ" in text or text.count("{") != text.count("}"):
        return None
    try:
        text = LETTERS.sub(_as_letter, text)
        # R and r are two unknowns
        found = latex2sympy(text, conversion_config=ConversionConfig(lowercase_symbols=False))
        if not isinstance(found, sympy.Expr):
            return None
        found = found.doit()
        found = found.xreplace({each: sympy.Rational(str(each)) for each in found.atoms(sympy.Float)})
        named: dict[Any, Any] = {each: sympy.I for each in found.free_symbols if str(each) == "i"}
        if found.has(sympy.EulerGamma):  # an angle, or whatever the problem calls so
            named[sympy.EulerGamma] = sympy.Symbol("gamma", real=True)
        return found.xreplace(named).doit() if named else found
    except Exception:  # the parser raises plain exceptions of many kinds
        return None


def _as_letter(found: re.Match[str]) -> str:
    text = found.group()
    return r"\iota " if text == "I" else r"^{\chi_{T}}" if text.startswith("^") else text


def equal(one: str, other: str, tolerance: float) -> bool:
    """Whether two formulas are the same: exactly, and to the tolerance where a decimal point stands in one.

    Formulas with unknowns are the same where their values at several points are. Outside functions a
    degree sign may be left out. It may take long: the judge ends it.
    """
    if _equal(one, other, tolerance):
        return True
    bare = [re.sub(r"\^\\circ(?![a-zA-Z])", "", text) for text in (one, other)]
    if bare == [one, other] or any(FUNCTION.search(text) for text in bare):
        return False
    return _equal(bare[0], bare[1], tolerance)


def _equal(one: str, other: str, tolerance: float) -> bool:
    first, second = formula(one), formula(other)
    if first is None or second is None:
        return False
    if not first.free_symbols and not second.free_symbols:
        mine, gold = (Constant(value, "." not in text) for value, text in ((first, one), (second, other)))
        return _same_constant(mine, gold, tolerance)
    names = first.free_symbols | second.free_symbols
    values = zip(_values(first, names), _values(second, names))
    pairs = [(a, b) for a, b in values if cmath.isfinite(complex(a - b))]
    if len(pairs) < 2:
        return bool(first == second)
    if not (_is_complex(first) or _is_complex(second)):  # ln(x^2) is 2 ln x wherever both are real
        within = [(a, b) for a, b in pairs if _is_real(a) and _is_real(b)]
        pairs = within if len(within) > 1 else pairs
    return all(abs(a - b) <= CHANCE * max(1, abs(a), abs(b)) for a, b in pairs)


def _same_constant(one: Constant, other: Constant, tolerance: float) -> bool:
    import mpmath

    if one.value.is_Rational and other.value.is_Rational:
        mine, gold = (Fraction(int(each.value.p), int(each.value.q)) for each in (one, other))
        return agree(mine, gold, tolerance, one.exact, other.exact)
    whole = any(each.exact and each.value.is_Integer for each in (one, other))
    exact = tolerance <= EXACT and (whole or (one.exact and other.exact))
    if one.value == other.value:
        return True
    digits = DIGITS + (_wanted(one.value, other.value) if exact else 0)
    if digits > MOST:
        return False
    mine, gold = (_at(each.value, {}, digits) for each in (one, other))
    with mpmath.workdps(digits):
        if not (mpmath.isfinite(mine) and mpmath.isfinite(gold)):
            return False
        chance = mpmath.mpf(10) ** (DIGITS - digits) * CHANCE if exact else tolerance
        return bool(abs(mine - gold) <= chance * abs(gold)) or (gold == 0 and bool(abs(mine) <= CHANCE))


def _wanted(*values: Any) -> int:
    r"""Return how many digits tell a root from what lies beside it: ``\sqrt{10^{60}+1}`` is near 10^30."""
    import sympy

    parts = [max(abs(each.p), each.q) for value in values for each in value.atoms(sympy.Rational)]
    return 2 * int(0.302 * max((int(part).bit_length() for part in parts), default=0) + 1)


def constant(latex: str) -> Fraction | None:
    """Return the value of a formula without unknowns to fifty digits; None where it is none, or not real."""
    import mpmath

    found = formula(latex)
    if found is None or found.free_symbols:
        return None
    if found.is_Rational:
        return Fraction(int(found.p), int(found.q))
    value = _at(found, {})
    if not mpmath.isfinite(value) or abs(value.imag) > 1e-12:
        return None
    with mpmath.workdps(DIGITS):  # fifty digits are the same however the number was written
        return Fraction(mpmath.nstr(value.real, DIGITS - 10))


def _is_complex(expression: Any) -> bool:
    """Whether i stands in a formula, or an odd root, whose principal value is complex below zero."""
    import sympy

    powers = expression.atoms(sympy.Pow)
    return expression.has(sympy.I) or any(
        power.exp.is_Rational and power.exp.q > 1 and power.exp.q % 2 for power in powers
    )


def _is_real(value: Any) -> bool:
    return bool(abs(value.imag) <= CHANCE * abs(value))


def _values(expression: Any, names: set[Any]) -> list[Any]:
    """Evaluate at several points, on either side of zero, where every unknown has a value of its own."""
    own = {symbol: 0.7 + 0.1391 * sum(map(ord, str(symbol))) % 1.9 for symbol in names}
    ordered = sorted(names, key=str)
    return [
        _at(
            expression,
            {
                symbol: own[symbol] + POINTS[(start + turn) % len(POINTS)]
                for turn, symbol in enumerate(ordered)
            },
        )
        for start in range(len(POINTS))
    ]


def _at(expression: Any, chosen: dict[Any, float], digits: int = DIGITS) -> Any:
    """Evaluate to so many digits; NaN where that is no number."""
    import mpmath
    import sympy

    try:
        # no fractions: sympy would factor them to take a root
        numbers = {name: sympy.Float(x, 3 * DIGITS) for name, x in chosen.items()}
        value = sympy.N(expression.xreplace(numbers), digits, maxn=4 * digits)
        with mpmath.workdps(digits):
            return mpmath.mpc(*(mpmath.mpf(str(part)) for part in value.as_real_imag()))
    except (TypeError, ValueError, OverflowError, ZeroDivisionError):
        return mpmath.mpc("nan")


def proportional(left: str, right: str, other_left: str, other_right: str) -> bool:
    """Whether two equations say the same: left minus right of one is a constant times that of the other."""
    import mpmath

    sides = [formula(side) for side in (left, right, other_left, other_right)]
    if any(side is None for side in sides):
        return False
    first, second = sides[0] - sides[1], sides[2] - sides[3]
    if not first.free_symbols or first.free_symbols != second.free_symbols:
        return False
    with mpmath.workdps(DIGITS):
        names = first.free_symbols
        ratios = [a / b for a, b in zip(_values(first, names), _values(second, names)) if a and b]
        ratios = [ratio for ratio in ratios if cmath.isfinite(complex(ratio))]
        return len(ratios) > 2 and all(
            abs(ratio - ratios[0]) <= CHANCE * abs(ratios[0]) for ratio in ratios[1:]
        )
