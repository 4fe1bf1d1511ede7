"""Which reader a place is for, told by what is in its files."""

from conet.readers import formats
from conet.readers.base import Part, Reader
from conet.readers.formats.chunk import Format, Unusable
from conet.readers.yielded import Yielded


def describe(reader: Reader) -> str:
    """Say briefly what a reader reads."""
    files = reader.files.replace("`", "")
    return f"{reader.name}: {files}" if files else reader.name


def format_of(reader: Reader) -> Format:
    """How the rows of a reader's files are got at."""
    return formats if reader.rows is None else Yielded(reader.rows)


def has_marks(reader: Reader, parts: list[Part]) -> bool:
    """Whether the first of some files that has columns has those by which the format is recognised."""
    if not reader.marks:
        return True
    for part in parts[:5]:
        try:
            columns = format_of(reader).peek(part.path)
        except Unusable:
            continue
        if columns:
            return set(reader.marks) <= set(columns)
    return False
