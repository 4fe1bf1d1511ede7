"""Where in a file lines begin, so that one of them can be read without those before it."""

import io
from typing import BinaryIO

import numpy as np

from conet.readers.formats.chunk import Chunk

NEWLINE = 10


def beginnings(data: bytes) -> np.ndarray:
    """Return at which bytes lines begin that hold more than white space, int64."""
    ends = np.flatnonzero(np.frombuffer(data, np.uint8) == NEWLINE)
    starts = np.append(0, ends + 1)
    ends = np.append(ends, len(data))
    there = ends > starts
    if not there[:-1].all() or _may_be_blank(data, starts, ends):
        there = np.array([bool(data[start:end].strip()) for start, end in zip(starts, ends)])
    return starts[there]


def _may_be_blank(data: bytes, starts: np.ndarray, ends: np.ndarray) -> bool:
    """Whether any line begins with white space, and so may hold nothing else."""
    first = np.frombuffer(data, np.uint8)[starts[ends > starts]]
    return bool((first <= ord(" ")).any())


def in_file(chunk: Chunk, file: BinaryIO, begun: int) -> Chunk:
    """Let the lines of a chunk, which begins at a byte of a file, count from the beginning of the file.

    A file that is compressed cannot be read from any byte on.
    """
    seekable = isinstance(getattr(file, "raw", None), io.FileIO)
    if not seekable or chunk.lines is None or len(chunk.lines) != chunk.frame.height:
        chunk.lines = None
    else:
        chunk.lines = chunk.lines + begun
    return chunk
