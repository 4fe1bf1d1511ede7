"""Answers as text: the last box of a completion, and the rules that make two spellings one.

The rules follow the Minerva evaluation (Lewkowycz et al. 2022, arXiv 2206.14858, appendix D) in
spirit: units, spacing and decoration go, scientific notation becomes a number, lists are compared
element by element.
"""

import re

BOX = re.compile(r"\\(?:boxed|fbox|framebox)(?![a-zA-Z])\s*")
NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
POWER_OF_TEN = re.compile(
    r"([+-]?)((?:\d+\.?\d*|\.\d+)(?:\\times|\\cdot|\*|x))?10\^\{?([+-]?\d+)\}?", re.ASCII
)
BRACED = re.compile(r"^([+-]?)\\frac(?:\{(\d+)\}|(\d))(?:\{(\d+)\}|(\d))$")
SLASHED = re.compile(r"^([+-]?)(\d+\.?\d*)/(\d+\.?\d*)$")
DECORATION = (
    (r"\\\$", ""),  # a dollar, not the end of a formula
    (r"\\(?:left|right|displaystyle|limits)(?![a-zA-Z])", ""),
    (r"\\(?:[,!;:> ]|quad|qquad)|~|\$|\\\(|\\\)|\\\[|\\\]", ""),
    (r"\\dfrac|\\tfrac", r"\\frac"),
    (r"\\(?:arc(sin|cos|tan))|(?:np|math)\.arc(sin|cos|tan)", r"\\arc\1\2"),
    (r"\^\{?\\(?:circ|degree)\}?|\\degree|°", ""),
    (r"\^\{?(?:\\prime\s*\\prime|'')\}?$", ""),  # seconds of arc
    (r"\^\{?\\prime\}?", "'"),
    (r"\\(?:exp)\{([^{}]*)\}", r"e^{\1}"),
    (r"\\%|%", ""),
)
WRAPPER = re.compile(r"^\\(?:textbf|mathbf|text|mathrm|mbox|bf|rm)\{(.*)\}$", re.DOTALL)
UNIT = re.compile(r"\\(?:text|mathrm|mbox|textrm|operatorname)\s*\{.*$", re.DOTALL)
THOUSANDS = re.compile(r"^[^\d(\[,]*\d{1,3}(?:,\d{3})+(?!\d)[^,)\]]*$")


def last_box(text: str) -> str | None:
    r"""Return what stands in the last ``\boxed{…}`` (also fbox, framebox) that is closed.

    ``\boxed 5`` counts too. None where there is no box, or the last one is never closed (a
    truncated completion earns nothing for an earlier box that it went on to revise).
    """
    found = None
    for found in BOX.finditer(text):  # noqa: B007
        pass
    if found is None:
        return None
    rest = text[found.end() :]
    if not rest.startswith("{"):
        word = re.match(r"[^\s$\\{}]+", rest)
        return word.group().rstrip(".,;") if word else None
    depth = 0
    for place, sign in enumerate(rest):
        escaped = place > 0 and rest[place - 1] == "\\"
        depth += 0 if escaped else (sign == "{") - (sign == "}")
        if depth == 0:
            return rest[1:place].strip()
    return None


def tidy(answer: str) -> str:
    """Take decoration off an answer: spacing, wrappers, degrees, trailing units and full stops."""
    text = answer.strip()
    for _ in range(3):
        inner = WRAPPER.match(text)
        if inner is None or "}" in inner.group(1).replace("\\}", ""):
            break
        text = inner.group(1).strip()
    for pattern, instead in DECORATION:
        text = re.sub(pattern, instead, text)
    text = text.replace(",", "") if THOUSANDS.match(text) else text
    without = UNIT.sub("", text).strip()
    text = (without or text).strip().rstrip(".").strip()
    return text.strip("()") if re.fullmatch(r"\([\d.]+\)", text) else text


