"""What a running training leaves in its directory, for walks and for language models.

Metrics, evaluations and events are appended as they come, so that whoever watches is never far behind;
rollouts and snapshots are files of their own. A checkpoint makes all of it count: it is there only after
everything before it has reached the disk, and it holds how far each table was, with its digest. What a
killed run wrote beyond its last checkpoint is dropped on resuming and written again, the same bit for bit.
"""

import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from conet.base.digests import DIGESTS, SUMMARY
from conet.base.errors import ConetError
from conet.base.files import digest, digest_all, sync, sync_all, table_bytes, write_atomic
from conet.base.journal import Journal
from conet.base.leftovers import remove_temporaries
from conet.base.lock import Held, exclusive
from conet.runs.tables import GROWING, evaluation_table, table

if TYPE_CHECKING:
    import polars

MOST_UPDATES = 20  # updates after which metrics are written, at the latest
MOST_SECONDS = 1.0
LOOKS_EVERY = 0.2  # seconds between two looks at whether something waits


class Recorder:
    """The tables of one run, as it writes them.

    Parameters
    ----------
    held
        The run directory.
    as_rollouts
        Turns the batches that :meth:`rollouts` was given into one table.
    evaluates
        Whether there are evaluations.

    Attributes
    ----------
    rows, evaluations : list of dict
        All so far.
    tables : dict
        These, by the names of their files.
    """

    def __init__(
        self,
        held: Held,
        as_rollouts: "Callable[[Sequence[Any]], polars.DataFrame]",
        evaluates: bool = True,
    ) -> None:
        self.held, self.path, self._as_rollouts = held, held.path, as_rollouts
        self.rows: list[dict[str, Any]] = []
        self.evaluations: list[dict[str, Any]] = []
        self.tables = {"metrics": self.rows} | ({"evaluations": self.evaluations} if evaluates else {})
        self.journals = {name: Journal(self.path / GROWING[name]) for name in (*self.tables, "events")}
        self.digests = Journal(self.path / DIGESTS)
        self._batches: list[tuple[int, Any]] = []
        self._events, self._waiting = 0, 0  # events and rows of metrics: those taken in, those not written
        self._flushed = time.monotonic()
        self._lock, self._closed = threading.RLock(), threading.Event()
        self._alarm = threading.Thread(target=self._flush_in_time, daemon=True)
        self._alarm.start()
        self._unsettled: list[tuple[Path, Future[None]]] = []
        self._pool = ThreadPoolExecutor(4)

    def begin(self) -> None:
        """Go on in a directory that was just made."""
        self.digests.go_on()

    def __enter__(self) -> "Recorder":
        return self

    def __exit__(self, *_: object) -> None:
        self._closed.set()
        self._alarm.join()
        self._pool.shutdown()
        for journal in (*self.journals.values(), self.digests):
            journal.close()

    # What comes in.

    def step(self, row: Mapping[str, Any], events: Sequence[Mapping[str, Any]]) -> None:
        """Take in the metrics of an update and all events so far; write them where it is time."""
        with self._lock:
            self.rows.append({name: _plain(value) for name, value in row.items()})
            self.journals["metrics"].add(self.rows[-1:])
            self._take(events)
            self._waiting += 1
        if self._waiting >= MOST_UPDATES or time.monotonic() - self._flushed > MOST_SECONDS:
            self.flush(events)

    def evaluate(self, rows: Sequence[dict[str, Any]]) -> None:
        """Take in what was measured at a snapshot."""
        with self._lock:
            self.evaluations += rows
            self.journals["evaluations"].add(rows)

    def rollouts(self, step: int, batch: Any) -> None:
        """Take in rollouts of a step."""
        self._batches.append((step, batch))

    def write(self, name: str, data: bytes) -> None:
        """Write a file that will not change any more.

        Readers take it once :meth:`flush` has written its digest; :meth:`commit` makes it last.
        """
        self.held.check()
        path = self.path / name
        write_atomic(path, data, durable=False)
        self.digests.add([{"name": name, "sha256": digest(data)}])
        self._unsettled.append((path, self._pool.submit(sync, path)))

    def begin_with(self, contents: Mapping[str, bytes], others: Sequence[str] = ()) -> None:
        """Add files to those that the run begins with, whether or not there is a checkpoint yet.

        Parameters
        ----------
        contents
            Written here, after the others.
        others
            Names of files that are there already.
        """
        paths = [self.path / name for name in others]
        sync_all([*paths, *{path.parent for path in paths}])
        known = {str(path.relative_to(self.path)): value for path, value in digest_all(paths).items()}
        self.held.check()
        for name, data in contents.items():
            write_atomic(self.path / name, data)
            known[name] = digest(data)
        self.digests.add({"name": name, "sha256": value, "created": True} for name, value in known.items())
        self.digests.flush()
        self.digests.sync()

    def write_rollouts(self) -> None:
        """Write the rollouts that have come in as one more part."""
        if self._batches:
            first = self._batches[0][0]
            table = self._as_rollouts([batch for _, batch in self._batches])
            self.write(f"rollouts/part-{first:08d}.parquet", table_bytes(table))
            self._batches.clear()

    def resumed(self, events: Sequence[Mapping[str, Any]]) -> None:
        """Go on after these events, which are written already."""
        self._events = len(events)

    def _take(self, events: Sequence[Mapping[str, Any]]) -> None:
        self.journals["events"].add(events[self._events :])
        self._events = len(events)

    # What makes it last.

    def flush(self, events: Sequence[Mapping[str, Any]]) -> None:
        """Append what has come in to the growing tables.

        Raises
        ------
        ConetError
            When it cannot be written, or the directory is no longer the one that is held.
        """
        with self._lock:
            self._take(events)
            self._append()
            self.digests.flush()

    def _append(self) -> None:
        self.held.check()
        for journal in self.journals.values():
            journal.flush()
        self._waiting, self._flushed = 0, time.monotonic()

    def _flush_in_time(self) -> None:
        """Append what has come in also while an update takes long; what fails is said by the next flush."""
        while not self._closed.wait(LOOKS_EVERY):
            late = time.monotonic() - self._flushed > MOST_SECONDS - 2 * LOOKS_EVERY
            if self._waiting and late:
                with self._lock, suppress(ConetError):
                    self._append()

    def commit(self, events: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Bring everything so far to the disk.

        Returns
        -------
        dict
            What a checkpoint has to keep, so that :func:`conet.runs.restore.restore` comes back to here.
        """
        self.write_rollouts()
        self.flush(events)
        for _, done in self._unsettled:
            done.result()
        folders = {self.path, *(path.parent for path, _ in self._unsettled)}
        self._unsettled.clear()
        growing = self.journals | {"digests": self.digests}
        with self._lock:
            marks = {name: journal.mark() for name, journal in growing.items()}
        sync_all([*(journal.path for journal in growing.values()), *folders])
        return marks

    def checkpoint(self, name: str, data: bytes) -> None:
        """Put a checkpoint in place, which makes count what was committed."""
        self.held.check()
        write_atomic(self.path / name, data)

    def write_tables(self) -> None:
        """Write the whole tables of the finished run."""
        for name, rows in self.tables.items():
            whole = evaluation_table(rows) if name == "evaluations" else table(rows)
            self.write(f"{name}.parquet", table_bytes(whole))

    def finish(self, summary: Mapping[str, Any], last: Sequence[str] = ()) -> None:
        """Write the summary, which says that the run is finished, and remove what it no longer needs.

        Parameters
        ----------
        summary
            JSON values.
        last
            Names of the files that were written last, whose digests are not noted yet.
        """
        text = json.dumps(summary, indent=2) + "\n"
        paths = [self.path / name for name in (GROWING["events"], *last)]
        sync_all([*paths, *{path.parent for path in paths}])
        known = {str(path.relative_to(self.path)): value for path, value in digest_all(paths).items()}
        self._note(known)
        last_line = {"name": SUMMARY, "sha256": digest(text.encode()), "list": self.digests.mark()}
        self.digests.add([last_line])
        self.digests.flush()
        self.digests.sync()
        self.held.check()
        write_atomic(self.path / SUMMARY, text)
        remove_growing(self.path)

    def _note(self, digests: Mapping[str, str]) -> None:
        self.digests.add({"name": name, "sha256": value} for name, value in digests.items())
        self.digests.flush()


def tidy(path: Path) -> None:
    """Remove what a process left that was killed at the very end of a run, or while it wrote a report."""
    with suppress(ConetError), exclusive(path):  # its lock goes with it
        remove_growing(path)
    remove_left(path)


def remove_left(path: Path) -> None:
    """Remove what killed processes left half-written in a run directory."""
    for name in ("", "rollouts", "snapshots", "figures", "start", "model"):
        remove_temporaries(path / name)


def remove_growing(path: Path) -> None:
    """Remove the growing tables of a finished run, which stand in its parquet files."""
    for name in ("metrics", "evaluations"):
        with suppress(OSError):
            (path / GROWING[name]).unlink()


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
