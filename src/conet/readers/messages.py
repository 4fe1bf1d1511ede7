"""Lists of messages, as chats are logged, as texts."""

import ast
import hashlib
import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import polars

_SHAREGPT = {"human": "user", "gpt": "assistant"}
NOT_OWN = {
    *("user", "system", "tool", "function", "developer", "environment", "observation", "ipython", "human"),
    *("tool_response", "tool_result", "env"),
}
# Marks behind which the answer begins: of ChatML, Llama 3, Gemma, DeepSeek, Phi, Zephyr, or bare roles.
_ANSWER = re.compile(
    r"<\|im_start\|>assistant\n|<\|start_header_id\|>assistant<\|end_header_id\|>\s*|<start_of_turn>model\n"
    r"|<｜Assistant｜>|<\|assistant\|>\n?|(?:^|\n)assistant:?\n|(?:^|\n)Assistant: ?|\[/INST\] ?"
)
_BEGINNING = r"^\s*\[\s*\{"  # of a text that may be a list of messages


def as_text(
    frame: "polars.DataFrame", name: str, *, roles: bool = False, own: bool = False
) -> "polars.DataFrame":
    """Turn lists of messages (dicts with ``role`` and ``content``) into the text of their contents.

    Parameters
    ----------
    frame
        What holds the column.
    name
        A column of lists, or of texts that may be the JSON of such a list; others stay as they are.
    roles
        Whether the role of each message is written before it, where there is more than one.
    own
        Whether only what the model itself wrote is kept, and not what tools returned.
    """
    import polars as pl

    kind = frame.schema[name]
    if kind.is_nested():
        written = [None if value is None else text_of(value, roles, own) for value in frame[name].to_list()]
    elif kind == pl.String and frame.select(pl.col(name).str.contains(_BEGINNING).any()).item():
        written = [
            value if as_messages(value) is None else text_of(value, roles, own) for value in frame[name]
        ]
    else:
        return frame
    return frame.with_columns(pl.Series(name, written, dtype=pl.String))


def text_of(value: Any, roles: bool = False, own: bool = False) -> str:
    """Write a message, a list of messages, or any other value as text."""
    messages = as_messages(value)
    if messages is None:
        return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    if own:
        return "\n".join(call_text(message) for message in messages if is_own(message))
    said = [_content(message) for message in messages]
    if not roles or len(messages) == 1:
        return "\n".join(said)
    return "\n".join(f"{message.get('role', '')}: {text}" for message, text in zip(messages, said))


def as_messages(value: Any) -> list[Mapping[str, Any]] | None:
    """Return a value as a list of messages; None where it is none."""
    if isinstance(value, str):
        value = _parsed(value) if re.match(_BEGINNING, value) else None
    elif isinstance(value, Mapping):
        value = [value]
    if not isinstance(value, list):
        return None
    if not all(isinstance(part, Mapping) for part in value):
        return None
    if value and all("from" in part and "value" in part for part in value):  # ShareGPT's names
        return [
            {"role": _SHAREGPT.get(part["from"], part["from"]), "content": part["value"]} for part in value
        ]
    return value if all("content" in part for part in value) else None


def _parsed(written: str) -> Any:
    """Read a list as JSON, or as Python writes it (so pandas does in CSV)."""
    for parse in (json.loads, ast.literal_eval):
        try:
            return parse(written)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            pass
    return None


def _content(message: Mapping[str, Any]) -> str:
    """What a message says: thoughts, then content; of a list of parts the texts."""
    content = message["content"]
    if isinstance(content, list):
        content = "".join(_part(part) for part in content if isinstance(part, Mapping))
    parts = [message.get("reasoning_content"), content]
    return "\n".join(str(part) for part in parts if part)


def _part(part: Mapping[str, Any]) -> str:
    """Text of a part of a message.

    Of an image or the like it is a digest, so that prompts which differ in it stay apart.
    """
    if part.get("text") is not None or part.get("type") == "text":
        return str(part.get("text") or "")
    shown = json.dumps(part, default=str, sort_keys=True)
    return f"[{part.get('type') or 'part'} {hashlib.blake2b(shown.encode(), digest_size=6).hexdigest()}]"


def as_object(value: Any) -> Any:
    """Return a list or an object that is written as a text; any other value as it is."""
    if isinstance(value, str) and value[:1] in "[{":
        found = _parsed(value)
        return value if found is None else found
    return value


def split_messages(messages: Any) -> tuple[list[Any] | None, list[Any] | None]:
    """Split a chat into the prompt, which is what stands before the model's first message, and the rest."""
    found = as_messages(messages)
    if not found:
        return None, None
    first = next((place for place, message in enumerate(found) if is_own(message)), len(found))
    return list(found[:first]) or None, list(found[first:]) or None


def is_own(message: Mapping[str, Any]) -> bool:
    """Whether a message is the model's, and not of a user, a system, a tool or an environment."""
    return str(message.get("role", message.get("from", "assistant"))).lower() not in NOT_OWN


def call_text(message: Mapping[str, Any]) -> str:
    """What a message of the model says, with the calls of tools in it."""
    calls = message.get("tool_calls") or []
    written = [json.dumps(call.get("function", call), ensure_ascii=False, default=str) for call in calls]
    return "\n".join(part for part in (_content(message), *written) if part)


def split_text(text: str) -> tuple[str, str | None]:
    """Split a text of prompt and completion at the first mark of an answer; None where there is none."""
    found = _ANSWER.search(text)
    return (text, None) if found is None else (text[: found.end()], text[found.end() :])
