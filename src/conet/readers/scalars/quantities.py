"""Which quantity a number is by the name that a trainer gave it."""

import re
from collections.abc import Iterable

from conet.readers.scalars.names import KNOWN

_CORRECT = r"(?:\w*_)?(?:acc|accuracy|correct|correctness|mathaccuracy|verifiable)(?:_\w+)?"
PATTERNS: dict[str, tuple[str, ...]] = {
    "reward": (r"agg/all/[^/]+/reward/mean", r"agg/effective/[^/]+/reward/mean"),  # prime-rl, with its agent
    "length": (
        r"agg/all/(?:[^/]+/)?num_output_tokens/mean",
        r"agg/effective/(?:[^/]+/)?num_output_tokens/mean",
    ),
    "truncated_share": (r"agg/all/[^/]+/is_truncated/mean", r"agg/effective/[^/]+/is_truncated/mean"),
    "accuracy": (
        rf"rewards?/{_CORRECT}(?:/mean)?",
        rf"metrics?/{_CORRECT}(?:/mean)?",
        rf"agg/all/[^/]+/(?:rewards|metrics)/{_CORRECT}/mean",
    ),
    "format_reward": (r"rewards?/\w*format\w*(?:/mean)?", r"metrics?/\w*format\w*(?:/mean)?"),
    "validation_accuracy": (
        r"(?:eval|val|validation|test)[/_](?:[^/]*/)*(?:acc|accuracy|correct|avg@\d+|pass@?1|score/mean@\d+)",
        r"val(?:-core)?/.+/(?:acc|reward|score)/mean@\d+",
        r"val/test_score/.+",
        rf"eval[/_]rewards?/{_CORRECT}(?:/mean)?",
        r"eval/all/pass@1",
        r"eval/.+/avg_score",
    ),
    "validation_reward": (
        r"(?:eval|val|validation|test)[/_](?:[^/]*/)*(?:reward|reward/mean|score|reward/total)",
    ),
}
_PASS = re.compile(r"(?:.*[/_])?pass(?:@|_at_)(\d+)(?:/mean)?|.*/best@(\d+)/mean|.*/avg_pass_at_(\d+)")
_TRAIN = re.compile(r"^train(?:ing)?[/_.]|^(?:rl|global)/")
_BY_NAME = {name: quantity for quantity, names in KNOWN.items() for name in names}
_COMPILED = {
    quantity: tuple(re.compile(pattern) for pattern in patterns) for quantity, patterns in PATTERNS.items()
}


def plain(name: str) -> str:
    """Return a name as the table has it: in small letters, without "train/" before it."""
    lowered = name.lower()
    return lowered if lowered in _BY_NAME else _TRAIN.sub("", lowered)


def quantity_of(name: str) -> str | None:
    """Return which quantity a number is by its name; None for one that is not known.

    A share of problems that k samples solve is ``pass_at_K``, with its own number.
    """
    lowered = plain(name)
    if lowered in _BY_NAME:
        return _BY_NAME[lowered]
    solved = _PASS.fullmatch(lowered)
    if solved and (k := next(filter(None, solved.groups()))) != "1":
        return f"pass_at_{k}"
    for quantity, patterns in _COMPILED.items():
        if any(pattern.fullmatch(lowered) for pattern in patterns):
            return quantity
    return None


def choose(names: Iterable[str]) -> dict[str, str]:
    """Return the name that counts for each quantity, of the names that a log has."""
    found: dict[str, str] = {}
    for name in names:
        quantity = quantity_of(name)
        if quantity and (quantity not in found or _rank(quantity, name) < _rank(quantity, found[quantity])):
            found[quantity] = name
    return found


def _rank(quantity: str, name: str) -> int:
    """Return the place of a name among those of its quantity: of the table first, then of the patterns."""
    known, patterns = KNOWN.get(quantity, ()), _COMPILED.get(quantity, ())
    lowered = plain(name)
    if lowered in known:
        return known.index(lowered)
    place = next((at for at, pattern in enumerate(patterns) if pattern.fullmatch(lowered)), len(patterns))
    return len(known) + place
