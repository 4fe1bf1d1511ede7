"""Readers: other people's runs, and CoNet's own, as one record of rollouts.

:func:`read` reads a run at once, :func:`open_run` gets ready to read one that grows. A reader is one
file in :mod:`conet.readers.trainers`, or one of the user's own.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from conet.base.errors import ConetError
from conet.base.files import given_path
from conet.base.inputs import check_is_file
from conet.base.registry import resolve
from conet.readers.asked import options
from conet.readers.base import Part, Reader, Skipped
from conet.readers.column_mapping import Source, parse_column_mapping
from conet.readers.places import any_files
from conet.readers.trainers import READERS

if TYPE_CHECKING:
    from conet.readers.collector import Collector
    from conet.rollouts import RolloutRecord

__all__ = [
    "READERS",
    "Part",
    "Reader",
    "Skipped",
    "Source",
    "find_reader",
    "open_run",
    "parse_column_mapping",
    "read",
]


def read(
    path: str | Path,
    format: str | Reader = "auto",
    column_mapping: "str | Mapping[str, str | Source]" = "",
    tokenizer: str | Path | None = None,
    memory: float | None = None,
    pool: bool = False,
    correct_above: float | None = None,
) -> "RolloutRecord":
    """Read the rollouts of a run: one of a trainer, one of CoNet, or a table of rollouts.

    Parameters
    ----------
    path
        A run directory, the folder of its files, or one file.
    format
        "auto", the name of a reader, ``path/to/file.py:name`` of one of your own, or a
        :class:`conet.readers.base.Reader`.
    column_mapping
        Which column plays which role, where the files do not say it by their names: a mapping such as
        ``{"step": "global_step", "correct": "score>=1"}``, or the same as one text, as ``--map`` takes it.
    tokenizer
        A file ``tokenizer.json``, or a folder with one, to measure completions in tokens.
    memory
        GiB that reading may take, beside what the rollouts themselves take; 2 where absent. Files are read
        piece by piece, and a text of more than 1/128 of it is too long.
    pool
        Whether several runs in the place, which cover the same steps, are taken together.
    correct_above
        Above which reward an answer is correct, where rewards give partial credit.

    Returns
    -------
    RolloutRecord
        Its ``rows`` are a table with one row a rollout; ``per_problem()`` counts them.

    Raises
    ------
    ConetError
        When the place cannot be read, is of no known format, holds no row that can be used, or it would be
        a guess what is correct.

    Examples
    --------
    >>> record = conet.read("grpo-run")                                               # doctest: +SKIP
    >>> record.per_problem().filter(pl.col("correct_count") == 0)                      # doctest: +SKIP
    """
    return open_run(
        path, format, parse_column_mapping(column_mapping), tokenizer, memory, pool, correct_above
    ).read()


def open_run(
    path: str | Path,
    format: str | Reader = "auto",
    given: Mapping[str, Source] | None = None,
    tokenizer: str | Path | None = None,
    memory: float | None = None,
    pool: bool = False,
    correct_above: float | None = None,
) -> "Collector":
    """Get ready to read a run, which may still grow; the parameters are those of :func:`read`.

    Raises
    ------
    ConetError
        For an unknown format, or a tokenizer that cannot be used.
    """
    from conet.readers.collector import Collector

    path = given_path(path, "a run directory, a folder or a file")
    check_is_file(path)
    readers = list(READERS.values()) if format == "auto" else [find_reader(format)]
    collector = Collector(path, readers, given, tokenizer, memory, pool, correct_above)
    collector.asked = options(format, given, tokenizer, pool, correct_above)
    return collector


def _may_read(thing: Any) -> bool:
    return isinstance(thing, Reader) or callable(thing)


def find_reader(format: str | Reader) -> Reader:
    """Return a reader by its name, or by that of the user's own.

    A function ``rows(path)`` of the user's own is a reader of every file that lies in the place.

    Raises
    ------
    ConetError
        For an unknown format, a file that cannot be imported, or a name in it that is no reader.
    """
    found: Any = resolve(format, READERS, "format", _may_read) if isinstance(format, str) else format
    if isinstance(found, Reader):
        return found
    if not callable(found):
        raise ConetError(
            f"--format {format}, which is {type(found).__name__}",
            "a Reader, or a function rows(path) that yields rollouts",
            "see docs/skeletons/reader.py",
        )
    return Reader(name=getattr(found, "__name__", "rows"), finds=any_files, rows=found)
