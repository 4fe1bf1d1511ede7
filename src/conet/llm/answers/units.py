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
    ampere kelvin hertz mph unit point arcminute arcsecond
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
    "pct": "percent",
}
# Words that are numbers themselves: 5 million is 5,000,000.
SCALES = {
    "hundred": 100,
    "thousand": 1000,
    "million": 10**6,
    "billion": 10**9,
    "trillion": 10**12,
    "dozen": 12,
}
SCALE = re.compile(
    r"^(.*[\d}])\s*(\\text\s*\{)?\s*(" + "|".join(SCALES) + r")s?(?![a-zA-Z\-])\s*(.*)$", re.IGNORECASE
)
# Words that do not name what is counted, but make another number of it, or none: numerals, ordinals and
# fractions, operations, comparisons, negations and whatever joins another answer.
_NUMERALS = (
    r"zero|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|\w+teen"
    r"|(?:twen|thir|for|fif|six|seven|eigh|nine)ty"
    r"|hundred|thousand|[mbtr]+illion|dozen|score|half|halves|thirds?|st|nd|rd|th"
    r"|(?:four|fif|six|seven|eigh|nin|ten|eleven|twelf|\w+teen|\w+tie|hundred|thousand|\w+illion)ths?"
    r"|couple|single|double|triple|quadruple|twice|thrice|pi|infinit\w*|lakhs?|crores?|gross|googol"
    r"|per\s?mill?e?|basis points?|kilo|mega|giga|tera|milli|micro|nano"
)
_OPERATIONS = (
    r"squared|cubed|factorial|root|power|exponent|negative|minus|plus|times|over|divided|multiplied|added"
    r"|subtracted|increased|decreased|mod|modulo|base|inverse|reciprocal|conjugate|log|ln|exp|sin|cos|tan"
    r"|sqrt|raised|choose|imaginary|square\s*$|cube\s*$|binary|octal|decimal|hexadecimal|hex"
    r"|prime\s*$|opposite"
)
_OTHERS = (
    r"or|and|not|but|if|is|are|was|to|than|at|least|most|more|less|fewer|greater|above|below|under|beyond|up"
    r"|almost|nearly|about|around|approximately|roughly|near|between|within|either|neither|nor|both|except"
    r"|without|unless|maybe|perhaps|possibly|probably|also|else|otherwise|instead|rather|alternatively|no"
    r"|none|never|wrong|incorrect|false|undefined|impossible|per cent of|when"
    r"|while|where|until|for"
    r"|higher|lower|bigger|smaller|larger|longer|shorter|too|off|fails?"
    r"|plus\w+|minus\w+|[^\W\d_]{3,}(?<![eb])ed\s*$"
)
NO_NAME = re.compile(rf"\b(?:{_NUMERALS}|{_OPERATIONS}|{_OTHERS})\b", re.IGNORECASE)
NAMED = re.compile(r"\(?\s*[^\W\d_][^\W\d_ .'/()\-]*(?:[ .'/()\-]+[^\W\d_]+){0,3}[ .)]*")
UNITS = re.compile(r"\s*[^\W\d_]+(?:\^\{?-?\d\}?)?(?:[\s/*.]+[^\W\d_]+(?:\^\{?-?\d\}?)?)*\.?\s*")
SMALL = frozenset(("of", "in", "on", "by", "a", "an", "per", "sq", "cu"))
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
        if names_thing(name, rest):
            return before.strip(), plain(name + rest)
    if found := BARE.match(text):
        words = re.findall(r"[A-Za-z]+", found.group(2))
        if all(known(word) for word in words):
            return found.group(1).strip(), plain(found.group(2))
    if long := re.match(r"^(.*[\d}])\s*(" + "|".join(sorted(LONG)) + r")s?$", text, re.IGNORECASE):
        return long.group(1).strip(), plain(long.group(2))
    return text, ""


def split_scale(text: str) -> tuple[str, int]:
    """Part a cleaned answer into the answer without words such as "million", and what they multiply by."""
    scale = 1
    while found := SCALE.match(text):
        before, opened, word, rest = found.groups()
        scale *= SCALES[word.lower()]
        text = f"{before} {opened or ''}{rest}" if rest != "}" else before
    return text.strip(), scale


def names_thing(name: str, rest: str = "") -> bool:
    """Whether text behind a number says what is counted or measured, and changes nothing of the number.

    Known units do. So do up to four plain words of more than two letters, none of which is a numeral, an
    operation, a comparison or a negation: ``7\\text{ marbles}``, not ``7\\text{ squared}`` and not
    ``7\\text{ x}``.
    """
    words = re.findall(r"[^\W\d_]+", name + " " + rest)
    if UNITS.fullmatch(name) and known(words[0]) and all(word == "per" or known(word) for word in words):
        return True
    text = re.sub(r"\^\s*\{?[-+]?\d\}?", "", f"{name} {rest}").strip()
    if not words or not NAMED.fullmatch(text) or NO_NAME.search(text):
        return False
    if len(words[0]) < 3 and words[0] not in ("sq", "cu"):
        return False
    return all(len(word) > 2 or known(word) or word.lower() in SMALL for word in words)


def known(word: str) -> bool:
    """Whether a word is a unit that can be converted."""
    return word in SHORT or word.lower() in LONG or word.lower().removesuffix("s") in LONG or word == "mu"


def plain(unit: str) -> str:
    """Write a unit in one way: no LaTeX, single words."""
    text = re.sub(r"\\mu\s*", "micro", unit).replace("{", "").replace("}", "").replace("\\cdot", " ")
    text = re.sub(r"\s*\^\s*", "^", re.sub(r"\bper cent\b", "percent", text)).strip().strip(".").strip()
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
        or not all(known(word) for word in words)
        or any(word in ("unit", "point") for word in words)
    ):
        return None
    try:
        return _registry().parse_units(re.sub(r"\s*/\s*", "/", text))
    except Exception:
        return None