def number(answer: str) -> float | None:
    """Read an answer as one number, with or without a unit behind it; None where it is none.

    ``4.4677 \\times 10^{14} Hz``, ``3e8``, ``-3/2``, ``\\frac{1}{2}``, ``0.003^{\\prime\\prime}``.
    A letter that directly multiplies (``2x``, ``7.6Z``) makes it an expression, not a number.
    """
    text = tidy(answer)
    spaced = re.match(r"^(.*[\d}])\s+[A-Za-z][A-Za-z/^{}\-\d. ]*$", text)  # a unit needs a space
    for candidate in (text, spaced.group(1) if spaced and "frac" not in text else text):
        value = _number(re.sub(r"\s+", "", candidate))
        if value is not None:
            return value
    return None


def _number(text: str) -> float | None:
    if scientific := POWER_OF_TEN.fullmatch(text):
        sign, factor, power = scientific.groups()
        return _finite(f"{sign}{re.sub(r'[^0-9.]', '', factor or '1')}e{power}")
    if fraction := BRACED.match(text) or SLASHED.match(text):
        sign, *digits = (group for group in fraction.groups() if group is not None)
        above, below = map(float, digits)
        return (-above if sign == "-" else above) / below if below else None
    return _finite(text) if NUMBER.fullmatch(text) else None


def _finite(text: str) -> float | None:
    value = float(text)
    return value if abs(value) < float("inf") else None


def is_whole(answer: str) -> bool:
    """Whether an answer is written as a whole number, which no tolerance applies to."""
    return re.fullmatch(r"[+-]?\d+", tidy(answer)) is not None


def compact(answer: str) -> str:
    """Reduce LaTeX to what carries meaning, so that two spellings of one formula are one string.

    Braces become parentheses, which go only around a single sign: ``1/(2x)`` stays apart from
    ``1/2x``; between digits a space, a product or a fraction leaves a mark: ``2·3`` is not ``23``,
    and ``1\\frac45`` not ``14/5``.
    """
    text = re.sub(r"\\(?:cdot|times)(?![a-zA-Z])", "*", tidy(answer))
    text = re.sub(r"\\text\s*\{([^}]*)\}", r"\1", text)
    text = re.sub(r"(?<=\d)\s+(?=[\d.])", "_", text)
    text = re.sub(r"(?<=\d)\s*(?=\\frac)", "_", text)
    text = re.sub(r"\\frac\s*(\w)\s*(\w)", r"{\1}/{\2}", text)
    text = re.sub(r"\\frac\s*\{1\}\s*\{(\w+)\}\s*([a-zA-Z])$", r"{\2}/{\1}", text)
    text = re.sub(r"\\frac\s*\{([^{}]*)\}\s*\{([^{}]*)\}", r"{\1}/{\2}", text)
    text = re.sub(r"\s+|\\(?=[a-zA-Z])", "", text).replace("{", "(").replace("}", ")")
    text = re.sub(r"(?<!\d)\*|\*(?!\d)", "", text)
    return re.sub(r"\((\w)\)", r"\1", re.sub(r"\(\(([^()]*)\)\)", r"(\1)", text))


def parts(answer: str) -> list[str]:
    """Split a list at its top-level commas (and "and"); one part where it is no list."""
    text = tidy(answer)
    if text.startswith("\\{") and text.endswith("\\}"):
        text = text[2:-2]
    found, depth, start = [], 0, 0
    for place, sign in enumerate(text):
        depth += (sign in "([{") - (sign in ")]}")
        if sign == "," and depth == 0:
            found.append(text[start:place])
            start = place + 1
    found.append(text[start:])
    pieces = [piece.strip() for part in found for piece in re.split(r"\band\b", part)]
    return [piece for piece in pieces if piece]


def value_of(answer: str) -> str:
    """Drop the left side of ``x = value`` where it is one name; other equations stay whole."""
    left, equals, right = answer.partition("=")
    return right.strip() if equals and re.fullmatch(r"\s*\\?[a-zA-Z](?:_\{?\w+\}?)?\s*", left) else answer
