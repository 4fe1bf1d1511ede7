r"""Whether two results that are written differently are equal: ``\frac{8}{3}`` and ``8/3``, ``5 cm`` and 5.

That is enough to notice a verifier that judges right answers wrong, and no verifier: algebra is not done,
units are not converted, and in doubt two results differ. Our choice; ``conet llm verify`` compares fully.
"""

import re
from fractions import Fraction
from functools import lru_cache
from typing import Any

from conet.readers.messages import as_object

LONGEST = 200  # characters of a result that is looked into; a longer one is compared as text
MOST_DIGITS = 60  # characters of a number: more is no answer
HIGHEST = 300  # power of ten
MOST_ALTERNATIVES = 20
GOLD_KEYS = ("ground_truth", "gold", "answer", "target", "value", "label", "solution")
_SIMPLE = re.compile(r"\s*-?\d{1,20}(?:\.\d{1,20})?\s*", re.ASCII)
_LOOKS = re.compile(
    r"\\(?:left|right|displaystyle|[bB]ig[lr]?)(?![a-zA-Z])|\\[,!;: ]|\\[()\[\]]|\\q?quad|[$~]|\s"
)
_WORDS = re.compile(r"\\(?:text|mathrm|mathbf|textbf|mbox|operatorname|mathit|textit)\s*\{([^{}]*)\}")
_FRACTION = re.compile(r"\\[dtc]?frac\s*(?:\{([^{}]*)\}|(\d))\s*(?:\{([^{}]*)\}|(\d))")
_ROOT = re.compile(r"\\sqrt\s*(?:\{([^{}]*)\}|(\w))|sqrt\(([^()]*)\)")
_BARE = re.compile(r"(?<![a-zA-Z0-9])\(([a-zA-Z0-9.√π]+)\)")
_THOUSANDS = re.compile(r"(?<=\d)(?:\{,\}|,(?=\d{3}(?:\D|$))|[    ](?=\d{3}(?:\D|$)))")
_NAMED = re.compile(r"^\\?[a-zA-Z]{1,10}(?:_\{?\w\}?)?(?:\([a-z]\))?\s*=\s*")
_MIXED = re.compile(r"(-?)(\d+)\s*(?:\\[dtc]?frac\s*\{(\d+)\}\s*\{(\d+)\}|\s(\d+)/(\d+))")
_DECIMAL = r"\d+\.?\d*|\.\d+"
_NUMBER = re.compile(
    rf"([+-]*)\(?([+-]?)({_DECIMAL})(?:e([+-]?\d+)|\*?10\^\{{?([+-]?\d+)\}}?)?\)?(?:/\(?({_DECIMAL})\)?)?"
)
_UNIT = re.compile(
    r"(?:\s*\\%|\s*%|\s*\^?\s*\{?\s*(?:\\circ|\\degree|°)\s*\}?[CF]?|\s*[€£¥]"
    r"|\s*\\(?:text|mathrm|mbox)\s*\{[^{}\d]*\}(?:\s*\^\s*\{?-?\d\}?)?"
    r"|\s+[a-zA-Z]{2,20}(?:[ /.][a-zA-Z]{1,20}){0,3}\.?(?:\s*\^\s*\{?\d\}?)?"
    r"|\s+[mgshLNJWVAKC](?:\^\{?\d\}?)?|cm|mm|km|kg)$"
)
_SAME = {
    "\\cdot": "*",
    "\\times": "*",
    "×": "*",
    "−": "-",
    "–": "-",
    "\\pi": "π",
    "\\leq": "\\le",
    "\\geq": "\\ge",
    "\\lbrace": "{",
    "\\rbrace": "}",
    "\\{": "{",
    "\\}": "}",
    "\\infty": "∞",
}


def same(given: str, gold: str) -> bool:
    """Whether two results are equal: as they are written, as numbers, or as lists of such."""
    if _SIMPLE.fullmatch(given) and _SIMPLE.fullmatch(gold):  # most are, and this is done a million times
        return float(given) == float(gold)
    left, right = plain(given), plain(gold)
    if left == right:
        return bool(left)
    if not left or not right or max(len(given), len(gold)) > LONGEST:
        return False
    (one, one_unit), (other, other_unit) = _valued(given), _valued(gold)
    if one is None or other is None:
        return one is other is None and _same_lists(left, right)
    if one_unit and other_unit and one_unit != other_unit:
        return False
    return one == other or ("%" in (one_unit, other_unit) and one in (other * 100, other / 100))


