"""LaTeX that means the same, written one way."""

import re

# Signs that people type, and the commands that stand for them.
SIGNS = {
    "−": "-",
    "–": "-",
    "×": r"\times ",
    "·": r"\cdot ",
    "÷": r"\div ",
    "π": r"\pi ",
    "∞": r"\infty ",
    "≤": r"\le ",
    "≥": r"\ge ",
    "≠": r"\ne ",
    "≈": r"\approx ",
    "ℝ": r"\mathbb{R}",
    "±": r"\pm ",
    "∓": r"\mp ",
    "∪": r"\cup ",
    "∩": r"\cap ",
    "∈": r"\in ",
    "∅": r"\emptyset ",
    "⟨": r"\langle ",
    "⟩": r"\rangle ",
    "√": r"\sqrt ",
    "°": r"^\circ ",
    "′": "'",
    "″": "''",
    "½": r"\frac{1}{2}",
    "¼": r"\frac{1}{4}",
    "¾": r"\frac{3}{4}",
    "θ": r"\theta ",
    "\u2009": " ",
    "\u00a0": " ",
    "\u202f": " ",
}
MODULO = r"\\(?:[bp]?mod(?![a-zA-Z])|text\s*\{\s*mod\s*\})\s*\{?\s*(\w+)\s*\}?"
RULES = tuple(
    (re.compile(pattern), instead)
    for pattern, instead in (
        (
            r"\\(?:left|right|displaystyle|textstyle|limits|bigl?|bigr?|Bigl?|Bigr?|middle"
            r"|large|Large|huge|boldsymbol|bm|underline)(?![a-zA-Z])",
            "",
        ),
        (r"\\(?:text)?color\s*\{[^{}]*\}", ""),
        (r"^\+\s*(?=[\\\w])", ""),
        (r"^(?:\\\\\s*)+|(?:\\\\\s*)+$", ""),
        (r"\\\$", r"\\dollar "),
        (
            r"(?<!\\)\\[,!;:>]|\\(?:quad|qquad|thinspace|enspace)(?![a-zA-Z])|(?<!\\)~|\$"
            r"|(?<!\\)\\[()\[\]]",
            " ",
        ),
        (r"(?<!\\)\\ ", " "),
        (r"\\[dtc]frac(?![a-zA-Z])", r"\\frac"),
        (r"\\(?:leq|leqslant)(?![a-zA-Z])|<=", r"\\le "),
        (r"\\(?:geq|geqslant)(?![a-zA-Z])|>=", r"\\ge "),
        (r"\\neq(?![a-zA-Z])|\\not\s*=|!=", r"\\ne "),
        (r"\\(?:lvert|rvert|vert)(?![a-zA-Z])", "|"),
        (r"\\lt(?![a-zA-Z])", "<"),
        (r"\\gt(?![a-zA-Z])", ">"),
        (r"\\(?:varnothing|O)(?![a-zA-Z])|\\\{\s*\\\}", r"\\emptyset "),
        (r"\\langle(?![a-zA-Z])|^<(?=[^<>]*,[^<>]*>$)", "("),
        (r"\\rangle(?![a-zA-Z])|(?<=[^<>])>$", ")"),
        (r"\\lbrace(?![a-zA-Z])", r"\\{"),
        (r"\\rbrace(?![a-zA-Z])", r"\\}"),
        (
            r"\\(?:textbf|textit|textrm|textsf|textnormal"
            r"|mathrm|mathbf|mathit|mathsf|mbox|operatorname)\s*(?=\{)",
            r"\\text",
        ),
        (r"\\arc(sin|cos|tan)(?![a-zA-Z])|(?:np|math)\.arc(sin|cos|tan)", r"\\arc\1\2"),
        (r"\^\s*\{?\s*\\(?:circ|degree)\s*\}?|\\degree(?![a-zA-Z])", r"^\\circ "),
        (r"\^\s*\{?\s*\\prime\s*\\prime\s*\}?|\^\{''\}", "''"),
        (r"\^\s*\{?\s*\\prime\s*\}?", "'"),
        (rf"\(\s*{MODULO}\s*\)|{MODULO}", r"\\pmod{\1\2}"),
        (r"\\exp\s*\{([^{}]*)\}", r"e^{\1}"),
        (r"\\sqrt\s*([0-9a-zA-Z])", r"\\sqrt{\1}"),
        (r"\\frac\s*([0-9a-zA-Z])\s*([0-9a-zA-Z])", r"\\frac{\1}{\2}"),
        (r"\\frac\s*([0-9a-zA-Z])\s*(?=\{)", r"\\frac{\1}"),
        (r"\\frac\s*(\{[^{}]*\})\s*([0-9a-zA-Z])", r"\\frac\1{\2}"),
        (r"\\%", "%"),
    )
)  # the order counts: spacing goes before fractions are read
# What people put before an answer; it says nothing of it.
LEAD = re.compile(
    r"(?:(?:so|thus|hence|therefore|the|our|final|correct),?\s+)*"
    r"(?:answer|result|solution|value)\s*(?:is|are|equals|:|=)\s*:?\s*",
    re.IGNORECASE,
)
BACKWARDS = re.compile(r"([\[\]])([^\[\](),]+,[^\[\](),]+)([\[\]])")
THOUSANDS = re.compile(r"(?<![\d.,])(\d{1,3})((?:,\s?\d{3})+|(?: \d{3})+)(?![\d,])")


