"""One run that is open: its data, made once as long as its files are the same, and its views."""

import os
import threading
from collections import defaultdict
from collections.abc import Iterable, Mapping
from copy import copy
from pathlib import Path
from typing import Any

import numpy as np

from conet.base.errors import ConetError
from conet.base.text import one_line
from conet.diagnosis import Diagnosis, diagnose
from conet.diagnosis.declare import Headline as Said
from conet.diagnosis.diagnosis import as_json
from conet.diagnosis.log import ends
from conet.observables.length import END_STEPS
from conet.readers import read
from conet.readers.kept import Kept, users_folder
from conet.rollouts import RolloutRecord
from conet.runs import log
from conet.runs.run import Run
from conet.serve.absent import Absent
from conet.serve.models import Headline, Headlines, MainNumber, Spark
from conet.views.schema import View
from conet.views.source import Source, source_of, state_of_all

POINTS = 60  # of a sparkline
TEXTLESS = ("record", "spark")  # what is made alike where no text may be shown
SMALL = ("spark", "headlines")  # what the list of runs shows, and can be kept of very many


class Opened:
    """A run whose data stay in memory.

    Parameters
    ----------
    run : Run
    places
        Where what is shown may lie.
    reading
        ``format`` and ``column_mapping`` of a log, as for :func:`conet.read`.
    texts
        Whether prompts and completions may be shown; walks have none.

    Raises
    ------
    ConetError
        For the folder of a diagnosis whose log lies elsewhere.
    """

    def __init__(
        self,
        run: Run,
        places: Iterable[Path],
        reading: Mapping[str, str] | None = None,
        texts: bool = True,
    ) -> None:
        self.run, self.texts = run, texts or run.kind == "walks"
        self._identity = identity(run.path)
        self._made: dict[str, tuple[Any, Any]] = {}
        self.locks: defaultdict[str, threading.RLock] = defaultdict(threading.RLock)
        where = log.place(run.path) if run.kind == "log" else run.path
        if not any(Path(os.path.realpath(where)).is_relative_to(place) for place in places):
            raise ConetError(
                f"{where}, the log of {run.path}, which lies outside of what is shown",
                "a log inside of it",
                f"`conet serve {where}` shows it",
            )
        self.where = where
        self.kept = Kept(users_folder())
        self._reading: dict[str, Any] = dict(reading or {}) if run.kind == "log" else {}

    def hiding(self) -> "Opened":
        """Return the same run without any text of a prompt or completion; what was read is not read again."""
        if self.run.kind == "walks":
            return self
        found = copy(self)
        found.texts, found._made = False, {name: self._made[name] for name in TEXTLESS if name in self._made}
        return found

    def is_still(self, path: Path) -> bool:
        """Whether the same directory stands in that place."""
        return path == self.run.path and identity(path) == self._identity

    def small(self) -> dict[str, tuple[Any, Any]]:
        """Return what of the run can be kept when it is let go of, for :meth:`take`."""
        return {name: self._made[name] for name in SMALL if name in self._made}

    def take(self, known: Mapping[str, tuple[Any, Any]]) -> None:
        """Take up what was kept; it counts as long as the files of the run are the same."""
        self._made.update(known)

    def made(self, name: str, make: Any) -> Any:
        """Return what a function makes of the run, made once as long as its files are the same.

        What takes long holds up nobody who asks for something else: each name has a lock of its own.
        """
        with self.locks[name]:
            files = state_of_all(self.where)
            known = self._made.get(name)
            if known is None or known[0] != files:
                known = self._made[name] = files, make()
            return known[1]

    @property
    def diagnosis(self) -> Diagnosis:
        """The diagnosis of the rollouts.

        Raises
        ------
        ConetError
            When there are none, or they cannot be read.
        """
        found: Diagnosis = self.made("diagnosis", lambda: diagnose(self.record))
        return found

    @property
    def record(self) -> RolloutRecord:
        """The rollouts; without texts where none may be shown.

        Raises
        ------
        ConetError
            When there are none, or they cannot be read.
        """
        found: RolloutRecord = self.made("record", self._read)
        return found if self.texts else self.made("hidden", found.without_texts)

    def _read(self) -> RolloutRecord:
        def anew() -> RolloutRecord:
            return read(self.where, **self._reading)

        return anew() if self.run.kind != "log" else self.kept.read(self.where, self._reading, anew)

    @property
    def source(self) -> Source:
        """Views of the run; of walks its own first, then those of its rollouts that it has not."""
        if self.run.kind != "walks":
            return source_of(self.diagnosis)
        return self.made("source", lambda: source_of(self.run))

    def view_names(self) -> list[str]:
        """Return the names of all views, in the order of a report; none before the first update."""
        if self.run.kind == "walks" and not self.made("begun", lambda: self.run.metrics().height):
            return []
        names = self.source.names()
        if self.run.kind == "walks" and self.run.config.snapshots.rollouts:
            from conet.views.registry import ROLLOUTS

            names += [name for name in ROLLOUTS if name not in names]
        return names

    def view(self, name: str) -> View:
        """Return one view.

        Raises
        ------
        ConetError
            For an unknown name, or where the data cannot be read.
        Absent
            For a name that is not one of :meth:`view_names`: no file of the user's own is loaded.
        """
        if name not in self.view_names():
            raise Absent(name)
        source = self.source if name in self.source.known else source_of(self.diagnosis)
        with self.locks["views"]:
            return self.made(f"view {name}", lambda: source.view(name))

    def spark(self) -> Spark:
        """Return the accuracy in few points."""
        return self.made("spark", self._spark)

    def _spark(self) -> Spark:
        table = self.diagnosis.steps if self.run.kind == "log" else self.run.metrics()
        if "accuracy" not in table.columns or not table.height:
            return Spark(values=(), step=None, accuracy=None)
        table = table.sort("step")
        values = np.array(table["accuracy"].cast(float).to_list(), np.float64)
        return Spark(
            values=np.round(thinned(values), 4),
            step=int(table["step"][-1]) + (self.run.kind != "log"),
            accuracy=reached(values, self.run.kind == "log"),
        )

    def headlines(self) -> Headlines:
        """Return what the diagnosis says; nothing, and why, where it cannot be made."""
        try:
            return self.made("headlines", self._headlines)
        except ConetError as error:
            return Headlines(headlines=[], numbers=[], notes={}, why=one_line(str(error)))

    def _headlines(self) -> Headlines:
        found = self.diagnosis
        lines = [
            (line, name, found.declared[name].view)
            for name, result in found.results.items()
            for line in result.headlines
        ]
        lines.sort(key=lambda one: -one[0].urgency)
        return Headlines(
            headlines=[
                Headline(**said(line), finding=name, view=view if isinstance(view, str) else None)
                for line, name, view in lines
            ],
            numbers=[MainNumber(**number._asdict()) for number in found.numbers],
            notes=found.notes,
        )


