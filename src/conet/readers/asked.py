"""The options with which a log was read, as the command line takes them: for the next command on it."""

from collections.abc import Mapping
from pathlib import Path

from conet.readers.base import Reader
from conet.readers.column_mapping import Source


def options(
    format: str | Reader,
    given: Mapping[str, Source] | None,
    tokenizer: str | Path | None,
    pool: bool = False,
    correct_above: float | None = None,
) -> tuple[str, ...]:
    """Return options and values, one after the other; the parameters are those of ``open_run``."""
    found: list[str] = []
    if isinstance(format, str) and format != "auto":
        found += ["--format", format]
    for role, source in (given or {}).items():
        found += ["--map", f"{role}={written(source)}"]
    if tokenizer is not None:
        found += ["--tokenizer", str(tokenizer)]
    if pool:
        found.append("--pool")
    if correct_above is not None:
        found += ["--correct-above", f"{correct_above:g}"]
    return tuple(found)


def written(source: Source) -> str:
    """Return a source as ``--map`` reads it: a value that holds a comma, or is empty, stands in quotes."""
    if not source.comparison:
        return source.column
    value = source.value
    if "," in value or not value or value != value.strip():
        value = f'"{value}"' if "'" in value else f"'{value}'"
    return f"{source.column}{source.comparison}{value}"
