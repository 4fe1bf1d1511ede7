"""Numbers as people write them: exact where they are exact, with unit and percent sign."""

import re
from dataclasses import dataclass
from fractions import Fraction

from conet.llm.answers.latex import clean
from conet.llm.answers.units import split_unit

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

TEMPERATURE = re.compile(r"(.*?)\s*\^\\circ\s*(?:\\text\s*\{\s*([CF])\s*\}|([CF]))")


@dataclass(frozen=True)
class Number:
    """A number.

    Attributes
    ----------
    value : Fraction
        As written: 50 for ``50%``.
    whole : bool
        Whether it is written as a whole number, which no tolerance applies to.
    unit : str
        Its unit in plain words; empty where there is none.
    percent : bool
        Whether a percent sign follows.
    """

    value: Fraction
    whole: bool = False
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
    text, unit = split_unit(clean(answer))
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
    value = _value(re.sub(r"''$", "", text).strip())
    if value is None:
        return None
    return Number(sign * value, re.fullmatch(r"\d+", text) is not None, "" if percent else unit, percent)


def _degrees(sign: int, angle: re.Match[str], text: str) -> Number | None:
    degrees, minutes, seconds = (_fraction(part) if part else Fraction(0) for part in angle.groups())
    if degrees is None or minutes is None or seconds is None:
        return None
    whole = "'" not in text and "." not in text
    return Number(sign * (degrees + minutes / 60 + seconds / 3600), whole, "degree")


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
        Relative, for numbers that are not both written as whole numbers.
    """
    from conet.llm.answers.units import factor

    value, gold = one.value, other.value
    exact = one.whole and other.whole
    if one.unit and other.unit and one.unit != other.unit:
        scale = factor(one.unit, other.unit)
        if scale is None:
            return False
        value, exact = value * scale, False
    if one.percent != other.percent:
        return (_close(value, gold, tolerance, exact) and other.percent) or _close(
            value / 100 if one.percent else value, gold / 100 if other.percent else gold, tolerance, False
        )
    return _close(value, gold, tolerance, exact)


def _close(value: Fraction, gold: Fraction, tolerance: float, exact: bool) -> bool:
    return value == gold if exact else abs(value - gold) <= Fraction(tolerance) * abs(gold)
