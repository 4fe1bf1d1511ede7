"""The texts of a run: read again where they are wanted, and measured in tokens."""

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from conet.base.errors import ConetError
from conet.readers import formats
from conet.readers.formats import json_lines
from conet.readers.formats.chunk import Format, Unusable, counted
from conet.readers.memory import longest_line

if TYPE_CHECKING:
    import polars

# Names under which trainers log token ids, of the prompt and of the completion.
PROMPT_IDS = ("prompt_ids", "prompt_token_ids")
COMPLETION_IDS = (
    *("completion_ids", "completion_token_ids", "response_ids", "response_token_ids"),
    *("output_ids", "output_token_ids"),
)


def pick(
    source: Format, path: Path, columns: list[str], wanted: set[int], lines: np.ndarray | None = None
) -> dict[int, tuple[Any, Any]]:
    """Read two columns of some rows of a file, given by their numbers, again.

    Parameters
    ----------
    lines
        Where the line of each row begins, if known: then nothing else of the file is read.
    """
    found: dict[int, tuple[Any, Any]] = {}
    names = list(dict.fromkeys(columns))
    try:
        for numbers, frame in _parts(source, path, names, sorted(wanted), lines):
            for row, values in zip(numbers, frame.iter_rows(named=True)):
                found[row] = values[columns[0]], values[columns[1]]
    except (Unusable, OSError):
        pass  # it was read to that place before; what is missing is said below
    if len(found) < len(wanted):
        raise ConetError(f"{path}, which has changed while it was read", "files that only grow", "try again")
    return found


def _parts(
    source: Format, path: Path, names: list[str], wanted: list[int], lines: np.ndarray | None
) -> "Iterator[tuple[list[int], polars.DataFrame]]":
    """Yield rows that are wanted, with their numbers."""
    if lines is not None:
        yield wanted, _at_lines(path, names, lines[wanted].tolist())
        return
    whole = source is not formats
    for first, chunk in counted(source.chunks(path, names)) if whole else formats.parts(path, names, wanted):
        numbers = [row for row in wanted if first <= row < first + chunk.frame.height]
        if numbers:
            yield numbers, chunk.frame[[row - first for row in numbers]]


def _at_lines(path: Path, columns: list[str], lines: list[int]) -> "polars.DataFrame":
    """Read some columns of the lines that begin at some bytes of a file of JSON, as its format does.

    Raises
    ------
    Unusable
        When there is no object at one of them.
    """
    rows = []
    most = min(json_lines.LONGEST_LINE, longest_line())
    with path.open("rb") as file:
        for place in lines:
            file.seek(place)
            row = json_lines.object_of(file.readline(most), columns)
            if row is None:
                raise Unusable(f"has no object at byte {place}")
            rows.append({name: row.get(name) for name in columns})
    return json_lines.frame_of(rows, columns)


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
