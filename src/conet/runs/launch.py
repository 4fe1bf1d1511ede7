"""From a config to a run directory: training with snapshots and checkpoints, and resuming."""

import fcntl
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from conet.base.errors import ConetError
from conet.base.files import cannot_write, damaged, write_atomic
from conet.config import Config
from conet.learners import Learner
from conet.network.graph import Graph
from conet.network.problems import Problems
from conet.observables.standard import Observables
from conet.runs import directory as store
from conet.runs import events
from conet.runs.lengths import correct_length
from conet.runs.measure import snapshot_steps, summarise
from conet.runs.objects import OLD_NAMES, checked
from conet.runs.place import default_place
from conet.runs.progress import Progress, watched
from conet.runs.recorder import CHECKPOINT, Recorder
from conet.runs.run import Run
from conet.runs.schedule import Phase, Schedule
from conet.runs.simulate import warm_up
from conet.runs.trainer import Trainer
from conet.runs.version_0_1 import renamed, upgrade

# What a config does not hold, so that a resumed run needs it again; graph and problems are kept in the run.
OBJECTS = ("learner", "observables", "schedule")


@checked
def run(
    config: Config,
    out: str | Path | None = None,
    *,
    graph: Graph | None = None,
    problems: Problems | None = None,
    learner: Learner | None = None,
    observables: Observables | None = None,
    schedule: Schedule | Sequence[Phase] | None = None,
    threads: int = 1,
    progress: bool | Progress | None = None,
    command: list[str] | None = None,
) -> Run:
    """Train, leaving a run directory.

    Parameters
    ----------
    config
        The settings.
    out
        A new or empty directory; ``runs/<preset>-s<seed>-<time>`` where absent.
    graph, problems
        A concept network, and questions and answers on it, in place of what the config says; the run
        directory keeps both.
    learner
        A :class:`conet.Learner` with its options, in place of the config's.
    observables
        Functions of an :class:`~conet.observables.Observation`, as a list or by name; their results stand in
        the metrics, after those of the observables that the config names.
    schedule
        A function of a :class:`~conet.runs.schedule.Setup` or a tuple of
        :class:`~conet.runs.schedule.Phase`, in place of the config's.
    threads
        For sampling; the result does not depend on it.
    progress
        True for a live line, False for none, or a function of a row of metrics; in a notebook there is a
        line where nothing is said.
    command
        For the provenance; the command line of the process where absent.

    Raises
    ------
    ConetError
        For settings or objects that do not fit together, or a place that cannot be written.
    """
    place = Path(out) if out is not None else default_place(config)
    store.refuse_existing(place)
    own: dict[str, Any] = {"learner": learner, "observables": observables, "schedule": schedule}
    trainer = Trainer(config, graph=graph, problems=problems, threads=threads, **own)
    given = sorted(name for name, value in own.items() if value is not None)
    directory = store.create(place, config, trainer.policy.graph, trainer.problems, command, given)
    with exclusive(directory), watched(progress, config.steps) as show:
        return _finish(directory, trainer, Recorder(directory), show)


@checked
def resume(
    path: str | Path,
    *,
    graph: Graph | None = None,
    problems: Problems | None = None,
    learner: Learner | None = None,
    observables: Observables | None = None,
    schedule: Schedule | Sequence[Phase] | None = None,
    threads: int = 1,
    progress: bool | Progress | None = None,
) -> Run:
    """Go on with an interrupted run; a finished one is returned as it is.

    Parameters
    ----------
    path
        The run directory.
    graph, problems
        The run keeps its own; if they are given, they must be the same.
    learner, observables, schedule
        As for :func:`run`; what was given there must be given again.
    threads, progress
        As for :func:`run`.

    Raises
    ------
    ConetError
        When the directory is no run, a file of it is damaged, an object is lacking or another one, or
        another process works on the run.
    """
    directory = Run(path)
    if directory.finished:
        return directory
    own: dict[str, Any] = {"learner": learner, "observables": observables, "schedule": schedule}
    _check_again(directory, own, graph, problems)
    with exclusive(directory):
        if directory.finished:
            return directory
        recorder = Recorder(directory)
        kept = directory.graph(), directory.problems()
        trainer = Trainer(directory.config, graph=kept[0], problems=kept[1], threads=threads, **own)
        if restored := recorder.restore():
            try:
                arrays, state = restored
                trainer.load(renamed(arrays), upgrade(state, trainer.config, len(trainer.problems)))
            except (LookupError, TypeError, ValueError) as error:
                raise damaged(directory.path / CHECKPOINT, error, "start the run again") from None
        trainer.event("resumed")
        with watched(progress, trainer.config.steps) as show:
            return _finish(directory, trainer, recorder, show)


