"""What the readers read, in words: for help, and for the table in ``docs/diagnose.md``."""

from collections.abc import Iterable

from conet.readers.base import Reader
from conet.readers.scalars import READERS as SCALARS
from conet.readers.scalars.base import ScalarReader
from conet.readers.scalars.names import KNOWN
from conet.readers.trainers import READERS


def formats_in_words() -> str:
    """Say what ``--format`` takes."""
    return f"auto, {', '.join(READERS)}, or path/to/file.py:name of a reader of your own."


def logs(readers: Iterable[Reader] = READERS.values()) -> str:
    """Table of the readers: who writes what, and what has to be set for that."""
    rows = [f"| {reader.name} | {reader.trainer} | {reader.setting} | {reader.files} |" for reader in readers]
    return "\n".join(["| format | trainer | what to set | what is read |", "|---|---|---|---|", *rows])


def scalars(readers: Iterable[ScalarReader] = SCALARS.values()) -> str:
    """Table of the readers of scalars."""
    rows = [f"| {reader.name} | {reader.trainer} | {reader.setting} | {reader.files} |" for reader in readers]
    return "\n".join(["| kind | who writes it | what to set | what is read |", "|---|---|---|---|", *rows])


def quantities() -> str:
    """Table of the quantities that are known, and what trainers call them."""
    rows = [f"| `{name}` | {', '.join(f'`{known}`' for known in names)} |" for name, names in KNOWN.items()]
    return "\n".join(["| quantity | what trainers call it |", "|---|---|", *rows])
