"""Any table in chunks of bounded size; what cannot be read is counted, never guessed.

The kind of a file is told by its name, and a parquet file by its first bytes.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from conet.readers import lines, parquet, separated
from conet.readers.chunk import Chunk, Unusable

KINDS: dict[str, Any] = {
    ".parquet": parquet, ".jsonl": lines, ".ndjson": lines, ".json": lines, ".csv": separated, ".tsv": separated,
}  # fmt: skip


def is_table(path: Path) -> bool:
    """Whether the name is that of a file which can be read here."""
    return path.suffix.lower() in KINDS and not path.name.startswith(".")


def peek(path: Path) -> dict[str, int]:
    """Return the columns of a file, in order, and which numbers each holds, as far as one can see.

    Returns
    -------
    dict of str to int
        By name ``NO_NUMBERS`` (0), ``WHOLE`` (1) or ``FLOATING`` (2), see :mod:`conet.readers.chunk`.

    Raises
    ------
    Unusable
        When it is not of the kind that its name says.
    """
    try:
        return _kind(path).peek(path)
    except Unusable:
        raise
    except Exception as error:
        raise _unusable(error) from None


def chunks(path: Path, columns: Sequence[str]) -> Iterator[Chunk]:
    """Read some columns of a file chunk by chunk.

    Raises
    ------
    Unusable
        When the file is not of its kind, or breaks off; the chunks before that are good.
    """
    try:
        yield from _kind(path).chunks(path, columns)
    except Unusable:
        raise
    except Exception as error:
        raise _unusable(error) from None


def marked(paths: list[Path], marks: Sequence[str]) -> bool:
    """Whether the first of some files that has columns has these."""
    if not marks:
        return True
    for path in paths:
        try:
            columns = peek(path)
        except Unusable:
            continue
        if columns:
            return set(marks) <= set(columns)
    return False


def _kind(path: Path) -> Any:
    with path.open("rb") as file:
        start = file.read(4)
    kind = KINDS.get(path.suffix.lower(), lines)
    if start == b"PAR1":
        return parquet
    if kind is parquet:
        raise Unusable("is not a parquet file, or not yet complete")
    return kind


def _unusable(error: Exception) -> Unusable:
    if isinstance(error, OSError) and error.strerror:
        return Unusable(f"cannot be read ({error.strerror})")
    text = " ".join(f"{error}".split())
    return Unusable(f"cannot be read ({text[:120]})")


def natural(path: Path) -> list[Any]:
    """Key that sorts names as people do: part-2 before part-10."""
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", path.name)]
