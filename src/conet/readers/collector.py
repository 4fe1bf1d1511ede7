"""Reading a run, file by file; again and again while it grows."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from conet.base.errors import ConetError
from conet.readers.again import Again
from conet.readers.base import Part, Reader
from conet.readers.below import logs_below
from conet.readers.choose_columns import ColumnMapping, choose_columns, missing
from conet.readers.column_mapping import Source
from conet.readers.correctness import one_a_row
from conet.readers.formats.chunk import Format, Numbers, Unusable
from conet.readers.gather import fill, groups
from conet.readers.memory import bounded
from conet.readers.pieces import Choices, Joined, Names, Piece, join
from conet.readers.place import Place
from conet.readers.places import NothingYet, exists, state_of, walk
from conet.readers.recognise import format_of
from conet.readers.scalars.find import Finder, Scalars
from conet.readers.scalars.lines import runs_of_chart
from conet.readers.texts import token_counter
from conet.rollouts import RolloutRecord

Progress = Callable[[int, int], None]  # bytes done, bytes in all


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
        A file ``tokenizer.json``, or a folder with one: completions are measured in its tokens.
    memory
        GiB that reading may take; 2 where absent.
    pool
        Whether several runs in the place are taken together.
    correct_above
        Above which reward an answer is correct.
    """

    def __init__(
        self,
        path: str | Path,
        readers: "list[Reader]",
        given: Mapping[str, Source] | None = None,
        tokenizer: str | Path | None = None,
        memory: float | None = None,
        pool: bool = False,
        correct_above: float | None = None,
    ) -> None:
        with bounded(memory):  # says so where it is none
            self.memory = memory
        self.path = Path(path)
        self.readers = readers
        self.given = dict(given or {})
        self.count_tokens = None if tokenizer is None else token_counter(Path(tokenizer))
        self.tokenizer = tokenizer
        self.choices = Choices(pool=pool, correct_above=correct_above, root=self.path)
        self.settled = False
        self.asked: tuple[str, ...] = ()
        self._forget()

    def _forget(self) -> None:
        """Know nothing of the files."""
        self.reader: Reader | None = None
        self.mapping: ColumnMapping | None = None
        self.names = Names()
        self.pieces: dict[Path, Piece] = {}
        self.finder = Finder()
        self.place = Place(self.path, self.readers, self.given, self.finder)

    def read(self, progress: Progress = lambda done, total: None) -> RolloutRecord:
        """Read what is there now.

        Raises
        ------
        ConetError
            When the place cannot be read, is of no known format, holds no row that could be read
            whole, or it would be a guess what is correct; NothingYet where that may change.
        """
        try:
            with bounded(self.memory):
                record = self._read(progress)
        except ConetError as error:
            guessed = not self.settled and self._guessed()
            if not self.settled:  # what comes later may be of another format, or have other columns
                self._forget()
            if guessed and not isinstance(error, NothingYet):
                raise NothingYet(error.got, error.expected, error.remedy) from None
            raise
        self.settled = True
        return replace(record, asked=self.asked)

    def _guessed(self) -> bool:
        """Whether the files are taken for tables only because nothing else has come into a folder yet."""
        last_resort = len(self.readers) > 1 and self.reader is self.readers[-1]
        return last_resort and not self.given and not self.path.is_file()

    def _read(self, progress: Progress) -> RolloutRecord:
        try:
            self.reader, parts = self.place.find(self.reader)
        except NothingYet:
            if not exists(self.path) or logs_below(self.path, self.readers):
                raise
            alone = self.finder.find(walk(self.path))
            if alone is None:
                raise
            return self._of_scalars(alone)
        states = {part.path: state_of(part.path) for part in parts}
        total = sum(large for large, _ in states.values())
        new = []
        for part in parts:
            state, known = states[part.path], self.pieces.get(part.path)
            if known is None or (known.part, known.state) != (part, state) or state == (0, 0):
                new.append(Piece(state=state, part=part))
        sizes = [piece.state[0] for piece in new]
        done = total - sum(sizes)
        for chosen in groups(sizes):
            large = sum(sizes[chosen.start : chosen.stop])
            within = partial(_within, progress, done, large, total)
            self._fill(new[chosen.start : chosen.stop], within)
            done += large
            progress(min(done, total), total)
        self.pieces |= {piece.part.path: piece for piece in new if piece.part}
        return self._record([self.pieces[part.path] for part in parts])

    def _fill(self, pieces: list[Piece], progress: Callable[[float], None]) -> None:
        """Read files together; the first that has columns says which play which role."""
        assert self.reader is not None
        source = format_of(self.reader)
        while self.mapping is None and pieces:
            piece, part = pieces[0], pieces[0].part
            assert part is not None
            try:
                if columns := source.peek(part.path):
                    self.mapping = self._choose(columns, source, part)
                    self.mapping.count_tokens = self.count_tokens
                    break
            except Unusable as error:
                piece.why = str(error)
            pieces = pieces[1:]
        if self.mapping is None:
            return
        fill(pieces, source, self.mapping, self.names, progress)
        for piece in pieces:
            if not piece.rows.height and piece.skipped and not piece.why and piece.part:
                piece.why = self._lacks(source, piece.part)

    def _choose(self, columns: "Mapping[str, Numbers]", source: Format, part: Part) -> ColumnMapping:
        """Choose columns by those of the first file; where none fit, name the nearest format."""
        assert self.reader is not None
        try:
            return choose_columns(
                columns, self.reader, self.given, part, partial(one_a_row, source, part.path)
            )
        except ConetError as error:
            if len(runs := runs_of_chart(list(columns))) > 1:
                got = f"{part.path.name}, a chart of W&B with {len(runs)} runs ({', '.join(runs)})"
                remedy = "show one run alone on the page of W&B and save the chart again"
                raise ConetError(got, "the numbers of one run", remedy) from None
            if not self.place.nearest:
                raise
            raise ConetError(error.got, error.expected, f"{error.remedy}; {self.place.nearest}") from None

    def _lacks(self, source: Format, part: Part) -> str:
        """Say which column a file lacks of which no row could be used."""
        assert self.mapping is not None
        try:
            columns = source.peek(part.path)
        except Unusable:
            return ""
        if not columns:  # every row was refused, and why is counted
            return ""
        for role, wanted in self.mapping.sources.items():
            if wanted.column not in columns and role not in ("truncated", "split", "phase", "gold", "family"):
                error = missing(f"no {role}", wanted.column, columns, part.path, role=role)
                return f"has no column {wanted.column!r}; {error.remedy}"
        return ""

    def _record(self, pieces: list[Piece]) -> RolloutRecord:
        assert self.reader is not None
        found = join(pieces, self.names, self.reader, self.choices)
        if not found.rows.height or self.mapping is None:
            raise self._nothing(len(pieces), found)
        titles = self.reader.titles(self.path)
        beside, remarks = self._beside(pieces)
        sources = self.mapping.in_words(self.tokenizer)
        if found.rows["correct"].null_count() == found.rows.height:
            sources["correct"] = f"not said (column {self.mapping.correct} gives partial credit)"
        again = Again(
            reader=self.reader,
            columns={role: source.column for role, source in self.mapping.sources.items()},
            all_columns=tuple(self.mapping.columns),
            memory=self.memory,
            lines={at: piece.lines for at, piece in enumerate(pieces) if piece.lines is not None},
        )
        return RolloutRecord(
            rows=found.rows,
            names=[titles.get(name, name) for name in found.names],
            path=self.path,
            format=self.reader.name,
            files=tuple(piece.part.path for piece in pieces if piece.part),
            sources=sources,
            skipped=found.skipped,
            skipped_files=found.skipped_files,
            components=self.mapping.components,
            remarks=(*self.mapping.remarks, *found.remarks, *remarks),
            scalars=None if beside is None else beside.table,
            scalar_names={} if beside is None else beside.names,
            follows=self.reader.follows,
            read_texts=again.texts,
            read_token_ids=again.token_ids,
        )

    def _beside(self, pieces: list[Piece]) -> tuple[Scalars | None, tuple[str, ...]]:
        """Return the scalars beside the rollouts of a folder, or why there are none."""
        assert self.reader is not None
        if self.path.is_file() or self.reader.name == "conet":  # whose metrics have a table of their own
            return None, ()
        try:
            found = self.finder.find(
                walk(self.path), apart={piece.part.path for piece in pieces if piece.part}
            )
        except ConetError as several:
            return None, (f"{several.got}, which were left aside",)
        return found, () if found is None else found.remarks

    def _of_scalars(self, found: Scalars) -> RolloutRecord:
        """Return the record of a run that logged scalars alone."""
        nothing = join([], Names(), self.readers[-1])
        return RolloutRecord(
            rows=nothing.rows,
            names=[],
            path=self.path,
            format=found.kind,
            files=found.files,
            sources={"step": f"the scalars ({found.kind})"},
            skipped_files=found.skipped,
            remarks=found.remarks,
            scalars=found.table,
            scalar_names=found.names,
        )

    def _nothing(self, files: int, found: Joined) -> ConetError:
        """Say why not a single row could be used."""
        reasons = [f"{reason}: {count}" for reason, count in found.skipped.items()]
        reasons += [f"{name} {why}" for name, why in list(found.skipped_files.items())[:2]]
        return NothingYet(
            f"{self.path}: no row of {files} {'file' if files == 1 else 'files'} can be used"
            f" ({'; '.join(reasons) or 'they are empty'})",
            "rows with step, prompt and reward",
            "check the files, or name their columns with --map",
        )


def _within(progress: Progress, before: int, size: int, total: int, share: float) -> None:
    """Say how far a file has been read."""
    progress(int(before + share * size), total)
