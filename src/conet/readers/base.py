"""What a reader is: where the files of a trainer are, and what is in them."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from conet.base.errors import ConetError
from conet.readers.column_mapping import ROLES

if TYPE_CHECKING:
    import polars

    from conet.readers.formats.records import Head

LENGTHS = (
    "length",
    "completion_length",
    "response_length",
    "completion_tokens",
    "response_tokens",
    "num_tokens",
    "completion_len",
    "response_len",
)
# Lists of the tokens that the model wrote.
TOKENS = (
    *("completion_ids", "completion_token_ids", "response_ids", "response_token_ids", "output_ids"),
    *("output_token_ids", "response_token_list"),
)
GOLD = (
    "gold",
    "gts",
    "ground_truth",
    "gold_answer",
    "reference_answer",
    "answer",
    "solution",
    "target",
    "label",
)
FAMILY = (
    "family",
    "data_source",
    "dataset",
    "env_class",
    "domain",
    "category",
    "subject",
    "topic",
    "tag",
)
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
        The step that the file's name, or that of its folder, says, for rows without one.
    run : str
        What is the same for all files of one run: files of two runs that cover the same steps are refused.
    run_of_steps : str
        The same where the step is taken from the name: ``run`` without it.
    """

    path: Path
    split: str = "train"
    step: int | None = None
    run: str = ""
    run_of_steps: str = ""


@dataclass(frozen=True)
class Skipped:
    """What ``rows`` of a reader yields in the place of a rollout that cannot be read.

    Attributes
    ----------
    reason : str
        In the plural, as it is said with a number: "lines that cannot be read".
    """

    reason: str


Rows = Callable[[Path], "Iterable[Mapping[str, Any] | polars.DataFrame | Skipped]"]


def named_rewards(columns: Mapping[str, int]) -> list[str]:
    """Return the columns that are called reward or score, or have reward in their name."""
    return [
        name
        for name, numeric in columns.items()
        if numeric and (name.lower() in ("score", "scores") or "reward" in name.lower())
    ]


def every_role() -> dict[str, tuple[str, ...]]:
    """Return column names for rows whose columns are called as their roles."""
    return {role: (role,) for role in ROLES}


@dataclass(frozen=True, kw_only=True)
class Reader:
    """A format: where its files are, and what is in them. A new one is one file.

    What is in a file is said in one of two ways: by ``names`` and ``rewards``, where a row of the file is a
    rollout and it is enough to say which column plays which role; or by ``rows``, for anything else.

    Attributes
    ----------
    name : str
    finds : callable or None
        ``(path) -> list of Part``, in the order in which they were written; empty where the place is
        not of this format. Raises ConetError where it is, but not of one run.
    begins : callable or None
        In its place: ``(head) -> bool``, whether a file is of this format by how it begins (see
        :class:`conet.readers.formats.records.Head`), whatever its name and however deep it lies.
    parts : callable or None
        ``(path, files) -> list of Part`` of the files that begin so; by their names
        (:func:`conet.readers.paths.parts_of`) where absent.
    names : mapping of str to tuple of str
        Column names of each role (see :data:`conet.readers.column_mapping.ROLES`); the first that a file
        has counts.
    rewards : callable
        ``(columns) -> list of str``: which are rewards, given the columns and which numbers they hold (see
        :class:`conet.readers.formats.chunk.Numbers`).
    ids : bool
        Whether the column ``problem`` may be used without being named: only where the format itself
        promises that it is the same problem at every step; ``rows`` does so by giving it.
    one_step_a_file : bool
        Whether a file holds the rollouts of one step.
    marks : tuple of str
        Columns by which files of this format are recognised among others with such names.
    apart : tuple of str
        Columns that tell problems apart whose prompts are alike, such as those with different pictures.
    grows : bool
        Whether a file repeats the rows of the files before it.
    one_stream : bool
        Whether the files of a run follow each other, so that a step which comes again in a later file is
        what a resumed run wrote; else they may be parts of the same steps.
    follows : bool
        Whether problems can be followed over the steps: False where a format knows the groups of a batch
        alone, so that each group counts as a problem of its own.
    titles : callable
        ``(path) -> mapping``: what the ids of problems stand for, where the format keeps that elsewhere.
    prompts : callable
        ``(path) -> mapping``: what was asked, as text or messages, by the ids of problems, where the format
        keeps that elsewhere.
    rows : callable or None
        ``(path) -> iterable``: the rollouts of a file, each a mapping of role to value (or a table of
        several, a polars.DataFrame), or :class:`Skipped`. What is no role, such as one of several
        rewards, may be there too; ``--map`` can name it.
    files : str
        What its files are called; like the next two, for help, errors and docs.
    trainer, setting : str
        Who writes them, and what has to be set for that.
    """

    name: str
    finds: Callable[[Path], list[Part]] | None = None
    begins: "Callable[[Head], bool] | None" = None
    parts: Callable[[Path, list[Path]], list[Part]] | None = None
    names: Mapping[str, tuple[str, ...]] = field(default_factory=every_role)
    rewards: Callable[[Mapping[str, int]], list[str]] = named_rewards
    ids: bool = False
    one_step_a_file: bool = False
    marks: tuple[str, ...] = ()
    apart: tuple[str, ...] = ()
    grows: bool = False
    one_stream: bool = False
    follows: bool = True
    titles: Callable[[Path], Mapping[str, str]] = lambda path: {}
    prompts: Callable[[Path], Mapping[str, Any]] = lambda path: {}
    rows: Rows | None = None
    files: str = ""
    trainer: str = ""
    setting: str = ""


def found_by(reader: Reader, path: Path) -> list[Part]:
    """Return the files that a reader finds; it may be the user's own.

    Raises
    ------
    ConetError
        When it fails.
    """
    if reader.finds is None:
        return []
    try:
        return reader.finds(path)
    except (ConetError, MemoryError):
        raise
    except (Exception, SystemExit) as error:
        got = f"reader {reader.name!r}: {type(error).__name__}: {error}"
        raise ConetError(got, "the files of a run", "mend its function finds") from error
