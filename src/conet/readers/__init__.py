"""Other people's runs as the common record of rollouts; a format is one file here.

:func:`open_run` finds the format, :class:`conet.readers.collect.Collector` reads file by file.
"""

from collections.abc import Mapping
from pathlib import Path

from conet.base.registry import resolve
from conet.readers import conet_run, table, trl, verl
from conet.readers.base import Part, Reader, Record
from conet.readers.collect import Collector
from conet.readers.columns import Source, parse_map

__all__ = ["READERS", "Collector", "Part", "Reader", "Record", "Source", "open_run", "parse_map", "read"]

# In the order in which they are tried; the last one takes whatever is a table.
READERS: dict[str, Reader] = {reader.READER.name: reader.READER for reader in (conet_run, trl, verl, table)}


def open_run(
    path: str | Path,
    format: str = "auto",
    given: Mapping[str, Source] | None = None,
    tokenizer: str | Path | None = None,
) -> Collector:
    """Get ready to read a run.

    Parameters
    ----------
    path
        A run directory, the folder of its files, or one file.
    format
        "auto", the name of a reader, or ``path/to/file.py:name`` of one of the user's own.
    given
        Which column plays which role, as :func:`conet.readers.columns.parse_map` reads it.
    tokenizer
        A file ``tokenizer.json``, to measure answers in tokens.

    Raises
    ------
    ConetError
        For an unknown format, or a tokenizer that cannot be used.
    """
    readers = list(READERS.values()) if format == "auto" else [resolve(format, READERS, "format")]
    return Collector(path, readers, given, tokenizer)


def read(
    path: str | Path, format: str = "auto", map: str = "", tokenizer: str | Path | None = None
) -> Record:
    """Read a run at once; ``map`` is what ``--map`` takes. See :func:`open_run`."""
    return open_run(path, format, parse_map(map), tokenizer).read()
