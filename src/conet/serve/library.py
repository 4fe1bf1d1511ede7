"""Which runs there are in the directories that are shown, and nothing outside of them."""

import os
import re
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from conet.base.errors import ConetError
from conet.base.lock import is_held
from conet.base.text import one_line
from conet.runs.run import Run
from conet.serve.absent import Absent
from conet.serve.models import RunRow, State
from conet.serve.opened import Opened, identity

REMEMBERED = 1.0  # seconds for which the place of a run is not looked up anew (our choice)
KEPT = 4  # runs whose tables stay in memory
TABLES = {".jsonl", ".json", ".csv", ".tsv", ".parquet", ".arrow"}  # how files of rows end
IGNORED = (".conet-", ".")  # how directories are called that are not whole yet, or hidden


class Library:
    """The runs below some places, by name.

    Parameters
    ----------
    places
        Each a run directory, a log, or a directory of such.
    format, column_mapping
        How logs are read, as for :func:`conet.read`.
    texts
        Whether prompts and completions may be shown.

    Raises
    ------
    ConetError
        When one does not exist.
    """

    def __init__(
        self, places: Iterable[Path], format: str = "auto", column_mapping: str = "", texts: bool = True
    ) -> None:
        self.places = [Path(os.path.realpath(existing(place))) for place in places]
        self.texts = texts
        self.reading = {"format": format, "column_mapping": column_mapping}
        self._opened: dict[str, Opened] = {}
        self._small: dict[Path, dict] = {}  # of runs that were let go of
        self._found: tuple[float, dict[str, Path]] = (0.0, {})  # when it was looked, and what there was
        self._lock = threading.Lock()

    def paths(self) -> dict[str, Path]:
        """Return all runs by name, in the order of their names; found anew each time."""
        found: dict[str, Path] = {}
        for place in self.places:
            for path in _runs_at(place):
                name = one_line(path.name) or "run"
                while name in found:
                    name += "~"
                found[name] = path
        found = dict(sorted(found.items()))
        self._found = time.monotonic(), found
        with self._lock:
            for gone in self._small.keys() - set(found.values()):
                del self._small[gone]
        return found

    def path(self, name: str) -> Path:
        """Return the place of a run; the directories are not looked through for each part of one page.

        Raises
        ------
        Absent
            When there is none of that name.
        """
        when, known = self._found
        path = known.get(name)
        if path is None or time.monotonic() - when > REMEMBERED or not path.exists():
            path = self.paths().get(name)
        if path is None:
            raise Absent(name)
        return path

    def opened(self, name: str) -> Opened:
        """Return a run that is open, or open it; those that were asked for least lately are let go of.

        Raises
        ------
        Absent
            When there is none of that name.
        ConetError
            When it cannot be read, or leads out of the places.
        """
        path = self.path(name)
        inside(path, self.places)
        with self._lock:
            known = self._opened.pop(name, None)
            if known is None or not known.is_still(path):
                known = Opened(Run(path), self.places, self.reading, self.texts)
                known.take(self._small.pop(path, {}))
            self._opened[name] = known
            while len(self._opened) > KEPT:
                gone = self._opened.pop(next(iter(self._opened)))
                self._small[gone.run.path] = gone.small()
            return known

    def rows(self) -> list[RunRow]:
        """Describe every run in a row, by name."""
        return [self.row(name, path) for name, path in self.paths().items()]

    def row(self, name: str, path: Path) -> RunRow:
        """Describe one run, readable or not."""
        try:
            inside(path, self.places)
            run = Run(path)
        except ConetError as error:
            return RunRow(
                name=name,
                kind="",
                state="unreadable",
                settings={},
                steps=None,
                changed=changed(path),
                identity=identity(path),
                why=one_line(str(error)),
            )
        return RunRow(
            name=name,
            kind=run.kind,
            state=state_of_run(run),
            settings=settings_of(run),
            steps=getattr(run.config, "steps", None),
            changed=changed(path),
            identity=identity(path),
        )


def existing(place: Path) -> Path:
    """Return a place that is there.

    Raises
    ------
    ConetError
        When it is not.
    """
    if not place.exists():
        remedy = "`conet run` makes one under runs/, or name another place"
        raise ConetError(f"{place}, which does not exist", "a run, a log, or a directory of them", remedy)
    return place


