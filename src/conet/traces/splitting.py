"""From the text of a completion to steps of reasoning: sentences, lines, or a rule of the user's own."""

import re
from collections.abc import Callable
from typing import Any

from conet.base.errors import ConetError
from conet.base.registry import file_of, resolve

Split = Callable[[str], list[str]]
RULE = "re:"  # what stands before a regular expression

# Where a sentence may end: stops, with what closes a quotation or a bracket, and a blank; or a full-width
# stop.
_STOP = re.compile(r"(?P<stops>[.!?…]+)[\"'”’)\]*_]*(?P<blank>\s+)|[。！？]+")
_TITLES = ("dr", "mr", "mrs", "ms", "prof", "st")
_PLACES = ("fig", "figs", "eq", "eqs", "sec", "ch", "no", "nos")
_SHORT = frozenset((*_TITLES, *_PLACES, "e.g", "i.e", "vs", "cf", "etc", "resp", "approx"))
_ENUMERATOR = re.compile(r"[\W_]*(\d{1,3}|[A-Za-z]|[ivx]{1,4})$")
_TAG = re.compile(r"</?[\w-]+>$")
_SAYS_SOMETHING = re.compile(r"\w")


def lines(text: str) -> list[str]:
    """Return the lines of a text that say something.

    Blank ones, rules such as ``---``, and tags such as ``<think>`` that stand alone are left out.
    """
    return _that_say_something(text.splitlines())


def sentences(text: str) -> list[str]:
    """Return the sentences of a text; the end of a line ends one too.

    A full stop ends none after an abbreviation, after what numbers the items of a list, and before a small
    letter. (Our choice; no library that does better is small.)

    Examples
    --------
    >>> sentences("1. We add 2.5 and 3, i.e. 5.5. Is it so? Yes.")
    ['1. We add 2.5 and 3, i.e. 5.5.', 'Is it so?', 'Yes.']
    """
    return _that_say_something([sentence for line in text.splitlines() for sentence in _sentences(line)])


def _sentences(line: str) -> list[str]:
    found, start = [], 0
    for stop in _STOP.finditer(line):
        if not _ends_here(line, start, stop):
            continue
        found.append(line[start : stop.end()])
        start = stop.end()
    return [*found, line[start:]]


def _ends_here(line: str, start: int, stop: re.Match[str]) -> bool:
    """Whether a full stop ends a sentence; other stops always do."""
    if stop["stops"] != ".":
        return True
    before = line[start : stop.start()]
    last = before.rsplit(maxsplit=1)[-1].lstrip("(\"'").lower() if before.strip() else ""
    following = line[stop.end() : stop.end() + 1]
    return not (last in _SHORT or _ENUMERATOR.match(before.strip()) or following.islower())


def _that_say_something(pieces: list[str]) -> list[str]:
    stripped = (" ".join(piece.split()) for piece in pieces)
    return [piece for piece in stripped if _SAYS_SOMETHING.search(piece) and not _TAG.match(piece)]


SPLITS: dict[str, Split] = {"sentences": sentences, "lines": lines}


def splitter(name: str) -> Split:
    """Return the way of splitting with this name.

    Parameters
    ----------
    name
        "sentences", "lines", ``re:PATTERN`` (a regular expression that stands between two steps), or
        ``path/to/file.py:function`` of a function from a text to a list of texts.

    Raises
    ------
    ConetError
        When there is none, or the pattern is none.
    """
    if name.startswith(RULE):
        return _by_rule(name)
    found: Split = resolve(name, SPLITS, "way of splitting")
    return found if file_of(name) is None else _checked(name, found)


def _by_rule(name: str) -> Split:
    expected = "a regular expression after re:"
    if name == RULE:
        raise ConetError(f"--split {name} with nothing after it", expected, r"for example 're:\n\n'")
    try:
        pattern = re.compile(name.removeprefix(RULE))
    except re.error as error:
        raise ConetError(f"--split {name}: {error}", expected, "mend it") from None
    # What groups of the rule catch stands between two steps, and is none.
    every = pattern.groups + 1
    return lambda text: _that_say_something(pattern.split(text)[::every])


def _checked(name: str, function: Any) -> Split:
    """Say in one line what is wrong with a function of the user's own."""
    expected = "a function from a text to a list of texts"

    def split(text: str) -> list[str]:
        try:
            steps = function(text)
        except (ConetError, MemoryError):
            raise
        except (Exception, SystemExit) as error:
            raise ConetError(
                f"--split {name}: {type(error).__name__}: {error}", expected, "mend it"
            ) from error
        if not isinstance(steps, list | tuple) or not all(isinstance(step, str) for step in steps):
            raise ConetError(f"--split {name}, which gives {type(steps).__name__}", expected, "mend it")
        return _that_say_something(list(steps))

    return split
