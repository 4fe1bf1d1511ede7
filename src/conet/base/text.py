"""Text for people: numbers, and foreign strings with every control character made visible."""

import math
import re
from collections.abc import Iterable

# Controls (escape sequences begin with one), characters that turn the direction of reading or are invisible,
# and halves of surrogate pairs, which stand for bytes of a file's name that are not UTF-8. Joiners stay:
# scripts need them.
_LINE_END, _TAB = "\n", "\t"
_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f"
    "\ud800-\udfff\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)


def visible(text: str) -> str:
    """Return a text in which every control character but tab and line end is written out, as ``\\u001b``.

    The form is that of JSON, so that a JSON text stays one, and says the same.

    Parameters
    ----------
    text
        Lines of our own, with foreign strings in them.
    """
    return _HIDDEN.sub(_written_out, text)


def one_line(text: str) -> str:
    """Return a foreign string as part of one line: every control character is written out.

    Column names, paths, names of problems: what others wrote goes through here before it is shown.

    Examples
    --------
    >>> print(one_line("reward\\x1b[31m\\n\\u202ecorrect"))
    reward\\u001b[31m\\n\\u202ecorrect
    """
    return visible(text).replace(_LINE_END, "\\n").replace(_TAB, "\\t")


def listed(lines: Iterable[str]) -> str:
    """Put lines together, each of which stays one whatever the foreign strings in it."""
    return _LINE_END.join(map(one_line, lines))


def counted(count: int, noun: str) -> str:
    """Write a number with its noun: ``1 problem``, ``2,560 problems``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def number(value: float | None, digits: int, kind: str = "f") -> str:
    """Write a number for people; a dash where there is none.

    Parameters
    ----------
    value
        None and NaN are none.
    digits
        Behind the point, or in all where ``kind`` is "g".

    Examples
    --------
    >>> number(2 / 3, 2), number(12345.678, 4, "g"), number(None, 2)
    ('0.67', '1.235e+04', '–')
    """
    return "–" if value is None or math.isnan(value) else f"{value:.{digits}{kind}}"


def _written_out(match: re.Match[str]) -> str:
    units = match.group().encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[place]:02x}{units[place + 1]:02x}" for place in range(0, len(units), 2))