def _runs_at(place: Path) -> Iterator[Path]:
    """Yield the runs that lie in a place, or the place itself where it is one, or a log of several files."""
    from conet.base.digests import is_run

    folders: list[Path] = []
    if place.is_dir() and not is_run(place):
        with suppress(OSError):
            entries = [entry for entry in sorted(place.iterdir()) if not entry.name.startswith(IGNORED)]
            folders = [entry for entry in entries if entry.is_dir()]
    known = {folder for folder in folders if _is_run(folder, any_table=False)}
    # One folder with files in it, such as TRL's completions/, is a part of the log.
    part = len(known) == 1 and not any(map(is_run, known)) and any(map(_holds_files, known))
    if known and not (part and _is_run(place, any_table=False)):
        yield from (one for one in folders if one in known or _is_run(one, any_table=True))
        yield from (files[0] for files in _logs_beside(place) if len(files) == 1)
    elif not known and _several(plain := [one for one in folders if _is_run(one, any_table=True)], place):
        yield from plain
    elif _is_run(place, any_table=True) or _holds_tables(place):
        yield place


def _several(plain: Sequence[Path], place: Path) -> bool:
    """Whether folders are logs of their own, not parts of one that differ in a number, as ``step_16``."""
    names = {re.sub(r"\d+", "", folder.name) for folder in plain}
    return len(names) > 1 and not _is_run(place, any_table=False) and not _holds_tables(place)


def left_out(place: Path) -> list[str]:
    """Say which files of logs in a place are not shown: those whose names differ in numbers alone.

    Beside folders they may be logs each, or parts of one that has no folder of its own.
    """
    if place.is_file() or place in (shown := list(_runs_at(place))) or not shown:
        return []
    return [
        f"{place}: {len(files)} files like {one_line(files[0].name)} are not shown, since they lie beside "
        "folders of runs; put them into a folder of their own, or name one"
        for files in _logs_beside(place)
        if len(files) > 1
    ]


def _logs_beside(place: Path) -> list[list[Path]]:
    """Return the files of rollouts directly in a place; those are together whose names differ in numbers."""
    found: dict[str, list[Path]] = {}
    with suppress(OSError):
        for one in sorted(place.iterdir()):
            if not one.name.startswith(IGNORED) and one.is_file() and not TABLES.isdisjoint(one.suffixes):
                found.setdefault(re.sub(r"\d+", "", one.name), []).append(one)
    return [files for files in found.values() if any(_is_run(one, any_table=True) for one in files)]


def _holds_files(folder: Path) -> bool:
    return any(one.is_file() for one in folder.iterdir())


def _holds_tables(folder: Path) -> bool:
    """Whether a place is a file of rows, or one lies directly in it."""
    with suppress(OSError):
        files = folder.iterdir() if folder.is_dir() else (folder,)
        return any(one.is_file() and not TABLES.isdisjoint(one.suffixes) for one in files)
    return False


def _is_run(path: Path, any_table: bool) -> bool:
    from conet.base.digests import is_run
    from conet.runs.log import is_log

    try:
        return is_run(path) or is_log(path, any_table)
    except (ConetError, OSError):
        return False


def inside(path: Path, places: Iterable[Path]) -> None:
    """Refuse a run of which anything leads out of the places.

    Raises
    ------
    ConetError
        When the run, or a file in it, is a link to somewhere else.
    """
    places = list(places)
    for entry in (path, *_links(path)):
        real = Path(os.path.realpath(entry))
        if not any(real.is_relative_to(place) for place in places):
            raise ConetError(
                f"{entry}, which leads out of the directories that are shown",
                "files inside of them",
                f"name {real} too, if it may be shown",
            )


def _links(path: Path) -> Iterator[Path]:
    """Yield the links in a directory, two levels deep."""
    for folder, names, files in os.walk(path):
        here = Path(folder)
        if len(here.relative_to(path).parts) >= 2:
            names.clear()
        yield from (here / name for name in (*names, *files) if (here / name).is_symlink())


def state_of_run(run: Run) -> State:
    """Say whether a run is training, finished or killed; of a log, that it is one."""
    if run.finished is None:
        return "log"
    if run.finished:
        return "finished"
    return "training" if is_held(run.path) else "killed"


def changed(path: Path) -> float:
    """Return when anything directly in a run changed last, in seconds of the epoch; 0 where it is gone."""
    times = [0.0]
    with suppress(OSError):
        times.append(path.stat().st_mtime)
        if path.is_dir():
            times += [entry.stat().st_mtime for entry in os.scandir(path)]
    return max(times)


def settings_of(run: Run) -> dict[str, str]:
    """Return the settings of a run that differ from the defaults, as texts; none of a log."""
    if run.kind == "log":
        return {}
    given = run.config.model_dump(mode="json")
    default = type(run.config).model_construct().model_dump(mode="json", warnings=False)
    return dict(_differing(given, default, ""))


def _differing(given: dict, default: dict, before: str) -> Iterator[tuple[str, str]]:
    for key, value in given.items():
        name = f"{before}{key}"
        if isinstance(value, dict):
            other = default.get(key)
            yield from _differing(value, other if isinstance(other, dict) else {}, f"{name}.")
        elif name in ("preset", "seed", "learner.name", "schedule.name") or value != default.get(key):
            yield name, one_line(str(value))
