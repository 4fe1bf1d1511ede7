"""File formats: parquet, lines of JSON, separated text; any of them in chunks of bounded size.

The format of a file is known by its name, and a parquet file by its first bytes. What cannot be read is
counted, never guessed. A new format is one module with the two functions of
:class:`conet.readers.formats.chunk.Format`, and one line in :data:`FORMATS`.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from conet.base.panics import panics_as_errors
from conet.readers.formats import json_lines, parquet, separated
from conet.readers.formats.chunk import Chunk, Format, Numbers, Unusable, counted, open_binary
from conet.readers.formats.compressed import plain_suffix
from conet.readers.memory import in_words

FORMATS: dict[str, Format] = {
    ".parquet": parquet,
    ".jsonl": json_lines,
    ".ndjson": json_lines,
    ".json": json_lines,
    ".csv": separated,
    ".tsv": separated,
}
PARQUET_BEGINS = b"PAR1"


def is_table(path: Path) -> bool:
    """Whether the name is that of a file which can be read here."""
    return plain_suffix(path) in FORMATS and not path.name.startswith(".")


def peek(path: Path) -> dict[str, Numbers]:
    """Return the columns of a file, in order, and which numbers each holds, as far as one can see.

    Raises
    ------
    Unusable
        When it is not of the format that its name says.
    """
    try:
        with panics_as_errors():
            return _format(path).peek(path)
    except Unusable:
        raise
    except Exception as error:
        raise unusable(error) from None


def chunks(path: Path, columns: Sequence[str]) -> Iterator[Chunk]:
    """Read some columns of a file chunk by chunk.

    Raises
    ------
    Unusable
        When the file is not of its format, or breaks off; the chunks before that are good.
    """
    try:
        yield from _safely(_format(path).chunks(path, columns))
    except Unusable:
        raise
    except Exception as error:
        raise unusable(error) from None


def parts(path: Path, columns: Sequence[str], wanted: Sequence[int]) -> Iterator[tuple[int, Chunk]]:
    """Read as :func:`chunks`, each with the number of its first row; what has no wanted row may be missing.

    Raises
    ------
    Unusable
        As :func:`chunks`.
    """
    try:
        found = _format(path)
        if found is parquet:
            yield from _safely(parquet.parts(path, columns, wanted))
        else:
            yield from counted(_safely(found.chunks(path, columns)))
    except Unusable:
        raise
    except Exception as error:
        raise unusable(error) from None


def _safely(found: Iterator[Any]) -> Iterator[Any]:
    """Yield what a library reads, whose panics are errors here."""
    while True:
        with panics_as_errors():
            one = next(found, None)
        if one is None:
            return
        yield one


def _format(path: Path) -> Format:
    with open_binary(path) as file:
        start = file.read(len(PARQUET_BEGINS))
    if start == PARQUET_BEGINS:
        return parquet
    found = FORMATS.get(plain_suffix(path), json_lines)
    if found is parquet:
        raise Unusable("is not a parquet file, or not yet complete")
    return found


def unusable(error: Exception) -> Unusable:
    """Say in one line that a file cannot be read."""
    if isinstance(error, OSError) and error.strerror:
        return Unusable(f"cannot be read ({error.strerror})")
    if isinstance(error, MemoryError):
        return Unusable(f"takes more memory than there is; lower --memory, now {in_words()}, or free some")
    text = " ".join(f"{error}".split())
    return Unusable(f"cannot be read ({text[:120]})")


def natural(path: Path) -> list[Any]:
    """Key that sorts names as people do: part-2 before part-10."""
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", path.name)]
