"""Numbers as people write them: exact where they are exact, with unit and percent sign."""

import re
from dataclasses import dataclass
from fractions import Fraction

from conet.llm.answers.latex import clean
from conet.llm.answers.units import factor, known, split_scale, split_unit

EXACT = 1e-6  # the tolerance up to which what has no decimal point is what it says, and nothing near it
CONVERTED = 1e-12  # relative; conversions of units are computed in floating point
LONGEST = 400  # digits, or a power of ten: more is no answer but an attack on memory
PLAIN = r"(?:\d+\.?\d*|\.\d+)"
DECIMAL = re.compile(rf"{PLAIN}(?:[eE]([+-]?\d+))?")
SCIENTIFIC = re.compile(
    rf"(?:({PLAIN})\s*(?:\\times|\\cdot|\*|x)\s*)?10\s*\^\s*\{{?\s*([+-]?\d+)\s*\}}?", re.ASCII
)
REPEATING = re.compile(r"(\d*)\.(\d*)\s*(?:\\overline|\\bar|\\dot)\s*\{?(\d+)\}?")
FRACTION = re.compile(
    rf"(?:\\frac\s*\{{\s*(-?{PLAIN})\s*\}}\s*\{{\s*(-?{PLAIN})\s*\}}|({PLAIN})\s*/\s*({PLAIN}))"
)
MIXED = re.compile(r"(\d+)\s*(?:\\frac\s*\{\s*(\d+)\s*\}\s*\{\s*(\d+)\s*\}|\s(\d+)\s*/\s*(\d+))")
ANGLE = re.compile(rf"({PLAIN})\s*\^\\circ\s*(?:({PLAIN})\s*'(?!'))?\s*(?:({PLAIN})\s*'')?")

MINUTES = re.compile(rf"({PLAIN})\s*('{{1,2}})")
QUANTITY = re.compile(
    rf"\s*({PLAIN}|\\frac\s*\{{\d+\}}\s*\{{\d+\}})\s*"
    r"(?:\\text\s*\{\s*([a-zA-Z]+)\.?,?(?:\s+and)?\s*\}|([a-zA-Z]+)\.?)"
    r",?\s*(?:\\text\s*\{\s*and\s*\}|and\b)?"
)

TEMPERATURE = re.compile(r"(.*?)\s*\^\\circ\s*(?:\\text\s*\{\s*([CF])\s*\}|([CF]))")


@dataclass(frozen=True)
class Number:
    """A number.

    Attributes
    ----------
    value : Fraction
        As written: 50 for ``50%``.
    exact : bool
        Whether it is written without a decimal point and without a factor of a power of ten.
    unit : str
        Its unit in plain words; empty where there is none.
    percent : bool
        Whether a percent sign follows.
    """

    value: Fraction
    exact: bool = False
    unit: str = ""
    percent: bool = False


def number(answer: str) -> Number | None:
    r"""Read an answer as one number, with a unit or text behind it; None where it is none.

    ``4.4677 \times 10^{14} Hz``, ``3e8``, ``-3/2``, ``1\frac{4}{5}``, ``0.\overline{3}``, ``16^\circ 30'``.
    A letter that directly multiplies (``2x``), or words that are no known unit and not in ``\text``,
    make it something else.
    """
    if len(answer) > 2 * LONGEST:
        return None
    whole_text = clean(answer)
    if quantities := _compound(whole_text):
        return quantities
    text, scale = split_scale(whole_text)
    text, unit = split_unit(text)
    percent = text.endswith("%") or unit == "percent"
    text = text.removesuffix("%").strip()
    sign = -1 if text.startswith("-") else 1
    text = text.lstrip("+-").strip() if re.match(r"[+-]\s*[^+-]", text) else text
    if text.startswith("(") and text.endswith(")") and re.fullmatch(r"\([\d.]+\)", text):
        text = text[1:-1]
    if heat := TEMPERATURE.fullmatch(text):
        text, unit = heat.group(1).strip(), f"degree {heat.group(2) or heat.group(3)}"
    if not unit and (angle := ANGLE.fullmatch(text)):
        return _degrees(sign, angle, text)
    if not unit and (minutes := MINUTES.fullmatch(text)):
        text, unit = minutes.group(1), "arcminute" if minutes.group(2) == "'" else "arcsecond"
    value = _value(text)
    if value is None:
        return None
    exact = "." not in text and not re.search(r"[eE]|\\times|\\cdot|\*|x", text)
    return Number(sign * value * scale, exact, "" if percent else unit, percent)


