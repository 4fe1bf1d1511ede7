r"""Units behind a number: text in ``\text{}``, or one known unit; conversions by pint."""

import re
from fractions import Fraction
from functools import lru_cache
from typing import Any

# Units that count without \text{}: with a space before them, so that 2x stays a product.
SHORT = frozenset(
    """
    mm cm dm m km in ft yd mi mg g kg lb oz ms s min h hr hrs Hz kHz MHz GHz N kN J kJ MJ eV keV MeV W
    kW MW Pa kPa MPa bar atm V kV mV A mA C K F T G Wb H ohm mol kmol M L l mL ml cal kcal nm pm um fm
    AU pc kpc Mpc ly rad sr deg yr erg dyn dyne
    """.split()  # noqa: SIM905
)
LONG = frozenset(
    """
    second minute hour day week month year meter metre centimeter centimetre millimeter millimetre
    kilometer kilometre inch inches foot feet yard mile gram kilogram milligram pound ounce ton liter
    litre milliliter gallon quart pint cup degree radian percent dollar cent euro newton joule watt volt
    ampere kelvin hertz mph unit point
    """.split()  # noqa: SIM905
)
NAMES = {
    "hr": "hour",
    "hrs": "hour",
    "inches": "inch",
    "metre": "meter",
    "centimetre": "centimeter",
    "millimetre": "millimeter",
    "kilometre": "kilometer",
    "litre": "liter",
    "°": "degree",
    "deg": "degree",
}
# Nothing of this stands in the name of a thing that is counted.
NO_NAME = re.compile(
    r"\d|\b(?:or|and|not|but|if|is|are|maybe|than|to|times|minus|plus|over|per cent of)\b|[=<>]"
)
POWER = r"(?:\s*\^\s*\{?-?\d\}?)?"
TEXT = re.compile(
    r"^(.*?[\d}%)'])\s*(?:\\text\s*\{([^{}]*)\})((?:\s*\^\s*\{?[-+]?\d\}?|\s*/?\s*\\text\s*\{[^{}]*\})*)$"
)
BARE = re.compile(
    rf"^(.*[\d}}])\s((?:\\mu\s*)?[A-Za-z]+{POWER}(?:(?:\s?/\s?|\s?\*\s?|\s?\\cdot\s?|\s)[A-Za-z]+{POWER})*)$"
)
DOLLAR = re.compile(r"^([+-]?)\s*\\dollar\s*(.*)$")


def split_unit(text: str) -> tuple[str, str]:
    r"""Part a cleaned answer into what is before a unit, and the unit in plain words.

    Returns
    -------
    tuple of str
        The text itself and an empty string where no unit follows.
    """
    if money := DOLLAR.match(text):
        return (money.group(1) + money.group(2)).strip(), "dollar"
    if found := TEXT.match(text):
        before, name, rest = found.groups()
        rest = re.sub(r"\\text\s*\{([^{}]*)\}", r" \1", rest)
        if not NO_NAME.search(name):
            return before.strip(), plain(name + rest)
    if found := BARE.match(text):
        words = re.findall(r"[A-Za-z]+", found.group(2))
        if all(_known(word) for word in words):
            return found.group(1).strip(), plain(found.group(2))
    if long := re.match(r"^(.*[\d}])\s*(" + "|".join(sorted(LONG)) + r")s?$", text, re.IGNORECASE):
        return long.group(1).strip(), plain(long.group(2))
    return text, ""


def _known(word: str) -> bool:
    return word in SHORT or word.lower() in LONG or word.lower().removesuffix("s") in LONG or word == "mu"


def plain(unit: str) -> str:
    """Write a unit in one way: no LaTeX, single words."""
    text = re.sub(r"\\mu\s*", "micro", unit).replace("{", "").replace("}", "").replace("\\cdot", " ")
    text = re.sub(r"\s*\^\s*", "^", text).strip().strip(".").strip()
    if re.fullmatch(r"[A-Za-z]+", text):
        single = text.lower().removesuffix("s") if text.lower().removesuffix("s") in LONG else text
        return NAMES.get(single, single)
    return " ".join(text.split())


@lru_cache
def _registry() -> Any:
    import pint

    registry = pint.UnitRegistry()
    registry.define("dollar = [money] = dollars")
    registry.define("cent = 0.01 dollar = _ = cents")
    return registry


@lru_cache(maxsize=1024)
def factor(one: str, other: str) -> Fraction | None:
    """Return what turns a number in one unit into one in the other.

    Returns
    -------
    Fraction or None
        1 where one of the names is no known unit (apples, students); None where both are known and
        measure different things.
    """
    first, second = _parsed(one), _parsed(other)
    if first is None or second is None:
        return Fraction(1)
    try:
        scale = _registry().convert(1.0, first, second)
    except Exception:
        return None
    return Fraction(scale).limit_denominator(10**12) if scale > 1e-6 else Fraction(scale)


def _parsed(unit: str) -> Any:
    text = re.sub(r"\b(square|sq\.?)\s+(\w+)", r"\2^2", unit)
    text = re.sub(r"\b(cubic|cu\.?)\s+(\w+)", r"\2^3", text)
    text = re.sub(r"\bper\b", "/", text)
    words = re.findall(r"[A-Za-z]+", text)
    if (
        not words
        or not all(_known(word) for word in words)
        or any(word in ("unit", "point") for word in words)
    ):
        return None
    try:
        return _registry().parse_units(re.sub(r"\s*/\s*", "/", text))
    except Exception:
        return None
