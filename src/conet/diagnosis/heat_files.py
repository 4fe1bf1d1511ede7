"""The files of examples that trainers read for SFT: lines of JSON for TRL, Parquet with messages for verl."""

import io
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, BinaryIO, Literal

from conet.base.errors import ConetError
from conet.readers.chat_template import END_OF_THOUGHT, ChatTemplate

if TYPE_CHECKING:
    import pyarrow

Target = Literal["trl", "verl"]
# Keys that every example has, also those of version 0.1.
EVIDENCE = {"problem", "accuracy", "correct", "samples", "first_step", "last_step", "step", "length"}
LONGEST = 2**26  # bytes of a line beyond which a file is none of ours
WITHOUT_LOSS = -100  # label of a token that is not learned


def as_target(
    examples: Sequence[Mapping[str, Any]], target: Target, template: ChatTemplate | None
) -> tuple[list[dict[str, Any]], str]:
    """Return examples in the form that a target learns the whole answer from, and a remark on it.

    Parameters
    ----------
    examples
        With ``messages``, or ``prompt`` and ``completion``; and ``prompt_ids`` and ``completion_ids`` where
        the logs have them.
    template
        Of the model's tokenizer, where it is known.

    Raises
    ------
    ConetError
        Where verl would learn the answers without their reasoning.
    """
    thoughtful = any(END_OF_THOUGHT in _answer(row) for row in examples)
    if target == "verl":
        if thoughtful and template is not None and template.deletes_reasoning(alone=True):
            raise _without_reasoning(template)
        return [as_messages(row) for row in examples], _unknown(thoughtful and template is None)
    if not all("messages" in row for row in examples):
        return [with_labels(row) for row in examples], ""
    if thoughtful and template is not None and template.deletes_reasoning():
        said = f"{template.path} deletes all before {END_OF_THOUGHT}, so these are texts that keep it"
        return [with_labels(as_texts(row, template)) for row in examples], said
    ids = all("prompt_ids" in row for row in examples)
    return [with_labels(row) for row in examples], _unknown(thoughtful and template is None and not ids)


def _answer(row: Mapping[str, Any]) -> str:
    return str(row["messages"][-1]["content"] if "messages" in row else row["completion"])


def _unknown(matters: bool) -> str:
    return (
        f"the answers reason before {END_OF_THOUGHT}, which some chat templates delete: give the model's "
        "folder as --tokenizer, and it is looked at"
        if matters
        else ""
    )


def _without_reasoning(template: ChatTemplate) -> ConetError:
    return ConetError(
        f"{template.path}, which deletes all before {END_OF_THOUGHT} from an answer, so that verl's SFT "
        "would learn answers without their reasoning",
        "a template that keeps it",
        "give verl another as model.custom_chat_template and its folder as --tokenizer; or heat inside verl, "
        "from token ids (docs/heating-elsewhere.md), or with --target trl",
    )


def as_texts(row: Mapping[str, Any], template: ChatTemplate) -> dict[str, Any]:
    """Return an example of messages as prompt and completion, the prompt as the template writes it."""
    *asked, answered = row["messages"]
    texts = {"prompt": template.render(asked, ask=True), "completion": answered["content"]}
    return texts | {key: value for key, value in row.items() if key != "messages"}


def with_labels(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return an example with token ids where it has them, and which of these are learned.

    TRL takes ``input_ids`` and ``labels`` as they are; others want a ``loss_mask`` in the place of labels.
    """
    rest = {key: value for key, value in row.items() if key not in ("prompt_ids", "completion_ids")}
    if "prompt_ids" not in row:
        return rest
    asked, answered = row["prompt_ids"], row["completion_ids"]
    return rest | {
        "input_ids": [*asked, *answered],
        "labels": [WITHOUT_LOSS] * len(asked) + [*answered],
        "loss_mask": [0] * len(asked) + [1] * len(answered),
    }


def as_messages(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return an example as messages of role and content alone, with thoughts in the content."""
    if "messages" in row:
        found = [_plain(message) for message in row["messages"]]
    else:
        found = [
            {"role": "user", "content": row["prompt"]},
            {"role": "assistant", "content": row["completion"]},
        ]
    return {"messages": found} | {
        key: value for key, value in row.items() if key not in ("messages", "prompt", "completion")
    }


def _plain(message: Mapping[str, Any]) -> dict[str, str]:
    content, thoughts = message["content"], message.get("reasoning_content")
    if not isinstance(content, str):
        content = "" if content is None else json.dumps(content, ensure_ascii=False, default=str)
    if thoughts:
        content = f"<think>\n{thoughts}\n{END_OF_THOUGHT}\n\n{content}"
    return {"role": str(message.get("role", "")), "content": content}


def file_content(rows: Sequence[Mapping[str, Any]], target: Target) -> bytes:
    """Return the file of a target: lines of JSON, or Parquet."""
    if target == "trl":
        return "".join(json.dumps(row, ensure_ascii=False, default=str) + "\n" for row in rows).encode()
    import pyarrow.parquet as pq

    held = io.BytesIO()
    pq.write_table(_table(rows), held)
    return held.getvalue()


def _table(rows: Sequence[Mapping[str, Any]]) -> "pyarrow.Table":
    import pyarrow as pa

    whole, ids = pa.int64(), pa.list_(pa.int64())
    text = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))
    kinds = {"messages": text, "problem": pa.string(), "accuracy": pa.float64()}
    names = ("correct", "correct_count", "samples", "first_step", "last_step", "step", "length")
    kinds |= dict.fromkeys(names, whole)
    kinds |= {name: ids for name in ("prompt_ids", "completion_ids") if rows and name in rows[0]}
    return pa.Table.from_pylist([dict(row) for row in rows], schema=pa.schema(list(kinds.items())))


def are_examples(file: BinaryIO) -> bool:
    """Whether every line of a file, or its table, is an example, with what its choice rests on."""
    if file.read(4) == b"PAR1":
        return _is_table(file)
    file.seek(0)
    for line in iter(lambda: file.readline(LONGEST), b""):
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            return False
        if not isinstance(row, dict) or not set(row) >= EVIDENCE:
            return False
        if "messages" not in row and not {"prompt", "completion"} <= set(row):
            return False
    return True


def _is_table(file: BinaryIO) -> bool:
    import pyarrow as pa
    import pyarrow.parquet as pq

    file.seek(0)
    try:
        return {"messages", *EVIDENCE} <= set(pq.read_schema(file).names)
    except (pa.ArrowException, OSError):
        return False
