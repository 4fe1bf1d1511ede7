"""Small files of JSON lines, parsed as if they were one."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from conet.readers.formats import json_lines
from conet.readers.formats.chunk import Chunk, most_bytes
from conet.readers.formats.compressed import plain_suffix

SUFFIXES = (".jsonl", ".ndjson", ".json")
PARQUET = b"PAR1"


def together(paths: Sequence[Path], columns: Sequence[str]) -> list[Chunk]:
    """Return one chunk with the rows of all files; none where one has to be looked at by itself.

    That is one that is compressed, empty, without a newline at its end, no file of JSON lines, or has a line
    that cannot be read.
    """
    if any(path.suffix not in SUFFIXES or plain_suffix(path) != path.suffix for path in paths):
        return []
    found: list[bytes] = []
    left = most_bytes()
    for path in paths:
        try:
            with path.open("rb") as file:
                data = file.read(left + 1)
        except OSError:
            return []
        left -= len(data)
        if left < 0 or not data.endswith(b"\n") or data.startswith(PARQUET):
            return []
        found.append(data)
    chunk = json_lines.parse_lines(b"".join(found), columns)
    if chunk.unreadable or chunk.lines is None or len(chunk.lines) != chunk.frame.height:
        return []
    ends = np.cumsum([len(data) for data in found])
    files = np.searchsorted(ends, chunk.lines, side="right")
    chunk.files, chunk.lines = files, chunk.lines - np.append(0, ends)[files]
    return [chunk]
