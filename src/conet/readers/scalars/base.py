"""What a reader of scalars is: which files are of its kind, and the rows that are in them."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

Row = Mapping[str, float]  # numbers by name, among them the step under conet.readers.scalars.names.STEP


@dataclass(frozen=True, kw_only=True)
class ScalarReader:
    """A kind of files that hold numbers by step, and no rollouts.

    Attributes
    ----------
    name : str
    is_one : callable
        ``(path) -> bool``: whether a file is of this kind, by its name and how it begins.
    rows : callable
        ``(path) -> iterator of Row``. Raises Unusable where the file cannot be read, or breaks off.
    run : callable
        ``(path) -> Path``: the folder that stands for the run which wrote the file.
    a_file_a_run : bool
        Whether files of one folder may be of several runs.
    files, trainer, setting : str
        As in :class:`conet.readers.base.Reader`.
    """

    name: str
    is_one: Callable[[Path], bool]
    rows: Callable[[Path], Iterator[Row]]
    run: Callable[[Path], Path] = lambda path: path.parent
    a_file_a_run: bool = False
    files: str = ""
    trainer: str = ""
    setting: str = ""
