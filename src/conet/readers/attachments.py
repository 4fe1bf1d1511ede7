"""Long texts that Inspect keeps apart, and to which a sample refers: ``attachment://KEY``.

Source: UKGovernmentBEIS/inspect_ai, src/inspect_ai/log/_condense.py (a sample with its ``attachments``, by
the hash of each) and _recorders/chunked/format.py (a sample in chunks: lists of texts, each file named by
the number of its first text, and the number is the key).
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

LookUp = Callable[[str], Any]
SHELL = "/sample.json"
_REFERENCE = re.compile(r"attachment://([0-9a-f]{32}|\d{1,9})(?![0-9a-f])")
_SAMPLE = r"(samples/(?:.+_epoch_\d+|[^/]+))"  # an id may have slashes
_CHUNK = re.compile(rf"{_SAMPLE}/attachments/(\d{{1,9}})\.json", re.DOTALL)
_PART = re.compile(rf"{_SAMPLE}/.+", re.DOTALL)


def resolved(value: Any, look_up: LookUp) -> Any:
    """Return a text, or messages, with the texts that it refers to; what is not there stays as it is."""
    if isinstance(value, str):
        return _REFERENCE.sub(lambda found: _text(look_up(found[1]), found[0]), value)
    if isinstance(value, list):
        return [resolved(one, look_up) for one in value]
    if isinstance(value, dict):
        return {name: resolved(one, look_up) for name, one in value.items()}
    return value


def _text(found: Any, otherwise: str) -> str:
    return found if isinstance(found, str) else otherwise


def without_shell(parts: Sequence[str], names: Sequence[str]) -> list[str]:
    """Return the samples in chunks that lack the member which says what they are.

    Parameters
    ----------
    parts
        The members that are no samples.
    names
        All members.
    """
    begun = dict.fromkeys(found[1] for name in parts if (found := _PART.fullmatch(name)))
    there = set(names)
    return [sample for sample in begun if sample + SHELL not in there]


def chunks_of(names: Sequence[str]) -> dict[str, list[tuple[int, str]]]:
    """Return the chunks of each sample: number of the first text, ascending, and what it is called."""
    chunks: dict[str, list[tuple[int, str]]] = {}
    for name in names:
        if found := _CHUNK.fullmatch(name):
            chunks.setdefault(found[1], []).append((int(found[2]), name))
    return {sample: sorted(found) for sample, found in chunks.items()}


@dataclass
class Attachments:
    """The texts of a sample in chunks.

    Attributes
    ----------
    chunks : list of tuple of int and str
        See :func:`chunks_of`.
    read : callable
        Returns what is in one.
    """

    chunks: list[tuple[int, str]]
    read: Callable[[str], Any]
    known: dict[str, list[Any]] = field(default_factory=dict)

    def text(self, key: str) -> Any:
        """Return a text by its number; None where there is none."""
        place = bisect_right(self.chunks, int(key), key=itemgetter(0)) - 1 if key.isdecimal() else -1
        if place < 0:
            return None
        first, name = self.chunks[place]
        if name not in self.known:
            found = self.read(name)
            self.known = {name: found if isinstance(found, list) else []}  # one at a time: they are large
        texts = self.known[name]
        return texts[int(key) - first] if int(key) - first < len(texts) else None