def clean(answer: str) -> str:
    r"""Take decoration off an answer: spacing, sizes, dollars, doubled names of one sign, full stops.

    Digits in groups of three are joined, unless the whole is a bracketed or spaced list: ``10{,}080``
    and ``10,080`` are one number, ``(100,200)`` is a pair and ``100, 200`` a list.
    """
    text = re.sub(r"(?<=\d)(?:\{,\}|,\\!)\s*(?=\d)", ",", answer.strip())
    text = re.sub(r"(?<=\d)(?:\\,|\\;)(?=\d{3}(?!\d))", ",", text)
    text = re.sub(r"(?<=\d)\{:\}\s*(?=\d)", ":", text)  # a colon without space around it, as in 3{:}30
    for sign, command in SIGNS.items():
        text = text.replace(sign, command)
    for pattern, instead in RULES:
        text = pattern.sub(instead, text)
    text = _without_lead(" ".join(text.split()))
    text = BACKWARDS.sub(_forwards, text)
    text = re.sub(
        r"(?<![\\.])\.$", "", text
    ).strip()  # one full stop, so that cleaning twice is cleaning once
    text = text.rstrip(",;").strip() if not text.endswith("\\;") else text
    text = re.sub(r"^\\text\s*\{([^{}a-zA-Z]*)\}$", r"\1", _unbraced(text)).strip()
    return _join_thousands(text)


def _without_lead(text: str) -> str:
    r"""Take off "the answer is", plain or in ``\text{}``, and signs of equality before everything."""
    text = re.sub(r"^(?:=|\\approx(?![a-zA-Z])|\\simeq(?![a-zA-Z]))\s*", "", text)
    inside = re.match(r"\\text\s*\{\s*", text)
    if inside is None:
        found = LEAD.match(text)
        return text[found.end() :] if found else text
    found = LEAD.match(text, inside.end())
    if found is None:
        return text
    rest = text[found.end() :]
    return rest[1:].lstrip(" :=") if rest.startswith("}") else rf"\text{{{rest}"


def _forwards(found: re.Match[str]) -> str:
    """Write half-open intervals that open backwards, as [0,1[, with round brackets."""
    left, inside, right = found.groups()
    if (left, right) == ("[", "]"):
        return found.group()
    return ("[" if left == "[" else "(") + inside + ("]" if right == "]" else ")")


def braced(text: str) -> str:
    r"""Put braces around a single sign below: ``\log_2 8`` is ``\log_{2} 8``."""
    return re.sub(r"_\s*([0-9a-zA-Z])", r"_{\1}", text)


def _join_thousands(text: str) -> str:
    if re.search(r"[(\[{]|, ", text) and not re.search(r"^[^(\[{]*\d,\d{3}(?!\d)[^,]*\\text", text):
        return text
    return THOUSANDS.sub(lambda found: found.group().replace(",", "").replace(" ", ""), text)


def _unbraced(text: str) -> str:
    """Take off braces around the whole, which mean nothing in LaTeX."""
    while text.startswith("{") and closing(text, 0) == len(text) - 1:
        text = text[1:-1].strip()
    return text


def closing(text: str, start: int) -> int:
    """Return the place of the bracket that closes the one at ``start``; -1 where there is none.

    Round and square brackets may close one another, as those of half-open intervals do.
    """
    depth = 0
    for place in range(start, len(text)):
        if text[place] in "([{":
            depth += 1
        elif text[place] in ")]}":
            depth -= 1
            if depth == 0:
                return place
    return -1


def split(text: str, separator: re.Pattern[str]) -> list[str]:
    """Split at every match of the separator that stands in no brackets; parts are stripped."""
    found, depth, start, place = [], 0, 0, 0
    while place < len(text):
        depth += (text[place] in "([{") - (text[place] in ")]}")
        match = separator.match(text, place) if depth <= 0 else None
        if match is not None and match.end() > place:
            found.append(text[start:place].strip())
            start = place = match.end()
        else:
            place += 1
    return [*found, text[start:].strip()]


def compact(answer: str) -> str:
    """Reduce LaTeX to what carries meaning, so that two spellings of one formula are one string.

    Braces become parentheses, which go only around a single sign that stands apart: ``1/(2x)`` is not
    ``1/2x``, and ``(1)(2)`` not ``12``; between digits a space, a product or a fraction leaves a mark:
    ``2·3`` is not ``23``, and ``1\\frac45`` not ``14/5``.
    """
    text = re.sub(r"\\(?:cdot|times)(?![a-zA-Z])", "*", braced(clean(answer)))
    text = re.sub(r"\\text\s*\{([^}]*)\}", r"\1", text)
    text = re.sub(r"(?<=\d)\s+(?=[\d.])", "_", text)
    text = re.sub(r"(?<=\d)\s*(?=\\frac)", "_", text)
    text = re.sub(r"\\frac\s*\{([^{}]*)\}\s*\{([^{}]*)\}", r"{\1}/{\2}", text)
    text = re.sub(r"\s+|\\(?=[a-zA-Z])", "", text).replace("{", "(").replace("}", ")")
    text = re.sub(r"(?<=\D)\*(?=.)|(?<=.)\*(?=\D)", "", text)
    return re.sub(r"(?<![\w)])\((\w)\)(?![\w(])", r"\1", re.sub(r"\(\(([^()]*)\)\)", r"(\1)", text))