def _check_again(
    directory: Run, own: Mapping[str, Any], graph: Graph | None, problems: Problems | None
) -> None:
    """Refuse to go on without the objects that a run began with, or with another graph or other problems."""
    began = {OLD_NAMES.get(name, name) for name in directory.provenance().get("objects", ())}
    lacking = ", ".join(sorted(name for name in began if own.get(name) is None))
    if lacking:
        got = f"{directory.path}, a run with Python objects of its own: {lacking}"
        again = f"from Python, conet.resume({str(directory.path)!r}, {lacking}=…)"
        raise ConetError(got, "the same objects again", again)
    kept = {"graph": directory.graph(), "problems": directory.problems()}
    for name, value in (("graph", graph), ("problems", problems)):
        if value is not None and not _same(value, kept[name]):
            got = f"{name}=, and {directory.path} began with another {kept[name]!r}"
            raise ConetError(got, "what the run began with", f"leave out {name}=; the run keeps its own")


def _same(one: Any, other: Any) -> bool:
    """Whether two records of arrays and numbers are equal."""
    return all(np.array_equal(value, getattr(other, name)) for name, value in vars(one).items())


def _finish(directory: Run, trainer: Trainer, recorder: Recorder, progress: Progress) -> Run:
    """Train to the end, with snapshots and checkpoints, and write the summary."""
    warm_up(trainer)
    config, chosen = trainer.config, set(snapshot_steps(trainer.config))
    settings = config.snapshots
    started, before = time.perf_counter(), trainer.seconds

    def checkpoint() -> None:
        trainer.seconds = before + time.perf_counter() - started
        recorder.checkpoint(trainer.step, *trainer.state())

    while trainer.step < config.steps:
        if trainer.step in chosen:
            _snapshot(trainer, recorder)
        recorder.rows.append(trainer.advance())
        if settings.rollouts:
            recorder.batches.append((trainer.step - 1, trainer.split, trainer.kind, trainer.walks))
        progress(recorder.rows[-1])
        if trainer.step % settings.checkpoint_every == 0 and trainer.step < config.steps:
            checkpoint()
    _snapshot(trainer, recorder)
    checkpoint()
    summary = {"run": str(directory.path), **summarise(config, recorder.rows, recorder.evaluations)}
    summary["correct_length"] |= correct_length(directory.path)
    summary |= {"updates": trainer.step, "rollouts": trainer.rollouts}
    summary |= {"walker_steps": trainer.walker_steps, "seconds": trainer.seconds}
    summary["heat_now_step"] = events.signal_step(trainer.events)
    summary["heating"] = heating = events.heating(trainer.events)
    if heating is not None:
        heating["failed_rollouts"] = trainer.failed_rollouts
    summary["state_sha256"] = trainer.policy.sha256
    write_atomic(directory.path / "summary.json", json.dumps(summary, indent=2) + "\n")
    return directory


def _snapshot(trainer: Trainer, recorder: Recorder) -> None:
    arrays, values = trainer.measure()
    recorder.snapshot(trainer.step, arrays)
    recorder.evaluations += values


@contextmanager
def exclusive(directory: Run) -> Iterator[None]:
    """Hold the run's lock; the system releases it when the process ends, however it ends.

    Raises
    ------
    ConetError
        When another process holds it.
    """
    try:
        file = open(directory.path / ".lock", "w")  # noqa: SIM115
    except OSError as error:
        raise cannot_write(directory.path, error) from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConetError(
                f"{directory.path}, which another process is working on",
                "a run at rest",
                "wait until it ends",
            ) from None
        except OSError as error:
            raise cannot_write(directory.path / ".lock", error) from None
        yield