def is_gold(given: str, gold: str) -> bool:
    """Whether a result equals the gold answer, or one of several where a list of them was logged."""
    return any(same(given, wanted) for wanted in alternatives(gold))


@lru_cache(maxsize=4096)
def alternatives(gold: str) -> tuple[str, ...]:
    """Return the gold answers of a text: itself, or those of a list or an object that was logged as text."""
    if gold[:1] not in "[{" or len(gold) > 100 * LONGEST:
        return (gold,)
    found = list(dict.fromkeys(_flat(as_object(gold))))[:MOST_ALTERNATIVES]
    return tuple(found) or (gold,)


def _flat(value: Any) -> list[str]:
    """Texts of a list, or the one number of it: of several, it may be an interval."""
    if isinstance(value, dict):
        return next((_flat([value[name]]) for name in GOLD_KEYS if name in value), [])
    if not isinstance(value, list):
        return []
    if len(value) == 1 and isinstance(value[0], int | float):
        return [str(value[0])]
    return [
        text
        for part in value
        for text in (
            [part] if isinstance(part, str) else _flat(part) if isinstance(part, list | dict) else []
        )
    ]


@lru_cache(maxsize=4096)
def plain(result: str) -> str:
    """Return a result in one way of writing: without spaces, dollars, and what only changes how it looks."""
    if len(result) > LONGEST:
        return "".join(result.split()).lower()
    bare = _WORDS.sub(r" \1", result)
    for written, meant in _SAME.items():
        bare = bare.replace(written, meant)
    bare = _THOUSANDS.sub("", bare.replace("\\!", "").replace("\\,", "").strip())
    bare = _LOOKS.sub("", _NAMED.sub("", bare))
    while (simple := _BARE.sub(r"\1", _ROOT.sub(_root, _FRACTION.sub(_fraction, bare)))) != bare:
        bare = simple
    bare = re.sub(r"\*(?=[^\d])|(?<=[^\d])\*", "", bare)
    return bare.strip().rstrip(".").lower()


def _fraction(found: "re.Match[str]") -> str:
    above, one, below, other = found.groups()
    return f"({above or one or ''})/({below or other or ''})"


def _root(found: "re.Match[str]") -> str:
    return f"√({next(filter(None, found.groups()), '')})"


@lru_cache(maxsize=4096)
def _valued(result: str) -> tuple[Fraction | None, str]:
    """Return a result as a number, with its unit in small letters; None where it is none."""
    text = _NAMED.sub("", result.strip().strip("$").strip().rstrip(".").strip())
    text = text.replace("\\(", "").replace("\\)", "").replace("\\$", "").strip("$€£ ")
    unit = ""
    if found := _UNIT.search(text):
        text, unit = text[: found.start()], _unit(found.group())
    mixed = _MIXED.fullmatch(text.strip())
    if mixed:
        sign, whole, *rest = mixed.groups()
        above, below = (int(part) for part in rest if part is not None)
        value = Fraction(int(whole)) + Fraction(above, below) if below else None
        return (value if value is None or not sign else -value), unit
    return _read(plain(text)), unit


def _unit(written: str) -> str:
    bare = plain(written).strip("^{}() ")
    bare = bare.removesuffix("s") if len(bare) > 2 else bare
    return (
        "%"
        if "%" in bare or bare in ("percent", "per cent")
        else {"circ": "°", "\\circ": "°", "degree": "°"}.get(bare, bare)
    )


def _read(text: str) -> Fraction | None:
    """Read a number, a fraction of two, or one with a power of ten."""
    found = _NUMBER.fullmatch(text) if len(text) <= MOST_DIGITS else None
    if found is None:
        return None
    signs, inner, above, power, other, below = found.groups()
    exponent = int(power or other or 0)
    if abs(exponent) > HIGHEST:
        return None
    value = Fraction(above.rstrip(".")) * Fraction(10) ** exponent
    if below is not None:
        if not Fraction(below.rstrip(".")):
            return None
        value /= Fraction(below.rstrip("."))
    return -value if (signs.count("-") + (inner == "-")) % 2 else value


def _same_lists(left: str, right: str) -> bool:
    """Whether two lists hold the same: in any order, where neither is a tuple or an interval."""
    parts = [text.strip("{}").replace("and", ",").split(",") for text in (left, right)]
    if len(parts[0]) != len(parts[1]) or any(mark in text for text in (left, right) for mark in "()[]"):
        return False
    return len(parts[0]) > 1 and sorted(map(_canonical, parts[0])) == sorted(map(_canonical, parts[1]))


def _canonical(part: str) -> str:
    value = _read(part)
    return part if value is None else str(value)