def said(line: Said) -> dict[str, Any]:
    """Return of a headline what the page shows."""
    known = as_json(line)
    return {name: known.get(name) for name in Headline.model_fields if name not in ("finding", "view")}


def reached(values: np.ndarray, log: bool) -> float | None:
    """Return the accuracy at the end, as the summary of a run or the diagnosis of a log says it.

    Parameters
    ----------
    values
        Of each step, float64; NaN where none is known.
    log
        Whether they are of a log: then the last fifth of the steps counts, else the last 20.
    """
    if log:
        return ends(values)["end"]
    known = values[np.isfinite(values)]
    return float(known[-END_STEPS:].mean()) if len(known) else None


def thinned(values: np.ndarray, most: int = POINTS) -> np.ndarray:
    """Average neighbouring values until at most so many are left, float64; NaN where none is known."""
    size = max(1, -(-len(values) // most))
    padded = np.append(values, np.full(-len(values) % size, np.nan)).reshape(-1, size)
    known = np.isfinite(padded)
    total, count = np.where(known, padded, 0).sum(axis=1), known.sum(axis=1)
    return np.divide(total, count, out=np.full(len(total), np.nan), where=count > 0)


def identity(path: Path) -> str:
    """Say which run stands in a place, so that another of the same name is known; empty where there is none.

    A file system may give a new folder the number of one that was deleted: when the run began counts too.
    """
    try:
        found = path.stat()
        began = path / "provenance.json"
        start = began.stat().st_mtime_ns if began.exists() else 0
    except OSError:
        return ""
    return f"{found.st_dev:x}-{found.st_ino:x}-{start:x}"
