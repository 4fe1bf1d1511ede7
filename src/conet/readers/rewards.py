"""Which of several rewards says what is correct, and what they give together."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

# Words that a reward which says what is correct has in its name, and words that none of these has.
CORRECT = {"correct", "correctness", "acc", "accuracy", "iscorrect", "verifiable", "verified", "solved"}
NOT_CORRECT = {
    *("format", "fmt", "length", "len", "std", "max", "min", "mean", "avg", "weight", "count", "threshold"),
    *("batch", "val", "group", "rate", "eval", "step", "position"),
}
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


def is_correct(name: str) -> bool:
    """Whether a reward is called correct, acc, ``accuracy_reward``, ``MathAccuracy`` or the like."""
    words = {word.lower() for word in _WORD.findall(name)}
    return bool(words & CORRECT) and not words & NOT_CORRECT


def correct_among(names: Iterable[str]) -> str | None:
    """Return the one reward of several that is called correct or the like; None where none or several are."""
    found = [name for name in names if is_correct(name)]
    exact = [name for name in found if name.lower() in CORRECT]
    return found[0] if len(found) == 1 else exact[0] if len(exact) == 1 else None


def number_of(value: Any) -> float | None:
    """Return a reward as a number: a number, a truth value, a list (its sum), or an object with its score."""
    if isinstance(value, Mapping):
        return number_of(next((value[name] for name in ("score", "reward", "value") if name in value), None))
    if isinstance(value, list) and value:
        parts = [number_of(part) for part in value]
        return (
            None if any(part is None for part in parts) else sum(part for part in parts if part is not None)
        )
    if isinstance(value, bool | int | float):
        try:
            return float(value) if value == value else None
        except OverflowError:
            return None
    return None


def together(rewards: Mapping[str, Any]) -> float | None:
    """Return the sum of several rewards, each with its weight where it has one; None where there is none."""
    total, seen = 0.0, False
    for value in rewards.values():
        number = number_of(value)
        weight = number_of(value.get("weight")) if isinstance(value, Mapping) else None
        if number is not None:
            total, seen = total + number * (1.0 if weight is None else weight), True
    return total if seen else None


def one_by_one(rewards: Mapping[str, Any]) -> dict[str, float]:
    """Return the rewards as columns of a rollout, each called ``reward_NAME``."""
    found = {f"reward_{name}": number_of(value) for name, value in rewards.items()}
    return {name: value for name, value in found.items() if value is not None}
