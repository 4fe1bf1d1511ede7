"""The texts of a run: read again where they are wanted, and measured in tokens."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from conet.base.errors import ConetError
from conet.readers.formats.chunk import Format, Unusable

# Names under which trainers log token ids, of the prompt and of the completion.
PROMPT_IDS = ("prompt_ids", "prompt_token_ids")
COMPLETION_IDS = (
    *("completion_ids", "completion_token_ids", "response_ids", "response_token_ids"),
    *("output_ids", "output_token_ids"),
)


def pick(source: Format, path: Path, columns: list[str], wanted: set[int]) -> dict[int, tuple[Any, Any]]:
    """Read two columns of some rows of a file, given by their numbers, again."""
    found: dict[int, tuple[Any, Any]] = {}
    first = 0
    try:
        for chunk in source.chunks(path, list(dict.fromkeys(columns))):
            last = first + chunk.frame.height
            for row in [row for row in wanted if first <= row < last]:
                values = chunk.frame.row(row - first, named=True)
                found[row] = values[columns[0]], values[columns[1]]
            first = last
    except Unusable:
        pass  # it was read to that place before; what is missing is said below
    if len(found) < len(wanted):
        raise ConetError(f"{path}, which has changed while it was read", "files that only grow", "try again")
    return found


def token_counter(path: Path) -> Callable[[list[str]], list[int]]:
    """Return a function that counts the tokens of answers.

    Raises
    ------
    ConetError
        When the library is not installed, or the file is no tokenizer.
    """
    file = path / "tokenizer.json" if path.is_dir() else path
    try:
        from tokenizers import Tokenizer
    except ImportError:
        raise ConetError(
            f"--tokenizer {path}, but tokenizers is not installed",
            "the library tokenizers",
            "pip install tokenizers, or leave the option out to count characters",
        ) from None
    try:
        tokenizer = Tokenizer.from_file(str(file))
    except Exception as error:
        raise ConetError(
            f"--tokenizer {file}: {' '.join(str(error).split())[:150]}",
            "a file tokenizer.json",
            "check the path",
        ) from None
    return lambda answers: [
        len(found.ids) for found in tokenizer.encode_batch(answers, add_special_tokens=False)
    ]


def token_id_columns(columns: Sequence[str]) -> list[str] | None:
    """Return the columns with the token ids of prompt and completion; None where one is missing."""
    found = [
        next((name for name in names if name in columns), None) for names in (PROMPT_IDS, COMPLETION_IDS)
    ]
    there = [name for name in found if name is not None]
    return there if len(there) == len(found) else None


def as_token_ids(values: Sequence[tuple[Any, Any]]) -> list[tuple[list[int], list[int]]] | None:
    """Return pairs of lists of token ids; None where one of them is anything else."""
    found = [(_ids(prompt), _ids(completion)) for prompt, completion in values]
    whole = [(prompt, completion) for prompt, completion in found if prompt and completion]
    return whole if len(whole) == len(found) else None


def _ids(value: Any) -> list[int] | None:
    """Return a list of token ids, which a table of text writes as JSON; None of anything else."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return None
    if not isinstance(value, list) or not all(type(one) is int and one >= 0 for one in value):
        return None
    return value
