"""Reading a run, file by file; again and again while it grows."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from conet.base.errors import ConetError
from conet.readers.base import Part, Reader, Record
from conet.readers.chunk import Unusable, size
from conet.readers.columns import Source
from conet.readers.places import NothingYet, exists, state_of
from conet.readers.repeats import REPEATED, Delivery, Repeats, fingerprint
from conet.readers.rows import Plan, answered, decide, missing, take
from conet.readers.tables import chunks, marked, peek
from conet.readers.texts import pick, token_counter
from conet.rollouts import schema

if TYPE_CHECKING:
    import polars

Progress = Callable[[int, int], None]  # bytes done, bytes in all


@dataclass
class Piece:
    """What one file gave.

    Attributes
    ----------
    rows : polars.DataFrame
        Columns of the record, without ``file`` and ``sample``.
    skipped : Counter
        Rows passed over, by reason.
    why : str
        Why the file, or its rest, could not be read; empty where it could.
    deliveries : list of Delivery
        See :func:`conet.readers.repeats.fingerprint`.
    state : tuple
        Size and time of change, by which a changed file is recognised.
    part : Part or None
        What was known of the file when it was read; its split may become known later.
    """

    rows: "polars.DataFrame"
    skipped: Counter = field(default_factory=Counter)
    why: str = ""
    deliveries: list[Delivery] = field(default_factory=list)
    state: tuple[int, int] = (0, 0)
    part: Part | None = None


class Collector:
    """Reads a run; each further :meth:`read` opens only files that are new or have changed.

    Parameters
    ----------
    path
        A run directory, the folder of the files, or one file.
    readers
        The formats to be tried, in order; of several the first that finds files counts.
    given
        What the user says of the columns.
    tokenizer
        A file ``tokenizer.json``, or a folder with one: answers are measured in its tokens.
    """

    def __init__(
        self,
        path: str | Path,
        readers: "list[Reader]",
        given: Mapping[str, Source] | None = None,
        tokenizer: str | Path | None = None,
    ) -> None:
        self.path = Path(path)
        self.readers = readers
        self.given = dict(given or {})
        self.count_tokens = None if tokenizer is None else token_counter(Path(tokenizer))
        self.tokenizer = tokenizer
        self.reader: Reader | None = None
        self.plan: Plan | None = None
        self.problems: dict[str, int] = {}
        self.pieces: dict[Path, Piece] = {}
        self.settled = False

    def read(self, progress: Progress = lambda done, total: None) -> Record:
        """Read what is there now.

        Raises
        ------
        ConetError
            When the place cannot be read, is of no known format, holds no row that could be read
            whole, or it would be a guess what is correct; NothingYet where that may change.
        """
        try:
            record = self._read(progress)
        except ConetError as error:
            guessed = not self.settled and self._guessed()
            if not self.settled:  # what comes later may be of another format, or have other columns
                self.reader, self.plan, self.problems, self.pieces = None, None, {}, {}
            if guessed and not isinstance(error, NothingYet):
                raise NothingYet(error.got, error.expected, error.remedy) from None
            raise
        self.settled = True
        return record

    def _guessed(self) -> bool:
        """Whether the files are taken for tables only because nothing else has come into a folder yet."""
        return (
            len(self.readers) > 1
            and self.reader is self.readers[-1]
            and not self.given
            and not self.path.is_file()
        )

    def _read(self, progress: Progress) -> Record:
        parts = self.find()
        total = sum(size(part.path) for part in parts)
        done = 0
        for part in parts:
            large = size(part.path)
            state = state_of(part.path)
            known = self.pieces.get(part.path)
            if known is None or (known.part, known.state) != (part, state) or state == (0, 0):
                self.pieces[part.path] = self._piece(
                    part, state, partial(_within, progress, done, large, total)
                )
            done += large
            progress(min(done, total), total)
        return self._record(parts)

    def find(self) -> list[Part]:
        """Return the files of the run."""
        if not exists(self.path):
            raise NothingYet(f"{self.path}, which does not exist", "the rollouts of a run", "check the path")
        chosen = [self.reader] if self.reader else self.readers
        for reader in chosen:
            parts = reader.finds(self.path)
            if not parts and self.path.is_file() and len(chosen) == 1:
                parts = [Part(self.path)]
            if parts and (len(chosen) == 1 or marked([part.path for part in parts[:5]], reader.marks)):
                self.reader = reader
                return parts
        names = "completions_*.parquet (TRL), {step}.jsonl (verl), or .jsonl, .csv, .parquet with --map"
        raise NothingYet(
            f"{self.path} without rollouts in it", names, "name the folder that holds the rollouts"
        )

    def _piece(self, part: Part, state: tuple[int, int], progress: Callable[[float], None]) -> Piece:
        """Read one file."""
        import polars as pl

        assert self.reader is not None
        found: list[pl.DataFrame] = []
        piece = Piece(pl.DataFrame(schema=_schema()), state=state, part=part)
        try:
            if self.plan is None:
                columns = peek(part.path)
                if not columns:  # an empty file
                    return piece
                self.plan = decide(columns, self.reader, self.given, part.path, part.step)
                self.plan.count_tokens = self.count_tokens
            number = 0
            for chunk in chunks(part.path, self.plan.needed):
                piece.skipped.update(chunk.unreadable)
                frame = chunk.frame.with_row_index("row", number)
                number += chunk.frame.height
                found.append(self._numbered(take(frame, self.plan, part, piece.skipped)))
                progress(chunk.done)
        except Unusable as error:
            piece.why = str(error)
        if found:
            piece.rows = pl.concat(found)
        if not piece.rows.height and piece.skipped and not piece.why:
            self._explain(part, piece)
        piece.deliveries = fingerprint(piece.rows)
        return piece

    def _numbered(self, rows: "polars.DataFrame") -> "polars.DataFrame":
        """Replace the names of problems by numbers, in the order of their first appearance."""
        import polars as pl

        known = self.problems
        groups = rows["problem"].rle().struct.unnest()
        numbers = [known.setdefault(name, len(known)) for name in groups["value"].to_list()]
        problem = np.repeat(np.array(numbers, np.int32), groups["len"].to_numpy())
        columns = [
            rows[name] if name != "problem" else pl.Series(name, problem, pl.Int32) for name in _schema()
        ]
        return pl.DataFrame(columns)

    def _explain(self, part: Part, piece: Piece) -> None:
        """Say which column a file lacks of which no row could be used."""
        assert self.plan is not None
        try:
            columns = peek(part.path)
        except Unusable:
            return
        for role, source in self.plan.sources.items():
            if source.column not in columns and role not in ("truncated", "split", "phase"):
                error = missing(f"no {role}", source.column, columns, part.path)
                piece.why = f"has no column {source.column!r}; {error.remedy}"
                return

    def _record(self, parts: list[Part]) -> Record:
        import polars as pl

        assert self.reader is not None
        skipped: Counter = Counter()
        files_skipped: dict[str, str] = {}
        repeats, rows = Repeats(self.reader.one_step_a_file), []
        empty = 0
        for number, part in enumerate(parts):
            piece = self.pieces[part.path]
            skipped.update(piece.skipped)
            if piece.why:
                files_skipped[part.path.name] = piece.why
            empty += not (piece.rows.height or piece.skipped or piece.why)
            kept = repeats.drop(piece.rows, piece.deliveries, part.path.name)
            rows.append(kept.with_columns(pl.lit(number, pl.UInt32).alias("file")))
        table = pl.concat(rows) if rows else pl.DataFrame(schema=_schema() | {"file": pl.UInt32})
        skipped[REPEATED] += repeats.dropped
        table = answered(table, skipped)
        skipped = +skipped
        if not table.height or self.plan is None:
            raise self._nothing(parts, skipped, files_skipped)
        sample = pl.int_range(pl.len(), dtype=pl.Int32).over("split", "step", "problem")
        remarks = [*self.plan.remarks, *repeats.remarks, *([f"files without rows: {empty}"] if empty else [])]
        return Record(
            table.with_columns(sample=sample), self._names(), self.path, self.reader.name,
            tuple(part.path for part in parts), self.plan.words(self.tokenizer), dict(skipped), files_skipped,
            tuple(remarks),
        )  # fmt: skip

    def _names(self) -> list[str]:
        """Names of the problems, by number."""
        assert self.reader is not None
        titles = self.reader.titles(self.path)
        return [titles.get(name, name) for name in self.problems]

    def _nothing(self, parts: list[Part], skipped: Counter, files: dict[str, str]) -> ConetError:
        """Say why not a single row could be used."""
        reasons = [f"{reason}: {count}" for reason, count in skipped.items()]
        reasons += [f"{name} {why}" for name, why in list(files.items())[:2]]
        return NothingYet(
            f"{self.path}: no row of {len(parts)} {'file' if len(parts) == 1 else 'files'} can be used"
            f" ({'; '.join(reasons) or 'they are empty'})",
            "rows with step, prompt and reward", "check the files, or name their columns with --map",
        )  # fmt: skip

    def texts(self, record: Record, rows: "polars.DataFrame") -> list[tuple[Any, Any]]:
        """Read prompts and answers of some rollouts again.

        Parameters
        ----------
        rows
            Rows of the record.

        Returns
        -------
        list of tuple
            Prompt and answer of each row: text, or a list of messages.

        Raises
        ------
        ConetError
            When the files have no prompts or no answers, or have changed since.
        """
        assert self.plan is not None
        columns = []
        for role in ("prompt", "completion"):
            if role not in self.plan.sources:
                raise ConetError(
                    f"{self.path} without {role}s",
                    "prompts and completions",
                    f"name them with --map {role}=COLUMN",
                )
            columns.append(self.plan.sources[role].column)
        wanted: dict[int, set[int]] = {}
        places = list(rows.select("file", "row").iter_rows())
        for file, row in places:
            wanted.setdefault(file, set()).add(row)
        found = {file: pick(record.files[file], columns, chosen) for file, chosen in wanted.items()}
        return [found[file][row] for file, row in places]


def _schema() -> "dict[str, Any]":
    """Columns of what one file gave: all but the sample and the file, which are known later."""
    return {name: kind for name, kind in schema("text_hash", "row").items() if name != "sample"}


def _within(progress: Progress, before: int, size: int, total: int, share: float) -> None:
    """Say how far a file has been read."""
    progress(int(before + share * size), total)
