"""The scalars of a run: which files hold them, of one run or several, and one table of all."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from conet.base.errors import ConetError
from conet.readers.formats import natural
from conet.readers.formats.chunk import Unusable, size
from conet.readers.paths import run_of
from conet.readers.places import state_of
from conet.readers.scalars import READERS
from conet.readers.scalars.base import ScalarReader
from conet.readers.scalars.names import STEP
from conet.readers.scalars.quantities import quantity_of
from conet.readers.scalars.table import Values, quantities, table

if TYPE_CHECKING:
    import polars

State = tuple[int, int]
MOST_MISSES = 12  # files of a folder that are none of scalars, after which only names that promise some count
PROMISING = ("metric", "log", "history", "scalar", "wandb", "events", "progress", "stats")
SHARED = 0.5  # of the quantities of two logs, above which they are of the same kind


@dataclass(frozen=True, kw_only=True)
class Scalars:
    """The scalars of a run.

    Attributes
    ----------
    table : polars.DataFrame
        One row a logged step, ascending: ``step``, the quantities of
        :data:`conet.readers.scalars.names.KNOWN` under their names there, then all numbers under the names
        that the trainer gave them; null where not logged.
    kind : str
        Name of the reader.
    files : tuple of Path
    names : dict of str to str
        Which of the trainer's names each quantity was taken from.
    skipped : dict of str to str
        Files that could not be read, or not to their end, and why.
    remarks : tuple of str
    """

    table: "polars.DataFrame"
    kind: str
    files: tuple[Path, ...]
    names: dict[str, str]
    skipped: dict[str, str] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()


@dataclass
class _Run:
    """Files of one run, and what is in them."""

    folder: Path
    files: list[Path]
    values: Values = field(default_factory=Values)
    skipped: dict[str, str] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)


class Finder:
    """Finds the scalars of a place; what was looked at stays known while the files stay as they are."""

    def __init__(self) -> None:
        self.kinds: dict[Path, tuple[State, str]] = {}
        self.last: tuple[object, Scalars | None] = (None, None)

    def find(self, files: Sequence[Path], apart: Collection[Path] = ()) -> Scalars | None:
        """Return the scalars that some files hold; None where there are none.

        Parameters
        ----------
        files
            All files of a place.
        apart
            Those that are known to hold something else.

        Raises
        ------
        ConetError
            For the logs of several runs.
        """
        by_kind = self._by_kind(files, set(apart))
        state = tuple((path, state_of(path)) for paths in by_kind.values() for path in paths)
        if self.last[0] != state:
            self.last = state, _best(by_kind)
        return self.last[1]

    def _by_kind(self, files: Sequence[Path], apart: Collection[Path]) -> dict[str, list[Path]]:
        misses: dict[Path, int] = {}
        found: dict[str, list[Path]] = {}
        for path in files:
            many = misses.get(path.parent, 0) >= MOST_MISSES
            if path in apart or (many and not any(part in path.name.lower() for part in PROMISING)):
                continue
            kind = self.kind(path)
            if kind:
                found.setdefault(kind, []).append(path)
            else:
                misses[path.parent] = misses.get(path.parent, 0) + 1
        return found

    def kind(self, path: Path) -> str:
        """Return which kind of scalars a file holds; the empty text where it holds something else."""
        known, state = self.kinds.get(path), state_of(path)
        if known is None or known[0] != state:
            kind = next((name for name, reader in READERS.items() if reader.is_one(path)), "")
            self.kinds[path] = known = state, kind
        return known[1]


def _best(by_kind: dict[str, list[Path]]) -> Scalars | None:
    """Read each kind, and return the one with the most steps, or of these the most quantities."""
    found = [
        scalars for kind, paths in by_kind.items() if (scalars := _read(READERS[kind], paths)) is not None
    ]
    return max(found, key=lambda one: (one.table.height, len(one.names)), default=None)


def _read(reader: ScalarReader, paths: list[Path]) -> Scalars | None:
    runs: dict[Path, _Run] = {}
    for path in sorted(paths, key=lambda path: (natural(path.parent), natural(path))):
        folder = reader.run(path)
        runs.setdefault(folder, _Run(folder, [])).files.append(path)
    for run in runs.values():
        if reader.name == "trainer_state":  # each holds all that the ones before it hold
            run.files = [max(run.files, key=size)]
        before: list[tuple[Path, Values]] = []
        for path in run.files:
            values = _values_of(run, reader, path)
            if reader.a_file_a_run:
                if remark := _other_rank(before, path, values):
                    run.remarks.append(remark)
                    continue
                before.append((path, values))
            run.values.add(values)
    there = [run for run in runs.values() if run.values.steps]
    if not there:
        return None
    _refuse_several(there)
    values = Values()
    for run in sorted(there, key=lambda run: min(run.values.steps)):
        values.add(run.values)
    made = table(values)
    return Scalars(
        table=made,
        kind=reader.name,
        files=tuple(path for run in there for path in run.files),
        names=quantities(values),
        skipped={name: why for run in runs.values() for name, why in run.skipped.items()},
        remarks=tuple(remark for run in there for remark in run.remarks),
    )


def _values_of(run: _Run, reader: ScalarReader, path: Path) -> Values:
    """Read a file; what can be read before it breaks off stays."""
    values = Values()
    try:
        for row in reader.rows(path):
            values.put(int(row[STEP]), row)
    except Unusable as error:
        run.skipped[path.name] = str(error)
    except (OSError, MemoryError, ValueError, OverflowError) as error:
        run.skipped[path.name] = f"cannot be read ({type(error).__name__})"
    return values


def _refuse_several(runs: list[_Run]) -> None:
    """Refuse logs that begin alike and hold the same quantities: runs, not parts of one.

    Raises
    ------
    ConetError
        Naming their folders.
    """
    for place, one in enumerate(runs):
        for other in runs[place + 1 :]:
            here, there = set(quantities(one.values)), set(quantities(other.values))
            alike = len(here & there) > SHARED * min(len(here), len(there)) if here and there else False
            if alike and _begin_alike(one.values, other.values):
                names = ", ".join(str(run.folder) for run in runs[:5])
                raise ConetError(
                    f"scalars of several runs, in {names}", "those of one run", "name one of the folders"
                )


def _begin_alike(one: Values, other: Values) -> bool:
    """Whether the first two steps of one are not all before those of the other."""
    first, second = sorted(one.steps)[:2], sorted(other.steps)[:2]
    return bool(first and second) and min(first) <= max(second) and min(second) <= max(first)


def _other_rank(before: Sequence[tuple[Path, Values]], path: Path, values: Values) -> str:
    """Return why a file is left aside beside those before it in its folder; the empty text where it is not.

    Ranks of one run may log other numbers of the same steps; those of the first are kept.

    Raises
    ------
    ConetError
        Where it says other numbers of the same steps than one that is no part of the same run by its name.
    """
    for earlier, known in before:
        if not (_differ(known, values) and _begin_alike(known, values)):
            continue
        if run_of(earlier.name) != run_of(path.name):
            raise ConetError(
                f"scalars of several runs, in {earlier} and {path}",
                "those of one run",
                "name one of the files",
            )
        return f"{path.name} says other numbers of the same steps than {earlier.name}, and was left aside"
    return ""


def _differ(one: Values, other: Values) -> bool:
    """Whether most of the known numbers that both have at a step differ."""
    same = differ = 0
    for name in filter(quantity_of, one.columns.keys() & other.columns.keys()):
        here, there = one.columns[name], other.columns[name]
        shared = here.keys() & there.keys()
        unlike = sum(here[step] != there[step] for step in shared)
        same, differ = same + len(shared) - unlike, differ + unlike
    return differ > same
