"""What the readers read, in words: for help, and for the table in ``docs/diagnose.md``."""

from collections.abc import Iterable

from conet.readers.base import Reader
from conet.readers.trainers import READERS


def formats_in_words() -> str:
    """Say what ``--format`` takes."""
    return f"auto, {', '.join(READERS)}, or path/to/file.py:name of a reader of your own."


def logs(readers: Iterable[Reader] = READERS.values()) -> str:
    """Table of the readers: who writes what, and what has to be set for that."""
    rows = [f"| {reader.name} | {reader.trainer} | {reader.setting} | {reader.files} |" for reader in readers]
    return "\n".join(["| format | trainer | what to set | what is read |", "|---|---|---|---|", *rows])