def _compound(text: str) -> Number | None:
    """Read quantities of falling units as their sum: 2 hours 30 minutes, but not 2 hours 90 minutes."""
    parts, place = [], 0
    while place < len(text):
        found = QUANTITY.match(text, place)
        if found is None:
            return None
        parts.append((_value(found.group(1)), found.group(2) or found.group(3), "." not in found.group(1)))
        place = found.end()
    if len(parts) < 2 or not all(known(unit) for _, unit, _ in parts) or re.search(r"(?:and\s*\}?|,)$", text):
        return None
    total, last = Fraction(0), None
    for value, unit, _ in parts:
        scale = factor(unit, parts[0][1])
        if value is None or scale is None or (last is not None and value * scale >= last):
            return None
        total, last = total + value * scale, scale
    return Number(total, all(exact for *_, exact in parts), parts[0][1])


def _degrees(sign: int, angle: re.Match[str], text: str) -> Number | None:
    degrees, minutes, seconds = (_fraction(part) if part else Fraction(0) for part in angle.groups())
    if degrees is None or minutes is None or seconds is None:
        return None
    return Number(sign * (degrees + minutes / 60 + seconds / 3600), "." not in text, "degree")


def _value(text: str) -> Fraction | None:
    if found := SCIENTIFIC.fullmatch(text):
        factor, power = found.groups()
        return None if abs(int(power[:6])) > LONGEST else _times(_fraction(factor or "1"), int(power))
    if found := REPEATING.fullmatch(text):
        return _repeating(*found.groups())
    if found := MIXED.fullmatch(text):
        whole, *rest = (int(part[:LONGEST]) for part in found.groups() if part is not None)
        return whole + Fraction(rest[0], rest[1]) if rest[1] else None
    if found := FRACTION.fullmatch(text):
        above, below = (_fraction(part) for part in found.groups() if part is not None)
        return above / below if above is not None and below else None
    return _fraction(text)


def _repeating(whole: str, fixed: str, repeated: str) -> Fraction | None:
    if max(map(len, (whole, fixed, repeated))) > LONGEST:
        return None
    start = Fraction(int(whole or 0)) + (Fraction(int(fixed), 10 ** len(fixed)) if fixed else 0)
    return start + Fraction(int(repeated), (10 ** len(repeated) - 1) * 10 ** len(fixed))


def _fraction(text: str) -> Fraction | None:
    sign = -1 if text.startswith("-") else 1
    text = text.lstrip("-")
    found = DECIMAL.fullmatch(text)
    if found is None or len(text) > LONGEST or abs(int((found.group(1) or "0")[:6])) > LONGEST:
        return None
    return sign * Fraction(text.rstrip("."))


def _times(factor: Fraction | None, power: int) -> Fraction | None:
    return None if factor is None else factor * Fraction(10) ** power


def same_number(one: Number, other: Number, tolerance: float) -> bool:
    """Whether two numbers are the same, units and percent signs considered.

    Parameters
    ----------
    one, other
        The given and the gold number.
    tolerance
        Relative; see :func:`agree`.
    """
    value, gold = one.value, other.value
    if one.unit and other.unit and one.unit != other.unit:
        scale = factor(one.unit, other.unit)
        if scale is None:
            return False
        value *= scale
        if abs(value - gold) <= Fraction(CONVERTED) * abs(gold):
            value = gold
    if one.percent != other.percent:
        return (other.percent and agree(value, gold, tolerance, one.exact, other.exact)) or agree(
            value / 100 if one.percent else value,
            gold / 100 if other.percent else gold,
            tolerance,
            one.exact,
            other.exact,
        )
    return agree(value, gold, tolerance, one.exact, other.exact)


def agree(value: Fraction, gold: Fraction, tolerance: float, exact: bool, exact_gold: bool) -> bool:
    """Whether two values are the same, exactly or within a relative tolerance.

    Two whole numbers without decimal point are compared exactly. Up to the tolerance :data:`EXACT`, so
    are a whole number and anything else, and any two that have no decimal point.

    Parameters
    ----------
    value, gold
        The given and the gold value.
    tolerance
        Relative.
    exact, exact_gold
        Whether each is written without a decimal point.
    """
    whole = exact and value.denominator == 1, exact_gold and gold.denominator == 1
    if all(whole) or (tolerance <= EXACT and (any(whole) or (exact and exact_gold))):
        return value == gold
    return abs(value - gold) <= Fraction(tolerance) * abs(gold)
