"""What single files gave, and one record of all of them."""

from collections import Counter
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from conet.readers.base import Part, Reader
from conet.readers.branches import REPLACED, one_run, runs_of, without_branches
from conet.readers.correctness import decide
from conet.readers.repeats import REPEATED, Block, Repeats
from conet.readers.rows import APART, columns, with_length
from conet.rollouts import main_split

if TYPE_CHECKING:
    import polars


@cache  # of which a table for each file is not made anew
def _no_rows() -> "polars.DataFrame":
    import polars as pl

    return pl.DataFrame(schema=columns())


@dataclass(kw_only=True)
class Piece:
    """What one file gave.

    Attributes
    ----------
    rows : polars.DataFrame
        The columns of :func:`conet.readers.rows.columns`; ``problem`` says which of the names met so far.
    skipped : Counter
        Rows passed over, by reason.
    why : str
        Why the file, or its rest, could not be read; empty where it could.
    blocks : list of Block
        See :func:`conet.readers.repeats.fingerprints`.
    state : tuple
        Size and time of change, by which a changed file is recognised.
    part : Part or None
        What was known of the file when it was read; its split may become known later.
    lines : numpy.ndarray or None
        Byte of the file at which the line of each of its rows begins, those that were left out with them;
        None where that is not known.
    """

    rows: "polars.DataFrame" = field(default_factory=_no_rows)
    skipped: Counter[str] = field(default_factory=Counter)
    why: str = ""
    blocks: list[Block] = field(default_factory=list)
    state: tuple[int, int] = (0, 0)
    part: Part | None = None
    lines: np.ndarray | None = None

    @property
    def empty(self) -> bool:
        """Whether the file holds nothing at all."""
        return not (self.rows.height or self.skipped or self.why)


class Names:
    """The names of problems, each remembered once, in the order of their first appearance."""

    def __init__(self) -> None:
        self.place: dict[str, int] = {}

    def replace(self, rows: "polars.DataFrame") -> "polars.DataFrame":
        """Replace the names in the column ``problem`` by their places."""
        import polars as pl

        groups = rows["problem"].rle().struct.unnest()
        places = [self.place.setdefault(name, len(self.place)) for name in groups["value"].to_list()]
        column = np.repeat(np.array(places, np.int32), groups["len"].to_numpy())
        return rows.with_columns(pl.Series("problem", column, pl.Int32))


@dataclass(frozen=True, kw_only=True)
class Choices:
    """What the user chose about the rows of a run.

    Attributes
    ----------
    pool : bool
        Whether several runs are taken together.
    correct_above : float or None
        Above which reward an answer is correct.
    root : Path
        The place that is read.
    """

    pool: bool = False
    correct_above: float | None = None
    root: Path = Path()


@dataclass
class Joined:
    """All pieces of a run.

    Attributes
    ----------
    rows : polars.DataFrame
        As :class:`conet.rollouts.RolloutRecord` has them.
    names : list of str
        Of the problems, by number.
    skipped, skipped_files, remarks
        As in the record.
    """

    rows: "polars.DataFrame"
    names: list[str]
    skipped: dict[str, int]
    skipped_files: dict[str, str]
    remarks: list[str]


def join(pieces: list[Piece], names: Names, reader: Reader, choices: Choices = Choices()) -> Joined:
    """Put pieces together: repeats are taken out, problems and samples get their numbers.

    Raises
    ------
    ConetError
        For the files of several runs.
    """
    import polars as pl

    repeats, skipped, rows = Repeats(reader.one_step_a_file, reader.grows), Counter[str](), []
    skipped_files: dict[str, str] = {}
    for piece in pieces:
        assert piece.part is not None
        name = piece.part.path.name
        skipped.update(piece.skipped)
        if piece.why:
            skipped_files[name] = piece.why
        rows.append(repeats.drop(piece.rows, piece.blocks, name))
    files = np.repeat(np.arange(len(rows), dtype=np.uint32), [len(part) for part in rows])
    table = pl.concat([_no_rows(), *rows]).with_columns(file=pl.Series(files, dtype=pl.UInt32))
    skipped[REPEATED] += repeats.dropped
    before = table.height
    table, branched = without_branches(table, runs_of(pieces) if reader.one_stream and pieces else None)
    if not choices.pool:
        table, more = one_run(table, pieces, choices.root)
        branched += more
    skipped[REPLACED] += before - table.height
    table, decided = decide(table, choices.correct_above)
    table, kept_names = _number(with_length(table, skipped), list(names.place), reader.ids)
    sample = pl.int_range(pl.len(), dtype=pl.Int32).over("split", "step", "problem")
    empty = sum(piece.empty for piece in pieces)
    remarks = [
        *([decided] if decided else []),
        *repeats.remarks,
        *branched,
        *([f"files without rows: {empty}"] if empty else []),
    ]
    if table.height and main_split(table) == "eval":
        remarks.append("there are only rollouts of an evaluation, which is diagnosed itself")
    return Joined(
        table.with_columns(sample=sample), plain_names(kept_names), dict(+skipped), skipped_files, remarks
    )


def plain_names(names: list[str]) -> list[str]:
    """Return the names of problems without what tells them apart, where they differ without it."""
    bare = [name.partition(APART)[0] for name in names]
    times = Counter(bare)
    return [
        name if times[name] == 1 else whole.replace(APART, "\n→ ")
        for name, whole in zip(bare, names, strict=True)
    ]


def _number(table: "polars.DataFrame", names: list[str], ids: bool) -> "tuple[polars.DataFrame, list[str]]":
    """Number the problems once for all that follows: first those of the split that is diagnosed.

    Problems are numbered in the order of their first appearance, or of their ids where these are numbers
    of the format itself.
    """
    import polars as pl

    if not table.height:
        return table, []
    first = table.filter(pl.col("split") == main_split(table))["problem"].unique()
    others = table["problem"].unique().filter(~table["problem"].unique().is_in(first.implode()))
    by_id = ids and all(name.isdecimal() for name in names)

    def ordered(places: "polars.Series") -> list[int]:
        return sorted(places.to_list(), key=lambda place: int(names[place]) if by_id else place)

    order = ordered(first) + ordered(others)
    number = np.full(len(names), -1, np.int32)
    number[order] = np.arange(len(order), dtype=np.int32)
    numbered = pl.Series("problem", number[table["problem"].to_numpy()], pl.Int32)
    return table.with_columns(numbered), [names[place] for place in order]
