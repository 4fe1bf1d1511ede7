"""What a format is, and what comes out of it: the common record, with all that was passed over."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from conet.readers.columns import Source

if TYPE_CHECKING:
    import polars

LENGTHS = (
    "length", "completion_length", "response_length", "completion_tokens", "response_tokens", "num_tokens",
    "completion_len", "response_len",
)  # fmt: skip
TRUNCATED = ("truncated", "is_truncated", "response_truncated")


@dataclass(frozen=True)
class Part:
    """A file of rollouts.

    Attributes
    ----------
    path : Path
    split : str
        "train", or "eval" for what is reported apart.
    step : int or None
        The step that the file's name says, for rows without one.
    """

    path: Path
    split: str = "train"
    step: int | None = None


@dataclass(frozen=True)
class Reader:
    """A format: where its files are, and what its columns are called. A new one is one file.

    Attributes
    ----------
    name : str
    finds : callable
        ``(path) -> list of Part``, in the order in which they were written; empty where the place is
        not of this format. Raises ConetError where it is, but not of one run.
    names : mapping of str to tuple of str
        Column names of each role (see :data:`conet.readers.columns.ROLES`); the first that a file has
        counts.
    rewards : callable
        ``(columns) -> list of str``: which are rewards, given the columns and which numbers
        they hold (see :func:`conet.readers.tables.peek`).
    ids : bool
        Whether the column ``problem`` may be used without being named: only where the format itself
        promises that it is the same problem at every step.
    one_step_a_file : bool
        Whether a file holds the rollouts of one step.
    titles : callable
        ``(path) -> mapping``: what the ids of problems stand for, where the format keeps that elsewhere.
    marks : tuple of str
        Columns by which files of this format are recognised among others with such names.
    """

    name: str
    finds: Callable[[Path], list[Part]]
    names: Mapping[str, tuple[str, ...]]
    rewards: Callable[[Mapping[str, int]], list[str]]
    ids: bool = False
    one_step_a_file: bool = False
    marks: tuple[str, ...] = ()
    titles: Callable[[Path], Mapping[str, str]] = lambda path: {}


@dataclass(frozen=True)
class Record:
    """All rollouts of a run that could be read whole.

    Attributes
    ----------
    rows : polars.DataFrame
        One row a rollout, in the order of the files: ``step`` (int32, as the trainer counts),
        ``problem`` (int32), ``sample`` (int32, within step and problem), ``reward`` (float32),
        ``correct`` (bool), ``length`` (int32, null where unknown), ``truncated`` (bool, null where
        unknown), ``split`` ("train", "eval" or "harvest"), ``phase`` ("rlvr", "heat", "sft"), ``text_hash`` (uint64, a
        hash of the completion, null where there is none), ``file`` and ``row`` (uint32, where it was
        read).
    names : list of str
        Of the problems: their prompts, or ids.
    path : Path
        What was read.
    format : str
    files : tuple of Path
    sources : dict of str to str
        Where step, problem, correct, length and truncated come from, in words.
    skipped : dict of str to int
        Rows that were not taken, by reason.
    skipped_files : dict of str to str
        Files that were not taken, or not to their end, and why.
    remarks : tuple of str
        What else the user should know of the files.
    """

    rows: "polars.DataFrame"
    names: list[str]
    path: Path
    format: str
    files: tuple[Path, ...]
    sources: dict[str, str]
    skipped: dict[str, int] = field(default_factory=dict)
    skipped_files: dict[str, str] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()


def named_rewards(columns: Mapping[str, int]) -> list[str]:
    """Return the columns that are called reward or score, or have reward in their name."""
    return [
        name
        for name, numeric in columns.items()
        if numeric and (name.lower() in ("score", "scores") or "reward" in name.lower())
    ]


def first_of(names: tuple[str, ...], columns: Mapping[str, int]) -> Source | None:
    """Return the first of the names that is a column."""
    return next((Source(name) for name in names if name in columns), None)
