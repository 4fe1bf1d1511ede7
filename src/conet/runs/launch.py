"""From a config to a run directory: training with snapshots and checkpoints, and resuming."""

import fcntl
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from conet.base.errors import ConetError
from conet.base.files import cannot_write, damaged, write_atomic
from conet.config import Config
from conet.runs import directory as store
from conet.runs import events
from conet.runs.lengths import correct_length
from conet.runs.measure import snapshot_steps, summarise
from conet.runs.place import default_place
from conet.runs.recorder import CHECKPOINT, Recorder
from conet.runs.run import Run
from conet.runs.simulate import warm_up
from conet.runs.trainer import Progress, Trainer
from conet.runs.version_0_1 import renamed, upgrade

# What a config does not hold, so that a resumed run needs it again; graph and tasks are kept in the run.
OBJECTS = ("learner", "observers", "phases")


def run(
    config: Config,
    out: str | Path | None = None,
    *,
    progress: Progress | None = None,
    command: list[str] | None = None,
    **objects: Any,
) -> Run:
    """Train, leaving a run directory.

    Parameters
    ----------
    config
        The settings.
    out
        A new or empty directory; ``runs/<preset>-s<seed>-<time>`` where absent.
    progress
        Called with every row of metrics.
    command
        For the provenance; the command line of the process where absent.
    objects
        ``graph``, ``tasks``, ``learner``, ``phases``, ``observers``, ``threads`` of
        :class:`Trainer`.

    Raises
    ------
    ConetError
        For settings that do not fit together, or a place that cannot be written.
    """
    place = Path(out) if out is not None else default_place(config)
    store.refuse_existing(place)
    trainer = Trainer(config, **objects)
    given = sorted(set(objects) & set(OBJECTS))
    directory = store.create(place, config, trainer.policy.graph, trainer.tasks, command, given)
    with exclusive(directory):
        return _finish(directory, trainer, Recorder(directory), progress)


def resume(path: str | Path, *, progress: Progress | None = None, **objects: Any) -> Run:
    """Go on with an interrupted run; a finished one is returned as it is.

    Parameters
    ----------
    path
        The run directory.
    progress, objects
        As for :func:`run`; a learner, phases or observers that were given there must be given again.

    Raises
    ------
    ConetError
        When the directory is no run, a file of it is damaged, or another process works on it.
    """
    directory = Run(path)
    if directory.finished:
        return directory
    lacking = set(directory.provenance().get("objects", ())) - set(objects)
    if lacking:
        names = ", ".join(sorted(lacking))
        raise ConetError(f"{path}, a run with Python objects of its own: {names}", "the same objects again",
                         f"from Python, conet.resume({str(path)!r}, {names}=…)")  # fmt: skip
    with exclusive(directory):
        if directory.finished:
            return directory
        recorder = Recorder(directory)
        given: dict[str, Any] = {"graph": directory.graph(), "tasks": directory.tasks()} | objects
        trainer = Trainer(directory.config, **given)
        if restored := recorder.restore():
            try:
                arrays, state = restored
                trainer.load(renamed(arrays), upgrade(state, trainer.config, len(trainer.tasks)))
            except (LookupError, TypeError, ValueError) as error:
                raise damaged(directory.path / CHECKPOINT, error, "start the run again") from None
        trainer.event("resumed")
        return _finish(directory, trainer, recorder, progress)


def _finish(directory: Run, trainer: Trainer, recorder: Recorder, progress: Progress | None) -> Run:
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
        if progress:
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
    summary["heating"] = events.heating(trainer.events)
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
