"""Rows with what no column mapping can express: messages without a prompt, or several rewards in one object.

The prompt is what stands before the first message of the model; the rest is the completion. Rewards may
be numbers, or objects with ``score`` and ``weight``; they are added up.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from conet.readers.base import Reader, Skipped
from conet.readers.formats.records import Head, first_of, records
from conet.readers.messages import as_messages, as_object, split_messages
from conet.readers.named import PROMPT, STEP, in_roles
from conet.readers.rewards import correct_among, number_of, one_by_one, together
from conet.readers.trainers import table
from conet.readers.trainers.trl import rewards

MESSAGES = ("messages", "conversation", "conversations", "chat", "trajectory", "chat_completions")
REWARDS = ("rewards", "reward", "scores", "score", "reward_components", "reward_dict")
WEIGHTS = ("reward_weights", "weights")


def begins(head: Head) -> bool:
    """Whether rows have messages and no prompt, or rewards as objects."""
    if not head.rows:
        return False
    if head.document:  # a list of rows
        return table.begins(head)
    row = head.rows[0]
    chat = as_messages(as_object(first_of(row, *MESSAGES)))
    asked = any(name in head.names for name in PROMPT)
    scored = any(number_of(as_object(row.get(name))) is not None or _many(row.get(name)) for name in row)
    return (bool(chat) and not asked and scored) or any(_many(row.get(name)) for name in REWARDS)


def _many(value: Any) -> bool:
    return any(number_of(part) is not None for part in _parts(value).values())


def _parts(value: Any) -> Mapping[str, Any]:
    """Return several rewards by name: an object, or a list of objects with name and score."""
    found = as_object(value)
    if (
        isinstance(found, list)
        and found
        and all(isinstance(part, Mapping) and "name" in part for part in found)
    ):
        return {str(part["name"]): part for part in found}
    return found if isinstance(found, Mapping) else {}


def rows(path: Path) -> Iterator[dict[str, Any] | Skipped]:
    """Yield the rows with prompt, completion and one reward."""
    for row in records(path):
        yield row if isinstance(row, Skipped) else _rollout(row)


def _rollout(row: dict[str, Any]) -> dict[str, Any]:
    found = in_roles(row)
    if "prompt" not in found:
        prompt, completion = split_messages(as_object(first_of(row, *MESSAGES)) or [])
        found |= {
            name: value
            for name, value in (("prompt", prompt), ("completion", completion))
            if value is not None
        }
    for name in REWARDS:
        if _many(row.get(name)):
            found = {key: value for key, value in found.items() if key != name}
            found |= _rewards(_parts(row[name]), as_object(first_of(row, *WEIGHTS)))
            break
    correct = (
        None
        if "correct" in found
        else correct_among(key for key in found if number_of(found[key]) is not None)
    )
    return found | ({"correct": found[correct]} if correct else {})


def _rewards(parts: Mapping[str, Any], weights: Any) -> dict[str, Any]:
    """Return the rewards one by one, and together, with their weights."""
    if isinstance(weights, Mapping):
        parts = {
            name: {"score": number_of(part), "weight": weights.get(name, 1.0)} for name, part in parts.items()
        }
    total = together(parts)
    return one_by_one(parts) | ({} if total is None else {"reward": total})


def _rewarding(columns: Mapping[str, int]) -> list[str]:
    return ["reward"] if "reward" in columns else [name for name in rewards(columns) if name not in STEP]


READER = Reader(
    name="nested",
    begins=begins,
    rows=rows,
    rewards=_rewarding,
    files="rows with `messages` and no prompt, with several rewards in an object, or in one JSON list",
    trainer="your own",
    setting="a row for each rollout: step, messages, reward",
)
