"""The texts of a run: read again where they are wanted, and measured in tokens."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from conet.base.errors import ConetError
from conet.readers.formats.chunk import Format, Unusable


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
